"""What many templates show and Django has no tag for."""

from __future__ import annotations

from django import template
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import QueryDict

from cases.choices import IcdrGrade
from cases.models import Membership, User

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
    request = context.get("request")
    query = request.GET.copy() if request is not None else QueryDict(mutable=True)
    query["page"] = str(number)
    return f"?{query.urlencode()}"
