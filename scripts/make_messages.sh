#!/bin/sh
# Bring locale/ up to date with the strings in Python, templates and scripts. Needs GNU gettext (apt install gettext).
# Then translate what `manage.py compile_translations --check` names.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
for domain in django djangojs; do
  "$python" -m django makemessages --verbosity 0 --locale zh_Hans --domain "$domain" --no-wrap --add-location file \
    --ignore .venv --ignore node_modules --ignore var --ignore runs --ignore tests --ignore docs --ignore benchmarks
done
