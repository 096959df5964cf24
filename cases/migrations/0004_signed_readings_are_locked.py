"""Triggers that refuse to change a signed reading, whoever asks.

SQLite drops a trigger with its table, and Django makes a table anew to alter it there: whatever migration alters
`cases_reading` later calls `lock` again. A test sees to it.
"""

from django.db import migrations

MESSAGE = "a signed reading never changes; amend it"
SQLITE = f"""
CREATE TRIGGER IF NOT EXISTS cases_reading_signed BEFORE UPDATE ON cases_reading WHEN OLD.state = 'signed'
BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END
"""
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION cases_reading_signed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER cases_reading_signed BEFORE UPDATE ON cases_reading
FOR EACH ROW WHEN (OLD.state = 'signed') EXECUTE FUNCTION cases_reading_signed()
"""


def lock(apps, schema_editor):
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL)


def unlock(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("DROP TRIGGER IF EXISTS cases_reading_signed")
    else:
        schema_editor.execute("DROP FUNCTION IF EXISTS cases_reading_signed() CASCADE")


class Migration(migrations.Migration):
    dependencies = [("cases", "0003_readings_are_signed")]

    operations = [migrations.RunPython(lock, unlock)]
