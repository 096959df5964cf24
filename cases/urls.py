"""Addresses of the pages. Logging in and out keep Django's own names, the rest is in the namespace ``cases``."""

from django.urls import include, path

from cases.views import account, home

account_patterns = [
    path("accounts/login/", account.Login.as_view(), name="login"),
    path("accounts/logout/", account.Logout.as_view(), name="logout"),
    path("accounts/password_change/", account.PasswordChange.as_view(), name="password_change"),
    path("accounts/password_change/done/", account.PasswordChangeDone.as_view(), name="password_change_done"),
    path("i18n/setlang/", account.set_language, name="set_language"),
]

page_patterns = [
    path("", home.home, name="home"),
]

urlpatterns = [*account_patterns, path("", include((page_patterns, "cases")))]
