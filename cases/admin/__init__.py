"""Administration for system administrators: people and clinics can be changed, clinical history can only be read."""

from cases.admin import history, people, records

__all__ = ["history", "people", "records"]
