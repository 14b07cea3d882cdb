# make demo     install dver into .venv and walk through two sessions: versions of data, and a pipeline that trains models
# make test     install what the tests need and run them (PYTEST_ARGS="-k add" and the like; JOBS=5)
# make check    lint, types, layers and tests: what CI runs
# make docs     write docs/cli.md, docs/python-reference.md and docs/format/sizes.md from the code
# make faults   break every command off at each of its writes, and see that nothing is lost (FAULTS_ARGS; minutes)
# make soak     let ten clones push beside a gc, round after round (ROUNDS=200, SOAK_ARGS="--seed 7"; hours)
# make drift-alarms  count false alarms of drift and shifts that it finds over 500 resamples (ALARMS_ARGS; half an hour)
# make oracles  record what Evidently and NannyML compute, for tests (3 GB in build/oracles; ORACLE_PYTHON=python3.11)
# make fuzz     feed the decoders what no encoder writes, for longer than the tests do
# make bench    compare with DVC (BENCH_ARGS)
# make bench-storage  what changes, a million files and a large one cost (DEDUP_ARGS, SCALE_ARGS; 10 GB, an hour)
# Needs git, make and Python 3.11 or later; everything else is installed into .venv. PYTHON=… chooses the interpreter.

VENV ?= .venv
JOBS ?= 5
ROUNDS ?= 200
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install $(INSTALL_ARGS) --editable
PYTHONS := $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test install-test lint types layers check docs bench bench-storage faults soak fuzz format clean

help:
	@sed -n 's/^# //p' Makefile

demo: $(VENV)/.installed-demo
	@rm -rf build/demo build/demo-pipeline && mkdir -p build
	@$(BIN)/dver demo build/demo
	@$(BIN)/dver demo --pipeline examples/digits build/demo-pipeline

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

install-test: $(VENV)/.installed-test

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-lint
	$(BIN)/mypy

layers: $(VENV)/.installed-lint
	$(BIN)/lint-imports

check: lint types layers test

format: $(VENV)/.installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.installed
	$(BIN)/python -m dver.cli.reference docs/cli.md
	$(BIN)/python -m dver.api.reference docs/python-reference.md
	PYTHONPATH=tests $(BIN)/python -m docpages.sizes docs/format/sizes.md

faults: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python -m faults --jobs $(JOBS) $(FAULTS_ARGS)

soak: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python -m soak --rounds $(ROUNDS) $(SOAK_ARGS)

drift-alarms: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python -m driftalarms $(ALARMS_ARGS)

# These need an older pandas than dver's tests, so they have an environment of their own. They must not report their use.
oracles: build/oracles/.installed
	cd tests/oracles && for script in *_figures.py; do \
	    NML_DISABLE_USAGE_LOGGING=1 DO_NOT_TRACK=1 ../../build/oracles/bin/python $$script || exit 1; \
	done

ORACLE_PYTHON ?= python3.11
build/oracles/.installed:
	$(ORACLE_PYTHON) -m venv build/oracles
	build/oracles/bin/python -m pip install --quiet evidently==0.7.23 nannyml==0.13.1 'pandas<3'
	@touch $@

fuzz: $(VENV)/.installed-test
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(JOBS) -o timeout=0 tests/formats/test_fuzz.py $(PYTEST_ARGS)

bench: $(VENV)/.installed-bench
	$(BIN)/python bench/compare.py $(BENCH_ARGS)

bench-storage: $(VENV)/.installed-bench $(VENV)/.installed-test
	mkdir -p build
	$(BIN)/python bench/dedup.py $(DEDUP_ARGS)
	$(BIN)/python bench/scale.py $(or $(SCALE_ARGS),build --files 10000,100000,1000000 --large-mb 5000)
	$(BIN)/python bench/big_remote.py build

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# One virtual environment; a stamp for each set of requirements in it, so that a second call installs nothing.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "installing dver into $(VENV)"
	@$(INSTALL) .
	@touch $@

$(VENV)/.installed-%: pyproject.toml | $(BIN)/python
	@echo "installing dver and what '$*' needs into $(VENV)"
	@$(INSTALL) '.[$*]'
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@for python in $(PYTHONS); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "error: no Python 3.11 or later among: $(PYTHONS)" >&2; \
	    echo "fix: install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "error: $$found cannot make virtual environments" >&2; \
	    echo "fix: on Debian and Ubuntu, install the package python3-venv" >&2; exit 1; \
	fi; \
	$$found -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(PIP) install --upgrade pip || true  # the one that Python brings takes twice as long
