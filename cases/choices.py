"""Enumerations shared by models, forms, API and templates."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member may do in a clinic; `cases.permissions` holds the matrix."""

    TECHNICIAN = "technician", _("Technician")
    READER = "reader", _("Reader")
    SENIOR_READER = "senior_reader", _("Senior reader")
    CLINIC_ADMIN = "clinic_admin", _("Clinic administrator")


READING_ROLES = (Role.READER, Role.SENIOR_READER)


class Sex(models.TextChoices):
    """As registered."""

    FEMALE = "F", _("Female")
    MALE = "M", _("Male")
    OTHER = "O", _("Other")
    UNKNOWN = "U", _("Unknown")


class DiabetesType(models.TextChoices):
    """What is known of the patient's diabetes."""

    NONE = "none", _("No diabetes")
    TYPE_1 = "type1", _("Type 1")
    TYPE_2 = "type2", _("Type 2")
    GESTATIONAL = "gestational", _("Gestational")
    OTHER = "other", _("Other")
    UNKNOWN = "unknown", _("Unknown")


class Laterality(models.TextChoices):
    """OD (oculus dexter) is the patient's right eye, OS (oculus sinister) the left."""

    OD = "OD", _("Right eye (OD)")
    OS = "OS", _("Left eye (OS)")
    UNKNOWN = "unknown", _("Eye not stated")


class Field(models.TextChoices):
    """What the photograph is centred on."""

    MACULA = "macula", _("Macula-centred")
    DISC = "disc", _("Disc-centred")
    OTHER = "other", _("Other field")
    UNKNOWN = "unknown", _("Field not stated")


class LandmarkKind(models.TextChoices):
    """What a person can mark on a photograph."""

    DISC = "disc", _("Optic disc")
    FOVEA = "fovea", _("Fovea")


class QualityVerdict(models.TextChoices):
    """What can be done with a photograph; same codes as `inference.quality.Verdict`."""

    GRADABLE = "gradable", _("Gradable")
    LIMITED = "limited", _("Gradable with limits")
    UNGRADABLE = "ungradable", _("Ungradable")


class IcdrGrade(models.IntegerChoices):
    """International Clinical Diabetic Retinopathy severity scale (Wilkinson et al., Ophthalmology 2003)."""

    NO_DR = 0, _("No diabetic retinopathy")
    MILD = 1, _("Mild non-proliferative DR")
    MODERATE = 2, _("Moderate non-proliferative DR")
    SEVERE = 3, _("Severe non-proliferative DR")
    PROLIFERATIVE = 4, _("Proliferative DR")


class Lesion(models.TextChoices):
    """Same codes and order as `inference.lesions.LESIONS`; a test holds them together."""

    EX = "EX", _("Hard exudates")
    SE = "SE", _("Soft exudates")
    HE = "HE", _("Haemorrhages")
    MA = "MA", _("Microaneurysms")


class Detail(models.TextChoices):
    """Same codes as `inference.tiling.DETAILS`; a test holds them together."""

    STANDARD = "standard", _("Standard")
    HIGH = "high", _("High detail")


class PredictionState(models.TextChoices):
    """Where an analysis stands; `cases.services.prediction*` make every change."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Being analysed")
    SUCCEEDED = "succeeded", _("Analysed")
    FAILED = "failed", _("Failed")
    UNGRADABLE = "ungradable", _("Ungradable")
    CANCELLED = "cancelled", _("Cancelled")

    @classmethod
    def open_states(cls) -> tuple["PredictionState", ...]:
        """States in which work is still to be done."""
        return (cls.QUEUED, cls.RUNNING)

    @classmethod
    def results(cls) -> tuple["PredictionState", ...]:
        """States that say something about the photograph; the same weights would say it again."""
        return (cls.SUCCEEDED, cls.UNGRADABLE)


class Processor(models.TextChoices):
    """Which workers an analysis goes to; the value is also the name of their Celery queue."""

    CPU = "cpu", _("CPU")
    GPU = "gpu", _("GPU")


class NetworkState(models.TextChoices):
    """Where a version of a network stands; `cases.selectors.network_version` finds it out."""

    ACTIVE = "active", _("Active")
    PROPOSED = "proposed", _("Proposed")
    INSTALLED = "installed", _("Installed")
    RETIRED = "retired", _("Retired")


class ReadingState(models.TextChoices):
    """A signed reading is locked."""

    DRAFT = "draft", _("Draft")
    SIGNED = "signed", _("Signed")


class ReadingMode(models.TextChoices):
    """How many readers a study needs, chosen when it is opened; `cases.services.study` draws it."""

    SINGLE = "single", _("One reader")
    DOUBLE = "double", _("Two readers, blind to each other")
    DOUBLE_MASKED = "double_masked", _("Two readers, blind to each other and to the network")


class ReadingKind(models.TextChoices):
    """Whether a reader judged the photographs alone, or with the readings of others before them."""

    READING = "reading", _("Reading")
    ADJUDICATION = "adjudication", _("Adjudication")


class Gradability(models.TextChoices):
    """What a reader states of an eye's photographs, or of the eye."""

    GRADABLE = "gradable", _("Gradable")
    LIMITED = "limited", _("Gradable with limits")
    UNGRADABLE = "ungradable", _("Ungradable")
    ABSENT = "absent", _("No eye to examine (prosthesis, phthisis)")


