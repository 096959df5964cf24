#!/bin/sh
# Installs what the tests need beside Python packages, where it is missing: a browser, gettext, real services, Node.js.
set -eu

missing=""
need() { # COMMAND... -- PACKAGE...: the packages are needed if none of the commands is there
    while [ "$1" != "--" ]; do
        command -v "$1" >/dev/null 2>&1 && return
        shift
    done
    shift
    missing="$missing $*"
}

need chromium chromium-browser google-chrome -- chromium
need xgettext -- gettext
need redis-server -- redis-server
need rabbitmq-server /usr/sbin/rabbitmq-server -- rabbitmq-server
need node -- nodejs
need npm -- npm
need initdb /usr/lib/postgresql/*/bin/initdb -- postgresql

[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need these programs, under their Debian names:$missing. Install them and run make test again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo"
else
    echo "The tests need Debian packages that are missing. Run: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "Installing$missing ..."
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086 # words are packages
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
