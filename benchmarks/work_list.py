"""What the work-list costs with many studies: milliseconds and queries per page, in the configured database.

    python benchmarks/work_list.py [--studies 50000]

Fills an empty database (``DRWEB_DATA_DIR`` or ``DRWEB_DATABASE_URL``) with made-up patients and studies of two clinics,
then asks for pages as a reader's browser does, through the whole of Django but without a network in between. The median
of several times counts. Processor time stands beside it: on a busy machine it says more, but it leaves out what
PostgreSQL does in processes of its own.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "drweb.settings")

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.choices import AnalysisState, Role, StudyQueue
from cases.models import Clinic, Image, Membership, Patient, Prediction, Study, User

TIMES = 9
QUEUES = (StudyQueue.SIGNED,) * 6 + (StudyQueue.TO_READ,) * 2 + (StudyQueue.UPLOAD_AGAIN, StudyQueue.TO_ADJUDICATE)
PAGES = {
    "to read": {},
    "all, page 40": {"queue": "", "page": "40"},
    "signed": {"queue": "signed"},
    "record number": {"queue": "", "q": "R0123"},
    "part of a name": {"queue": "", "q": "王3"},
    "nobody of that name": {"queue": "", "q": "zz"},
    "several filters": {"grade": "3", "assigned": "nobody", "since": "2020-01-01", "analysis": "analysed"},
    "filters that nothing fits": {"queue": "", "since": "2100-01-01"},
}


def fill(studies: int) -> User:
    """Two clinics, 3 of 4 studies in the first, whose reader is returned; a patient has two studies."""
    chance = random.Random(1)  # noqa: S311 - not for secrets
    clinics = [Clinic.objects.create(name=name) for name in ("Clinic A", "Clinic B")]
    reader = User.objects.create_user("bench-reader", password="bench")  # noqa: S106 - of this database only
    Membership.objects.create(user=reader, clinic=clinics[0], role=Role.READER)
    patients = Patient.objects.bulk_create(
        (
            Patient(clinic=clinics[number % 4 == 3], record_number=f"R{number:07d}", name=f"王{number} Patient")
            for number in range(studies // 2)
        ),
        batch_size=1000,
    )
    now = timezone.now()
    rows = Study.objects.bulk_create(
        (made_up(chance, patients[number % len(patients)], reader, now) for number in range(studies)), batch_size=1000
    )
    for study in rows:
        study.created_at = now - dt.timedelta(minutes=chance.randrange(1_000_000))
    Study.objects.bulk_update(rows, ["created_at"], batch_size=1000)
    images = Image.objects.bulk_create(
        (
            Image(
                study=study,
                original="o",
                preview="p",
                filename="f.jpg",
                byte_size=1,
                width=1,
                height=1,
                uploaded_by=reader,
            )
            for study in rows
            for _ in range(2)
        ),
        batch_size=1000,
    )
    Prediction.objects.bulk_create(
        (Prediction(image=image, model_name="unet-lite", requested_by=reader, state="succeeded") for image in images),
        batch_size=1000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return reader


def made_up(chance: random.Random, patient: Patient, reader: User, now: dt.datetime) -> Study:
    grade = chance.choice((0, 0, 0, 1, 2, 3, 4))
    return Study(
        clinic_id=patient.clinic_id,
        patient=patient,
        visit_date=(now - dt.timedelta(days=chance.randrange(700))).date(),
        created_by=reader,
        assigned_to=reader if chance.random() < 0.05 else None,
        queue=chance.choice(QUEUES),
        worst_grade=grade,
        urgency=max(0, grade - 1) if grade < 4 else 2,
        analysis_state=chance.choice((AnalysisState.ANALYSED,) * 9 + (AnalysisState.FAILED,)),
    )


def measure(client: Client, path: str, query: dict[str, str]) -> tuple[float, float, int]:
    """Median wall and processor milliseconds of a request, and its queries."""
    client.get(path, query)
    walls, processors = [], []
    for _ in range(TIMES):
        wall, processor = time.perf_counter(), time.process_time()
        assert client.get(path, query).status_code < 400
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    with CaptureQueriesContext(connection) as queries:
        client.get(path, query)
    return 1000 * statistics.median(walls), 1000 * statistics.median(processors), len(queries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=50_000)
    arguments = parser.parse_args()
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    if not User.objects.filter(username="bench-reader").exists():
        fill(arguments.studies)
    people = {"reader": User.objects.get(username="bench-reader")}
    people["sysadmin"], _ = User.objects.get_or_create(username="bench-root", is_superuser=True)
    print(f"{Study.objects.count()} studies, {connection.vendor}; milliseconds: median of {TIMES} (processor time)")
    for name, user in people.items():
        client = Client(SERVER_NAME="localhost")
        client.force_login(user)
        for page, query in PAGES.items():
            wall, processor, queries = measure(client, "/", query)
            print(f"  {name:9} {page:26} {wall:7.1f} ({processor:6.1f})  {queries} queries")
        wall, processor, queries = measure(
            client, "/studies/next/", {"queue": "to_read", "after": Study.objects.for_user(user).first().pk}
        )
        print(f"  {name:9} {'next case':26} {wall:7.1f} ({processor:6.1f})  {queries} queries")


if __name__ == "__main__":
    main()