class MacularOedema(models.TextChoices):
    """What a photograph can show of diabetic macular oedema: its proxy, hard exudates near the fovea."""

    NONE = "none", _("No sign")
    POSSIBLE = "possible", _("Exudates in the macula, more than one disc diameter from the fovea")
    REFERABLE = "referable", _("Exudates within one disc diameter of the fovea")


class Referral(models.IntegerChoices):
    """Whether, and how soon, a patient is sent to an ophthalmologist; the higher, the sooner."""

    NONE = 0, _("No referral")
    ROUTINE = 1, _("Refer")
    SOON = 2, _("Refer soon")
    URGENT = 3, _("Refer urgently")


class Standing(models.TextChoices):
    """On whose word a decision stands."""

    PROPOSED = "proposed", _("Proposed by the network, not signed")
    UNSETTLED = "unsettled", _("Signed, but a senior reader has not decided yet")
    SIGNED = "signed", _("Signed")


class Finding(models.TextChoices):
    """What of an eye decides on referral and recall: one row each of a clinic's table."""

    GRADE_0 = "grade_0", _("No diabetic retinopathy")
    GRADE_1 = "grade_1", _("Mild non-proliferative DR")
    GRADE_2 = "grade_2", _("Moderate non-proliferative DR")
    GRADE_3 = "grade_3", _("Severe non-proliferative DR")
    GRADE_4 = "grade_4", _("Proliferative DR")
    MACULA_POSSIBLE = "macula_possible", _("Macular oedema possible")
    MACULA_REFERABLE = "macula_referable", _("Macular oedema referable")
    UNGRADABLE = "ungradable", _("Ungradable photographs")
    MISSING = "missing", _("No photograph of this eye")


class StudyQueue(models.TextChoices):
    """Where a study stands on the work-list; `cases.services.study_queue` works it out."""

    UPLOAD_AGAIN = "upload_again", _("To upload again")
    TO_READ = "to_read", _("To read")
    TO_ADJUDICATE = "to_adjudicate", _("To adjudicate")
    SIGNED = "signed", _("Signed")


class Urgency(models.IntegerChoices):
    """How soon somebody should look at a study; the higher, the sooner."""

    ROUTINE = 0, _("Routine")
    SOON = 1, _("Soon")
    URGENT = 2, _("Urgent")


class AnalysisState(models.TextChoices):
    """How far the analyses of a study's photographs are, all together."""

    NONE = "none", _("Not analysed")
    WAITING = "waiting", _("Being analysed")
    FAILED = "failed", _("Failed")
    ANALYSED = "analysed", _("Analysed")


class Access(models.TextChoices):
    """How somebody came to know of a record without changing it."""

    LISTED = "listed", _("Saw in a list")
    VIEWED = "viewed", _("Looked at")
    DOWNLOADED = "downloaded", _("Downloaded")
    EXPORTED = "exported", _("Exported")


class Via(models.TextChoices):
    """By which way somebody acted."""

    PAGE = "page", _("Page")
    TOKEN = "token", _("API token")
    SYSTEM = "system", _("System")


class Assigned(models.TextChoices):
    """On whose desk the studies are that somebody looks for."""

    ME = "me", _("Me")
    NOBODY = "nobody", _("Nobody")


class ReportLanguage(models.TextChoices):
    """Each named in itself, whatever the language of the page."""

    ENGLISH = "en", "English"
    SIMPLIFIED_CHINESE = "zh-hans", "简体中文"
