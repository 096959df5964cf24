"""One module per noun: fields, constraints and `for_user` querysets; no workflow."""

from cases.models.api_token import ApiToken
from cases.models.clinic import Clinic
from cases.models.history_entry import HistoryEntry
from cases.models.image import Image
from cases.models.mask_agreement import MaskAgreement
from cases.models.mask_revision import MaskRevision
from cases.models.membership import Membership
from cases.models.network_version import NetworkActivation, NetworkVersion
from cases.models.patient import Patient
from cases.models.prediction import LesionResult, Prediction
from cases.models.reading import Reading
from cases.models.referral_rule import ReferralRule
from cases.models.report import Report
from cases.models.study import Study
from cases.models.study_share import SecondOpinion, StudyShare
from cases.models.user import User
from cases.models.worker import Worker

__all__ = [
    "ApiToken",
    "Clinic",
    "HistoryEntry",
    "Image",
    "LesionResult",
    "MaskAgreement",
    "MaskRevision",
    "Membership",
    "NetworkActivation",
    "NetworkVersion",
    "Patient",
    "Prediction",
    "Reading",
    "ReferralRule",
    "Report",
    "SecondOpinion",
    "Study",
    "StudyShare",
    "User",
    "Worker",
]
