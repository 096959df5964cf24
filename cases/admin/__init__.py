"""Administration for system administrators: people and clinics can be changed, clinical history can only be read."""

from cases.admin import history, operation, people, records

__all__ = ["history", "operation", "people", "records"]
