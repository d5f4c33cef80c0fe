# One command each, on a fresh machine with Python 3.11 or newer and nothing else:
#   make run      start everything (database, web, workers, simulators) and print where it is; Ctrl-C stops it
#   make demo     tell the whole story against what `make run` runs in another terminal, in under two minutes
#   make test     run the tests in two processes; only one kind with  make test only="listing and not slow"
#   make chaos    kill processes and cut the network for a quarter of an hour while orders flow, then compare all
#                 books; prints a table of what was survived. Options: make chaos kills=500 seed=42
#   make check    format, lint, types, import rules, Django's own checks, and that docs/openapi.yaml is current
#   make bench    measure what the hub can do beside bare PostgreSQL and Django; one part with  make bench only=bulk
#   make schema   write docs/openapi.yaml, the API's description, after a change of the API; the result is committed
#   make messages compile the translations after editing a .po file; the result is committed
#   make setup    just the virtual environment
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
only ?=
workers ?= 2
kills ?= 200
seed ?=
rounds ?= 5
# Tests and checks have a database of their own: a `make run` beside them is not disturbed.
TEST_ENV = HUB_DATA="$${HUB_DATA:-$(CURDIR)/var/test}" HUB_PG_CONF="$${HUB_PG_CONF:-fsync=off,full_page_writes=off}"

# With the shipped limits and answers, whatever this machine's environment says.
SPECTACULAR = env -u HUB_RATE_TABLE -u HUB_STEP_STATUS $(BIN)/python manage.py spectacular --validate --fail-on-warn

.DEFAULT_GOAL := run
.PHONY: setup run test chaos bench check demo messages schema

setup: $(VENV)/.runtime

run: $(VENV)/.runtime
	@exec $(BIN)/python manage.py run

demo: $(VENV)/.runtime
	@$(BIN)/python manage.py demo

test: $(VENV)/.testing
	@$(TEST_ENV) $(BIN)/python -m pytest -n $(workers) $(if $(only),-k "$(only)")

chaos: $(VENV)/.testing
	@$(TEST_ENV) $(BIN)/python -m tests.scenarios.chaos --kills $(kills) $(if $(seed),--seed $(seed))

# With PostgreSQL as shipped: what is measured is written to disk. Fails where a target is missed.
bench: $(VENV)/.testing
	@$(BIN)/python -m benchmarks --rounds $(rounds) $(if $(only),--only "$(only)")

check: $(VENV)/.testing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@export $(TEST_ENV) && set -x \
		&& $(BIN)/mypy \
		&& $(BIN)/lint-imports \
		&& $(BIN)/python manage.py check \
		&& $(BIN)/python manage.py makemigrations --check --dry-run
	@$(TEST_ENV) $(SPECTACULAR) | diff -u docs/openapi.yaml - \
		|| { echo "docs/openapi.yaml does not describe the API as it is now: run \`make schema\` and commit the result."; exit 1; }

# The API's description, committed so that every change of it is seen in review.
schema: $(VENV)/.testing
	@$(TEST_ENV) $(SPECTACULAR) --file docs/openapi.yaml

# Compiled without gettext, which a fresh machine does not have.
messages: $(VENV)/.testing
	@$(BIN)/python -c 'import pathlib, polib; [polib.pofile(str(po)).save_as_mofile(str(po.with_suffix(".mo"))) for po in pathlib.Path("locale").glob("*/LC_MESSAGES/*.po")]'

# The stamps are touched last: an interrupted installation is done again, a finished one never.
$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	@echo "Installing the hub's requirements into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.testing: $(VENV)/.runtime tests/requirements.txt
	@echo "Installing the test requirements into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "The hub needs Python 3.11 or newer; there is no $(PYTHON) on this machine."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "The hub needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
