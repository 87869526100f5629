# Everything a fresh machine needs is Python 3.11.4 or newer; each target sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEPLOY := .venv-deploy
DEPLOY_STAMP := $(DEPLOY)/.installed

.PHONY: quickstart test test-slow test-deploy deploy-table lint bench clean help

help:
	@echo "make quickstart  install, search networks for digits on two budgets, write and print the report"
	@echo "make test        install, lint, type-check, run the tests"
	@echo "make test-slow   the tests that take minutes: kill and resume at more moments, the built wheel"
	@echo "make test-deploy int8 networks in TensorFlow Lite Micro's interpreter; installs the extras deploy and onnx, 2.3 GB"
	@echo "make deploy-table  the same for 72 networks, into results/deploy; goes on where it was stopped"
	@echo "make bench       speed: ratios that must hold, and absolute figures for the record"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,parallel]'
	@touch $(STAMP)

# Apart from .venv: the converter needs other versions of what both use.
$(DEPLOY_STAMP): pyproject.toml .ci/constraints-deploy.txt
	$(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints-deploy.txt -e '.[test,parallel,deploy,onnx]'
	@touch $(DEPLOY_STAMP)

quickstart: $(STAMP)
	$(BIN)/suite run +experiment=quickstart
	$(BIN)/suite report results/quickstart

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -q -m "not slow and not deploy" -n 2
	$(BIN)/python -m pytest -q tests/performance --benchmark-only --benchmark-columns=median,rounds -m "not slow"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

test-deploy: $(DEPLOY_STAMP)
	$(DEPLOY)/bin/python -m pytest -q -m deploy

deploy-table: $(DEPLOY_STAMP)
	$(DEPLOY)/bin/python -m suite.deploy.table --out results/deploy

bench: $(STAMP)
	@mkdir -p results/artefacts
	$(BIN)/python -m pytest tests/performance --benchmark-only --benchmark-json=results/artefacts/bench.json

clean:
	rm -rf $(VENV) $(DEPLOY) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
