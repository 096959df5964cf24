"""Forms parse and check what people type; services write it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.choices import Access, AnalysisState, Assigned, IcdrGrade, StudyQueue, Urgency
from cases.models import Clinic, Patient, Study, User
from cases.permissions import Action, clinics_where
from cases.selectors.history import CHANGE, HistoryFilter
from cases.selectors.sharing import clinics_to_share_with
from cases.selectors.work_list import SHARED, WorkListFilter

SHARED_DAYS = 30  # proposed
AGREEMENT_DAYS = 365  # proposed


class DateInput(forms.DateInput):
    """The browser's own date picker, which wants ISO dates whatever the language."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class PatientForm(forms.ModelForm):
    """Fields of a patient. The clinic is asked for only where the person works in several."""

    class Meta:
        model = Patient
        fields = ("clinic", "record_number", "name", "birth_date", "sex", "diabetes_type", "diabetes_since")
        labels = {"name": _("Name")}
        widgets = {
            "birth_date": DateInput(),
            "record_number": forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
            "name": forms.TextInput({"autocomplete": "off"}),
            "diabetes_since": forms.NumberInput({"min": 1900, "max": 2100, "inputmode": "numeric"}),
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            del self.fields["clinic"]
            return
        clinics = clinics_where(user, Action.EDIT_PATIENT)
        field = cast("forms.ModelChoiceField", self.fields["clinic"])
        field.queryset = clinics
        if len(only := list(clinics[:2])) == 1:
            field.initial = only[0]
            field.widget = forms.HiddenInput()

    def clean_birth_date(self) -> dt.date | None:
        birth_date: dt.date | None = self.cleaned_data["birth_date"]
        if birth_date is not None and birth_date > timezone.localdate():
            raise ValidationError(_("The date of birth lies in the future."))
        return birth_date

    def clean_diabetes_since(self) -> int | None:
        year: int | None = self.cleaned_data["diabetes_since"]
        if year is not None and year > timezone.localdate().year:
            raise ValidationError(_("This year lies in the future."))
        return year

    def patient_fields(self) -> dict[str, Any]:
        """What the services take, without the clinic."""
        return {name: value for name, value in self.cleaned_data.items() if name != "clinic"}

    def add_error(self, field: str | None, error: Any) -> None:
        """Put faults beside their fields; the one rule across fields is that record numbers are unique."""
        found = getattr(error, "error_dict", {})
        if NON_FIELD_ERRORS in found:
            found["record_number"] = found.pop(NON_FIELD_ERRORS)
        super().add_error(field, error)


class VisitForm(forms.Form):
    """The day of an examination, and whose it is: a known patient's, or a new one's."""

    KNOWN, NEW = "known", "new"

    whose = forms.ChoiceField(choices=((KNOWN, KNOWN), (NEW, NEW)))
    patient = forms.ModelChoiceField(
        Patient.objects.none(),
        required=False,
        error_messages={"invalid_choice": _("This patient is not one of your clinic's. Search again.")},
    )
    visit_date = forms.DateField(label=_("Date of visit"), widget=DateInput(), initial=timezone.localdate)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField", self.fields["patient"])
        field.queryset = Patient.objects.for_user(user).select_related("clinic")

    def clean_visit_date(self) -> dt.date:
        visit_date: dt.date = self.cleaned_data["visit_date"]
        if visit_date > timezone.localdate():
            raise ValidationError(_("The date of the visit lies in the future."))
        return visit_date

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("whose") == self.KNOWN and not cleaned.get("patient") and "patient" not in self.errors:
            self.add_error("patient", _("Choose a patient from the list, or register a new one."))
        return cleaned


def grade_field(label: Any, *, empty: Any) -> forms.TypedChoiceField:
    """A choice of an ICDR grade, or of none."""
    return forms.TypedChoiceField(
        label=label, choices=(("", empty), *IcdrGrade.choices), required=False, coerce=int, empty_value=None
    )


class WorkListForm(forms.Form):
    """What narrows the work-list; every field may be empty."""

    queue = forms.ChoiceField(
        choices=(("", _("All")), *StudyQueue.choices, (SHARED, _("Second opinions"))),
        required=False,
        widget=forms.HiddenInput,
    )
    q = forms.CharField(
        label=_("Record number or name"),
        required=False,
        widget=forms.TextInput({"type": "search", "autocomplete": "off", "placeholder": _("Record number or name")}),
    )
    since = forms.DateField(label=_("Visits from"), required=False, widget=DateInput)
    until = forms.DateField(label=_("until"), required=False, widget=DateInput)
    grade = grade_field(_("Worst grade"), empty=_("Any"))
    urgency = forms.TypedChoiceField(
        label=_("Urgency"), choices=(("", _("Any")), *Urgency.choices), required=False, coerce=int, empty_value=None
    )
    analysis = forms.ChoiceField(label=_("Analysis"), choices=(("", _("Any")), *AnalysisState.choices), required=False)
    assigned = forms.ChoiceField(
        label=_("Assigned to"), choices=(("", _("Anybody")), *Assigned.choices), required=False
    )

    def wanted(self) -> WorkListFilter:
        """The filter; a value that makes no sense is shown as wrong and leaves nothing out."""
        self.is_valid()
        values = dict(self.cleaned_data)
        return WorkListFilter(search=values.pop("q", ""), **values)

    @property
    def filter_fields(self) -> list[forms.BoundField]:
        """The fields besides queue and search."""
        return [field for field in self.visible_fields() if field.name != "q"]

    @property
    def filters(self) -> bool:
        """Whether one of the `filter_fields` is filled in, or wrong."""
        return any(field.errors or self.cleaned_data.get(field.name) not in ("", None) for field in self.filter_fields)

    @property
    def narrows(self) -> bool:
        """Whether anything but the queue was asked for."""
        return self.filters or bool(self.cleaned_data.get("q"))


class HistoryForm(forms.Form):
    """What narrows the history; every field may be empty."""

    patient = forms.IntegerField(required=False, widget=forms.HiddenInput)
    study = forms.IntegerField(required=False, widget=forms.HiddenInput)
    person = forms.CharField(label=_("Person"), required=False)
    what = forms.ChoiceField(
        label=_("What"), choices=(("", _("Any")), (CHANGE, _("Changes")), *Access.choices), required=False
    )
    since = forms.DateField(label=_("From"), required=False, widget=DateInput)
    until = forms.DateField(label=_("until"), required=False, widget=DateInput)

    def wanted(self) -> HistoryFilter:
        """The filter; a value that makes no sense is shown as wrong and leaves nothing out."""
        self.is_valid()
        return HistoryFilter(**self.cleaned_data)


class AgreementForm(forms.Form):
    """From which day on signatures are counted."""

    since = forms.DateField(label=_("Signed since"), required=False, widget=DateInput)

    def __init__(self, data: Mapping[str, str]) -> None:
        self.proposed = timezone.localdate() - dt.timedelta(days=AGREEMENT_DAYS)
        super().__init__(data if data.get("since") else {"since": self.proposed})

    def wanted(self) -> dt.date:
        """The day; what is none is shown as wrong, and the proposed one counts."""
        self.is_valid()
        return self.cleaned_data.get("since", self.proposed)


class ShareForm(forms.Form):
    """With which clinic a study is shared, why, and until when."""

    clinic = forms.ModelChoiceField(Clinic.objects.none(), label=_("Clinic"))
    purpose = forms.CharField(label=_("Question"), widget=forms.Textarea({"rows": 2}), max_length=2000)
    until = forms.DateField(label=_("Until"), widget=DateInput)

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField", self.fields["clinic"]).queryset = clinics_to_share_with(study)
        self.fields["until"].initial = timezone.localdate() + dt.timedelta(days=SHARED_DAYS)


class SecondOpinionForm(forms.Form):
    """What a reader says of another clinic's study."""

    grade_od = grade_field(_("Grade, right eye (OD)"), empty=_("Not graded"))
    grade_os = grade_field(_("Grade, left eye (OS)"), empty=_("Not graded"))
    text = forms.CharField(label=_("Opinion"), widget=forms.Textarea({"rows": 4}), max_length=20_000)


class SpanForm(forms.Form):
    """Days of which figures are asked, at most five years."""

    LONGEST = dt.timedelta(days=5 * 366)

    first = forms.DateField(label=_("From"), widget=DateInput())
    last = forms.DateField(label=_("To"), widget=DateInput())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and not dt.timedelta(0) <= last - first <= self.LONGEST:
            raise ValidationError(_("The last day lies before the first, or more than five years after it."))
        return cleaned
