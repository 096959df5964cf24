from __future__ import annotations

from django.shortcuts import get_object_or_404

from cases.models import Report
from cases.selectors.viewer import Viewer


def report_get(user: Viewer, report_id: int) -> Report:
    """A report. Raises `Http404` where it is none of the user's clinics'."""
    return get_object_or_404(Report.objects.for_user(user).select_related("study"), pk=report_id)
