"""What many templates show and Django has no tag for."""

from __future__ import annotations

from collections.abc import Iterable

from django import template
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from cases.choices import IcdrGrade
from cases.models import Membership, User
from cases.permissions import MATRIX, Action

register = template.Library()


@register.simple_tag
def memberships_of(user: User | AnonymousUser | None) -> QuerySet[Membership]:
    """Clinics and roles of the person, for the head of each page."""
    if user is None or not isinstance(user, User):
        return Membership.objects.none()
    return user.memberships.select_related("clinic")


@register.filter
def grade_label(grade: int | None) -> str:
    """The name of an ICDR grade; empty where there is none."""
    return str(IcdrGrade(grade).label) if grade is not None else ""


@register.simple_tag(takes_context=True)
def page_link(context: template.Context, number: int) -> str:
    """The query string of this page with another page number, so that a search survives paging."""
    return _changed(context, page=str(number))


@register.simple_tag(takes_context=True)
def queue_link(context: template.Context, queue: str) -> str:
    """The query string of this page for the first page of another queue, so that a search survives changing queues."""
    return _changed(context, queue=queue, page="1")


def _changed(context: template.Context, **values: str) -> str:
    request = context.get("request")
    query = request.GET.copy() if request is not None else QueryDict(mutable=True)
    for name, value in values.items():
        query[name] = value
    return f"?{query.urlencode()}"


@register.filter
def manages_any(memberships: Iterable[Membership]) -> bool:
    """Whether one of the memberships is a clinic administrator's."""
    return any(Action.MANAGE in MATRIX[membership.role] for membership in memberships)


@register.filter
def compares_readers(memberships: Iterable[Membership]) -> bool:
    """Whether one of the memberships lets the person see how well readers agree."""
    return any(Action.COMPARE_READERS in MATRIX[membership.role] for membership in memberships)


@register.filter
def change(number: float | None) -> str:
    """A difference with its sign; a dash where it is not known."""
    if number is None:
        return "–"
    return f"{number:+d}" if isinstance(number, int) else f"{number:+.2f}"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them; a dash where nothing was measured."""
    if seconds is None:
        return "–"
    if seconds < 2 * 60:
        return _("%(number).0f s") % {"number": seconds}
    if seconds < 2 * 3600:
        return _("%(number).0f min") % {"number": seconds / 60}
    if seconds < 2 * 86400:
        return _("%(number).1f h") % {"number": seconds / 3600}
    return _("%(number).1f days") % {"number": seconds / 86400}


@register.filter
def percent_of(part: int, whole: int) -> str:
    """A share in percent; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
