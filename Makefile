# make run    start drweb here (PORT, DRWEB_DATA_DIR, DRWEB_DEMO_PASSWORD ...; see docs/deployment.md)
# make test   every check and every test

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq --no-input
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
INSTALLED_NODE := node_modules/.installed
JOBS ?= 2
# Whole files, in the order in which tests/conftest.py puts them.
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
# Checks must not read or make the data of an installation.
CHECK_DATA := $(VENV)/check-data

.PHONY: help run test lint lint-python lint-django lint-javascript format unit system-packages clean

help:
	@sed -n 's/^# //p' Makefile | head -2

run: $(INSTALLED)
	@exec $(BIN)/python manage.py run

test: system-packages $(INSTALLED_DEV) $(INSTALLED_NODE)
	@$(MAKE) lint
	@$(MAKE) unit

lint: lint-python lint-django lint-javascript

lint-python: $(INSTALLED_DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	DRWEB_DATA_DIR=$(CHECK_DATA) $(BIN)/mypy

lint-django: $(INSTALLED_DEV)
	$(BIN)/djlint templates --lint --quiet
	DRWEB_DATA_DIR=$(CHECK_DATA) $(BIN)/python manage.py makemigrations --check --dry-run
	DRWEB_DATA_DIR=$(CHECK_DATA) DRWEB_HTTPS=1 $(BIN)/python manage.py check --deploy --fail-level WARNING
	DRWEB_DATA_DIR=$(CHECK_DATA) $(BIN)/python manage.py compile_translations --check

lint-javascript: $(INSTALLED_NODE)
	npm run --silent lint
	npm run --silent test

unit: $(INSTALLED_DEV)
	DRWEB_DATA_DIR=$(CHECK_DATA) $(BIN)/python manage.py compile_translations
	$(BIN)/python -m tests.services $(BIN)/python -m pytest -q $(PARALLEL) tests/cases tests/pages
	@# Apart: Playwright leaves an event loop running in its process, and tests of async code cannot share that.
	$(BIN)/python -m pytest tests/browser
	@# Apart: OpenVINO has been seen to kill a process that had run the tests of everything else before.
	$(BIN)/python -m pytest tests/inference
	@# Apart: these kill workers and servers at chosen moments, and need the machine to themselves.
	$(BIN)/python -m pytest tests/survival
	$(BIN)/python -m pytest $(PARALLEL) --max-worker-restart 0 \
	  --ignore tests/browser --ignore tests/inference --ignore tests/survival

format: $(INSTALLED_DEV)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

system-packages:
	@sh scripts/install_test_packages.sh

clean:
	rm -rf $(VENV) node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "drweb needs Python 3.11 or newer. Install it, or name it: make run PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Making the virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python has no venv module. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

$(INSTALLED): requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt (the first time this downloads about 3 GB) ..."
	@$(PIP) install -r requirements.txt
	@touch $@

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED) | $(BIN)/python
	@echo "Installing requirements-dev.txt ..."
	@$(PIP) install -r requirements-dev.txt
	@touch $@

$(INSTALLED_NODE): package.json package-lock.json
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@
