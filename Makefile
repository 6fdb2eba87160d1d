# Every habit of the project as a target; `make` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "%-18s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## make the environment and install

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	touch $@

fmt: setup ## format and fix what can be fixed
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## ruff
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: setup ## mypy --strict
	$(BIN)/mypy

layers: setup ## import-linter
	$(BIN)/lint-imports

test: setup ## the tests that need no framework
	$(BIN)/python -m pytest

.PHONY: help setup fmt lint types layers test
