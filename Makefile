# Everything a fresh machine needs is Python 3.11.4 or newer; each target sets up .venv by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What test-gpu runs with; another interpreter, such as PY=python3, is taken as it is and nothing is installed.
PY := $(BIN)/python
DEPLOY := .venv-deploy
DEPLOY_STAMP := $(DEPLOY)/.installed
DOCS := .venv-docs
DOCS_STAMP := $(DOCS)/.installed
GPU_RUN := results/artefacts/test-gpu

.PHONY: quickstart test test-slow test-faults faults-kills faults-inputs test-gpu test-deploy deploy-table docs lint bench mutants clean help

help:
	@echo "make quickstart  install, search networks for digits on two budgets, write and print the report"
	@echo "make test        install, lint, type-check, run the tests"
	@echo "make test-slow   the tests that take minutes: kill and resume at more moments, the built wheel"
	@echo "make test-faults 200 kills: results are those of undisturbed commands; odd inputs; into results/reliability, twenty minutes"
	@echo "make test-gpu    tests on a GPU, samples a second, one CIFAR-10 budget; PY=python3: with that one, installs nothing"
	@echo "make test-deploy int8 networks in TensorFlow Lite Micro's interpreter; installs the extras deploy and onnx, 2.3 GB"
	@echo "make deploy-table  the same for 72 networks, into results/deploy; goes on where it was stopped"
	@echo "make docs        README and docs as an offline site, build/docs/index.html; links are checked"
	@echo "make mutants     400 random changes of the code, and which of them no test notices; hours"
	@echo "make bench       speed: ratios that must hold, figures for the record, into results/performance"

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,parallel,slurm]'
	@touch $(STAMP)

# Apart from .venv: the converter needs other versions of what both use.
$(DEPLOY_STAMP): pyproject.toml .ci/constraints-deploy.txt
	$(PYTHON) -m venv $(DEPLOY)
	$(DEPLOY)/bin/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints-deploy.txt -e '.[test,parallel,deploy,onnx]'
	@touch $(DEPLOY_STAMP)

# Apart from .venv: a site needs mkdocs (40 MB) and nothing of the suite.
$(DOCS_STAMP): .ci/requirements-docs.txt
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/requirements-docs.txt
	@touch $(DOCS_STAMP)

quickstart: $(STAMP)
	$(BIN)/suite run +experiment=quickstart
	$(BIN)/suite report results/quickstart

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -q -m "not slow and not deploy and not faults" -n 2
	$(BIN)/python -m pytest -q tests/performance --benchmark-only --benchmark-quiet -m "not slow and not record"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

# Two processes: kills wait for processes most of the time, odd inputs never.
test-faults: $(STAMP)
	$(MAKE) --jobs 2 --output-sync=target faults-kills faults-inputs

faults-kills: $(STAMP)
	$(BIN)/python -m pytest -q -m faults tests/faults --ignore=tests/faults/test_fuzz.py --record-faults=results/reliability

faults-inputs: $(STAMP)
	$(BIN)/python -m pytest -q -m faults tests/faults/test_fuzz.py --record-faults=results/reliability

test-gpu: $(if $(filter $(BIN)/%,$(PY)),$(STAMP))
	@$(PY) -c 'import sys, torch; torch.cuda.is_available() or sys.exit("no CUDA device: nothing was tested")'
	$(PY) -m pytest -q -m gpu $$(grep -rl --include='test_*.py' --exclude-dir=performance mark.gpu tests)
	$(PY) -m pytest -q -m gpu tests/performance/test_training_speed.py --benchmark-only --benchmark-quiet
ifdef SUITE_DATA_DIR
	rm -rf $(GPU_RUN)
	$(PY) -m suite.cli run benchmark=image_classification benchmark.data.download=false preset=brief compute=cuda \
		budget.weights=25% results_dir=$(GPU_RUN)
else
	@echo "no budget was run: set SUITE_DATA_DIR to a folder with CIFAR-10 (docs/benchmarks.md)"
endif

test-deploy: $(DEPLOY_STAMP)
	$(DEPLOY)/bin/python -m pytest -q -m deploy

deploy-table: $(DEPLOY_STAMP)
	$(DEPLOY)/bin/python tests/support/interpreter_table.py --out results/deploy

docs: $(DOCS_STAMP)
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build --strict -f .ci/mkdocs.yml
	@echo "site: build/docs/index.html"

bench: $(STAMP)
	$(BIN)/python -m pytest -q tests/performance --benchmark-only --benchmark-quiet --record-figures=results/performance \
		--timeout=3600

mutants: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt cosmic-ray==8.7.0
	$(BIN)/python .ci/mutants.py --sample 400 --seed 0 --jobs 2

clean:
	rm -rf $(VENV) $(DEPLOY) $(DOCS) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
