from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from itertools import combinations

import numpy as np
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases.choices import ReportLanguage
from cases.reports.fonts import break_lines, printable, text_width, undrawable
from cases.services.report import report_create
from tests.factories import staffed_clinic
from tests.reports.pdfs import content, glyphs, pages, text

LANGUAGES = ReportLanguage.values


def alike(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two rendered characters show the same shape."""
    rows, columns = min(first.shape[0], second.shape[0]), min(first.shape[1], second.shape[1])
    return float(abs(first[:rows, :columns].astype(int) - second[:rows, :columns]).mean()) < 12


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
def test_chinese_is_printed_in_ink_and_not_as_boxes(language, caplog):
    staff = staffed_clinic()
    staff.clinic.name = "市眼科医院"
    staff.clinic.save()
    characters = "王芳双眼中度非增殖性糖尿病视网膜变建议三个月后复查龚喆堃犇镕䶮㛃，。（）"
    report = report_create(
        user=staff.reader, study=staff.study, patient_name="欧阳娜娜", diagnosis=characters, language=language
    )
    drawn = glyphs(content(report), characters)
    assert set(drawn) == set(characters)
    for char, pixels in drawn.items():
        assert (pixels < 128).mean() > 0.04, f"{char} has no ink"
    same = [(a, b) for (a, first), (b, second) in combinations(drawn.items(), 2) if alike(first, second)]
    assert same == []
    assert [record.name for record in caplog.records if record.name.startswith("xhtml2pdf")] == []


@pytest.mark.django_db
def test_other_alphabets_are_printed_too():
    staff = staffed_clinic()
    name = "Łukasz Đặng Иванов Ωμέγα"
    report = report_create(user=staff.reader, study=staff.study, patient_name=name)
    assert name in text(report)
    drawn = glyphs(content(report), "ŁĐặИвΩμέ")
    assert all((pixels < 128).any() for pixels in drawn.values())
    assert len(drawn) == 8


@pytest.mark.django_db
def test_a_character_that_no_font_has_is_given_by_its_number_and_the_reader_told():
    staff = staffed_clinic()
    words = text(report_create(user=staff.reader, study=staff.study, patient_name="𠮷田", diagnosis="😀"))
    assert "[U+20BB7]田" in words
    assert "[U+1F600]" in words
    assert "cannot be printed in this report and are given by their Unicode numbers: U+20BB7, U+1F600" in words
    plain = text(report_create(user=staff.reader, study=staff.study, patient_name="吉田"))
    assert "cannot be printed" not in plain


@pytest.mark.django_db
def test_the_fonts_are_embedded_and_cut_down_to_what_is_used():
    staff = staffed_clinic()
    pdf = content(report_create(user=staff.reader, study=staff.study, patient_name="王芳"))
    files = {}
    for page in pypdf.PdfReader(BytesIO(pdf)).pages:
        for font in page["/Resources"]["/Font"].values():
            descriptor = font.get_object().get("/FontDescriptor", {})
            if "/FontFile2" in descriptor:
                files[descriptor["/FontName"]] = len(descriptor["/FontFile2"].get_data())
    (name,) = [name for name in files if "Droid" in name]
    assert "+" in name
    assert files[name] < 300_000


@pytest.mark.django_db
def test_dates_follow_the_language():
    staff = staffed_clinic()
    day = staff.study.visit_date
    english = text(report_create(user=staff.reader, study=staff.study))
    chinese = text(report_create(user=staff.reader, study=staff.study, language=ReportLanguage.SIMPLIFIED_CHINESE))
    assert f"{day.year}年{day.month}月{day.day}日" in chinese
    assert f"{day.day}, {day.year}" in english


def test_what_cannot_be_seen_is_left_out():
    assert printable("a\u202eb\u200d\x07c\ufe0f") == "abc"
    assert printable("e\u0301") == "é"
    assert printable("a\u3000b\tc\r\nd") == "a\u3000b c\nd"
    assert undrawable("𠮷a𠮷") == ["𠮷"]


def test_words_and_numbers_are_not_cut_and_marks_stay_with_their_words():
    diagnosis = "双眼中度非增殖性糖尿病视网膜病变（NPDR），糖化血红蛋白HbA1c 8.2 %，血压145/90 mmHg，建议三个月后复查。"
    for width in range(60, 400, 7):
        lines = break_lines(diagnosis, width=width, size=10)
        assert not any(line[0] in "，。）%" for line in lines)
        for unit in ("NPDR", "HbA1c", "8.2 %", "145/90", "mmHg"):
            assert any(unit in line for line in lines), (unit, width)


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("ab1 .,中文视网膜（）。，\n-/%𠮷é"), max_size=200),
    st.floats(min_value=60, max_value=500),
)
def test_lines_fit_and_lose_nothing(source, width):
    lines = break_lines(source, width=width, size=10)
    assert "".join("".join(lines).split()) == "".join(source.split())
    assert all(text_width(line, 10) <= width + 1e-6 for line in lines)


SIMULTANEOUS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import django; django.setup()
from django.template import engines
from cases.reports import pdf

html = '''<style>
@font-face { font-family: "report-cjk"; src: url("font:report-cjk.ttf"); }
p { font-family: Helvetica, "report-cjk"; }
</style><p>{{ words }}</p>'''
pdf.render_to_string = lambda name, context: engines["django"].from_string(html).render(context)
with ThreadPoolExecutor(4) as threads:
    texts = [pdf.PdfDocument("", "", "", {"words": words}, {}) for words in sys.argv[2:]]
    for number, drawn in enumerate(threads.map(pdf.render_pdf, texts)):
        Path(sys.argv[1], f"{number}.pdf").write_bytes(drawn)
"""


def test_the_first_reports_of_a_process_may_be_drawn_at_the_same_time(tmp_path):
    texts = ["王芳双眼中度非增殖性", "糖尿病视网膜病变建议", "三个月后复查欧阳娜娜", "龚喆堃犇镕黄斑区可见"]
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""}
    subprocess.run([sys.executable, "-c", SIMULTANEOUS, str(tmp_path), *texts], env=environment, check=True)
    assert [" ".join(pages((tmp_path / f"{number}.pdf").read_bytes())) for number in range(4)] == texts
