# The only list of commands. `make` alone prints it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
STACK ?= rehearsal
API_PORT ?=
# Only as typed here: an exported KUBECONFIG is the way to a cluster that nobody meant.
EXISTING := $(if $(filter command line,$(origin KUBECONFIG)),$(KUBECONFIG))
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready
CODE := components operations rehearsal tests __main__.py

.PHONY: help up down test lint types fmt golden docs bench drills clean

help: ## print this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 10

up: $(READY) ## deploy STACK (rehearsal) to an embedded Kubernetes (API_PORT), or to the one of KUBECONFIG=FILE
	@$(RUN) -m rehearsal up --stack "$(STACK)" $(if $(API_PORT),--api-port "$(API_PORT)") $(if $(EXISTING),--kubeconfig "$(EXISTING)")

down: ## stop what `make up` started and remove what it made
	@if [ -x $(RUN) ]; then $(RUN) -m rehearsal down; else echo "nothing is up: there is no $(VENV)"; fi

test: $(READY) lint types ## every rung of proof but live, with its own set-up
	@$(RUN) -m rehearsal.tools ensure
	@$(RUN) -m rehearsal.node.needs
	@$(RUN) -m pytest -n 2 --dist loadgroup

lint: $(READY) ## style of the Python code
	@$(VENV)/bin/ruff check $(CODE)
	@$(VENV)/bin/ruff format --check $(CODE)

types: $(READY) ## mypy, strict
	@$(VENV)/bin/mypy

fmt: $(READY) ## format, and mend what can be mended
	@$(VENV)/bin/ruff check --fix $(CODE)
	@$(VENV)/bin/ruff format $(CODE)

golden: $(READY) ## rewrite the goldens; then read `git diff`
	@$(RUN) -m pytest -q -n 0 tests/golden --write-golden
	@git diff --stat -- tests/golden

docs: $(READY) ## rewrite docs/reference/, the spec's JSON Schema and the picture
	@$(RUN) -m operations.reference

bench: $(READY) ## measure, as ratios in one run
	@$(RUN) -m rehearsal.bench

drills: $(READY) ## failure drills
	@echo "skipped, because drills need pods that really run; see CHANGELOG.md"

clean: down ## `down`, and remove the virtual environment; the tool cache stays
	@rm -rf $(VENV) .bench *.egg-info

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python: %s is too old. Install Python 3.11 or newer, or name one: make PYTHON=python3.12" % sys.version.split()[0])'
	@echo "setting up $(VENV)"
	@$(PYTHON) -m venv $(VENV) || { echo "venv: Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
