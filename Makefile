# Every habit of the project as a target; `make` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := python -m pip install --quiet --disable-pip-version-check
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

# $(call environment,FOLDER,WHAT PIP INSTALLS): a virtual environment, made anew only when pyproject.toml has changed.
define environment
@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("modelwatch needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)")'
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
$(PYTHON) -m venv $(1)
$(1)/bin/$(PIP) --upgrade "pip>=25.1"
$(1)/bin/$(PIP) $(2)
@touch $(1)/.ready
endef

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "%-16s %s\n", $$1, $$2}'

# ------------------------------------------------------------------------------------------------------------ environments

setup: $(VENV)/.ready ## make the developer's environment and install
$(VENV)/.ready: pyproject.toml
	$(call environment,$(VENV),--editable '.[server]' --group dev)

.venv-frameworks/.ready: pyproject.toml
	$(call environment,.venv-frameworks,--editable '.[server]' --group frameworks)

# Gradient's own client: its old pins do not install on today's Python, and it works with these newer releases.
GRADIENT := "click==8.1.8" requests requests-toolbelt six terminaltables click-didyoumean click-help-colors click-completion colorama \
	progressbar2 halo "marshmallow<3" attrs PyYAML python-dateutil "websocket-client<1" "gql[requests]==3.0.0a6" packaging setuptools \
	prometheus-client pymongo

.venv-gradient/.ready: Makefile
	$(call environment,.venv-gradient,$(GRADIENT))
	.venv-gradient/bin/$(PIP) --no-deps "gradient==2.99.4" "gradient-utils==0.5.0"

.venv-gradient1/.ready: Makefile
	$(call environment,.venv-gradient1,$(GRADIENT))
	.venv-gradient1/bin/$(PIP) --no-deps "gradient==1.11.0" "gradient-utils==0.5.0"

.venv-browser/.ready: pyproject.toml
	$(call environment,.venv-browser,--editable '.[server]' --group browser)

.venv-demo/.ready: pyproject.toml
	$(call environment,.venv-demo,--editable '.[server]' --group demo)

# ------------------------------------------------------------------------------------------------------------------ checks

fmt: setup ## format, and fix what can be fixed
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup ## ruff; a docstring on everything public and every test is among its rules
	$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: setup ## mypy --strict
	$(BIN)/mypy

layers: setup ## import-linter: imports point down
	$(BIN)/lint-imports

test: setup ## every test that needs no framework, with branch coverage
	$(BIN)/python -m pytest -m "not frameworks and not container and not gradient and not browser" -n auto --cov --cov-report=term $(ARGS)

test-fault: setup ## only those that kill us at every step and take the disk away
	$(BIN)/python -m pytest tests/fault -n auto $(ARGS)

test-process: setup ## only those with real processes, signals and exit codes
	$(BIN)/python -m pytest tests/process -n auto $(ARGS)

test-frameworks: .venv-frameworks/.ready ## real TensorFlow, Keras and ONNX saving while we watch
	.venv-frameworks/bin/python -m pytest -m frameworks --require-frameworks $(ARGS)

test-container: setup ## the image, entrypoint and sidecar in real containers, with podman; installs it where it may
	tests/container/prepare.sh
	$(BIN)/python -m pytest -m container --require-containers $(ARGS)

test-gradient: setup .venv-gradient/.ready .venv-gradient1/.ready ## Gradient's own command-line client against our server
	$(BIN)/python -m pytest -m gradient --require-gradient -n auto $(ARGS)

test-browser: .venv-browser/.ready ## the web page in a real browser: Debian's Chromium; installs it where it may
	tests/browser/prepare.sh
	.venv-browser/bin/python -m pytest -m browser --require-browser -n auto $(ARGS)

soak: setup .venv-frameworks/.ready ## the properties, many more examples, and a hundred kills during real trainings
	$(BIN)/python -m pytest -m "not frameworks and not container and not gradient and not browser" -n auto --hypothesis-profile=soak --timeout=3600 $(ARGS)
	.venv-frameworks/bin/python -m pytest tests/frameworks/test_killed_during_training.py --require-frameworks --hypothesis-profile=soak

docs: setup ## write the documents that are made from the code
	$(BIN)/python tests/support/option_documents.py

docs-check: setup ## links, symbols, commands, options and exit codes in the documentation are real
	$(BIN)/python -m pytest tests/docs --quiet $(ARGS)

check: lint types layers docs-check build-check test ## what must pass before every commit

check-all: lint types layers docs-check build-check test-container test-frameworks test-gradient test-browser test ## what CI runs: check, the frameworks, containers, Gradient's client, the web page

# ------------------------------------------------------------------------------------------------------- building, running

build: setup ## wheel and source distribution in dist/
	rm -rf dist && $(BIN)/python -m build --outdir dist . >/dev/null && ls -l dist

build-check: build ## what the wheel holds, and that it works without the developer's tools
	$(BIN)/python tests/build/check_wheel.py dist

bench: setup ## one table of measurements against their budgets
	$(BIN)/python tests/bench/run.py $(ARGS)

demo: .venv-demo/.ready ## train two programs on handwritten digits under modelwatch, and list their models
	@container/examples/demo.sh .venv-demo/bin

serve: .venv-demo/.ready ## serve what the demo trained: a web page at http://127.0.0.1:9320
	.venv-demo/bin/modelwatch serve --repository .demo/repository

clean: ## remove build outputs and caches; environments and the demo's repository stay
	rm -rf build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help setup fmt lint types layers test test-fault test-process test-frameworks test-container test-browser test-gradient soak docs docs-check check check-all \
	build build-check bench demo serve clean
