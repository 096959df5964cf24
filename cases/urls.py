"""Addresses of the pages. Logging in and out keep Django's own names, the rest is in the namespace ``cases``."""

from django.urls import include, path

from cases.views import (
    account,
    agreement,
    diagnosis,
    editor,
    history,
    home,
    networks,
    operation,
    patient,
    reading_rules,
    results,
    sharing,
    statistics,
    study,
    work_list,
)

account_patterns = [
    path("accounts/login/", account.Login.as_view(), name="login"),
    path("accounts/logout/", account.Logout.as_view(), name="logout"),
    path("accounts/password_change/", account.PasswordChange.as_view(), name="password_change"),
    path("accounts/password_change/done/", account.PasswordChangeDone.as_view(), name="password_change_done"),
    path("i18n/setlang/", account.set_language, name="set_language"),
]

page_patterns = [
    path("", home.home, name="home"),
    path("about/", home.about, name="about"),
    path("diagnosis/", diagnosis.diagnosis, name="diagnosis"),
    path("diagnosis/start/", diagnosis.diagnosis_start, name="diagnosis_start"),
    path("studies/next/", work_list.next_study, name="next_study"),
    path("studies/<int:study_id>/assign/", work_list.assign, name="assign"),
    path("studies/<int:study_id>/share/", sharing.share, name="share"),
    path("studies/<int:study_id>/opinion/", sharing.opinion, name="opinion"),
    path("shares/<int:share_id>/revoke/", sharing.revoke, name="share_revoke"),
    path("studies/<int:study_id>/", study.study, name="study"),
    path("studies/<int:study_id>/patient/", study.study_patient, name="study_patient"),
    path("images/<int:image_id>/correct/", editor.correct, name="correct"),
    path("images/<int:image_id>/correct/state/", editor.correct_state, name="correct_state"),
    path("reading-rules/", reading_rules.reading_rules, name="reading_rules"),
    path("reading-rules/<int:clinic_id>/", reading_rules.reading_rules, name="reading_rules"),
    path("agreement/", agreement.agreement, name="agreement"),
    path("agreement/<int:clinic_id>/", agreement.agreement, name="agreement"),
    path("history/", history.history, name="history"),
    path("history.csv", history.history_csv, name="history_csv"),
    path("patients/", patient.patients, name="patients"),
    path("patients/search/", patient.patient_search, name="patient_search"),
    path("patients/new/", patient.patient_new, name="patient_new"),
    path("patients/<int:patient_id>/", patient.patient, name="patient"),
    path("patients/<int:patient_id>/edit/", patient.patient_edit, name="patient_edit"),
    path("studies/<int:study_id>/versions/", networks.study_versions, name="study_versions"),
    path("networks/", networks.networks, name="networks"),
    path("networks/install/", networks.network_install, name="network_install"),
    path("networks/change/", networks.network_change, name="network_change"),
    path("networks/defaults/<int:clinic_id>/", networks.network_default, name="network_default"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("results/", results.results, name="results"),
    path("results/<str:language>.pdf", results.document, name="results_document"),
]

operation_patterns = [
    path("healthz", operation.healthz, name="healthz"),
    path("readyz", operation.readyz, name="readyz"),
    path("metrics", operation.metrics, name="metrics"),
]

urlpatterns = [*account_patterns, *operation_patterns, path("", include((page_patterns, "cases")))]
