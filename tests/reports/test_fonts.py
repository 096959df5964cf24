from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from itertools import combinations

import numpy as np
import pypdf
import pytest

from cases.choices import ReportLanguage
from cases.reports.fonts import printable, undrawable
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
def test_chinese_is_printed_in_ink_and_not_as_boxes(language):
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
    words = text(report_create(user=staff.reader, study=staff.study, patient_name="𠮷田", diagnosis="🧿"))
    assert "[U+20BB7]田" in words
    assert "[U+1F9FF]" in words
    assert "cannot be printed in this report and are given by their Unicode numbers: U+20BB7, U+1F9FF" in words
    plain = text(report_create(user=staff.reader, study=staff.study, patient_name="吉田"))
    assert "cannot be printed" not in plain


@pytest.mark.django_db
def test_the_fonts_are_embedded_and_cut_down_to_what_is_used():
    staff = staffed_clinic()
    pdf = content(report_create(user=staff.reader, study=staff.study, patient_name="王芳"))
    files = {}
    for page in pypdf.PdfReader(BytesIO(pdf)).pages:
        for font in page["/Resources"]["/Font"].values():
            (face,) = font["/DescendantFonts"]
            descriptor = face["/FontDescriptor"]
            files[descriptor["/FontName"]] = len(descriptor["/FontFile2"].get_data())
    assert len(files) == 2
    for name, size in files.items():
        assert "+" in name
        assert size < 300_000


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


@pytest.mark.django_db
def test_words_and_numbers_are_not_cut_and_marks_stay_with_their_words():
    staff = staffed_clinic()
    finding = "双眼中度非增殖性糖尿病视网膜病变（NPDR），糖化血红蛋白HbA1c 8.2 %，血压145/90 mmHg，建议三个月后复查。"
    # Each line of the diagnosis ends at another place of the sentence.
    diagnosis = "\n".join("视" * before + finding for before in range(0, 45, 3))
    pdf = content(report_create(user=staff.reader, study=staff.study, diagnosis=diagnosis))
    printed = "\n".join(page.extract_text() for page in pypdf.PdfReader(BytesIO(pdf)).pages).split("\n")
    lines = [line.strip() for line in printed]
    assert "".join(lines).replace(" ", "").count(finding.replace(" ", "")) == 15
    assert not any(line[0] in "，。）%" for line in lines if line)
    for unit in ("NPDR", "HbA1c", "8.2 %", "145/90", "mmHg"):
        assert sum(line.count(unit) for line in lines) >= 15, unit


SIMULTANEOUS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import django; django.setup()
from cases.reports import pdf

pdf.LAYOUTS = Path(sys.argv[1])
(pdf.LAYOUTS / "words.typ").write_text('''
#set text(font: ("DejaVu Sans", "Droid Sans Fallback"))
#json("document.json").text
''')
with ThreadPoolExecutor(4) as threads:
    texts = [pdf.PdfDocument("", "", "words.typ", {}, {"text": text}, {}) for text in sys.argv[2:]]
    for number, drawn in enumerate(threads.map(pdf.render_pdf, texts)):
        Path(sys.argv[1], f"{number}.pdf").write_bytes(drawn)
"""


def test_the_first_reports_of_a_process_may_be_drawn_at_the_same_time(tmp_path):
    texts = ["王芳双眼中度非增殖性", "糖尿病视网膜病变建议", "三个月后复查欧阳娜娜", "龚喆堃犇镕黄斑区可见"]
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": ""}
    subprocess.run([sys.executable, "-c", SIMULTANEOUS, str(tmp_path), *texts], env=environment, check=True)
    assert [" ".join(pages((tmp_path / f"{number}.pdf").read_bytes())) for number in range(4)] == texts
