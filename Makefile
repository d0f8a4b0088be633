# A fresh machine needs Python >= 3.11 and make; everything else is installed into .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# two tests at a time, a thread each: most of their time is the start of processes
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

ARGS ?=

.PHONY: help setup demo table1 bench test test-fast lint clean
help:  ## tell what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("vton-aux needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

setup: $(READY)  ## create .venv with the tested versions

demo: $(READY)  ## train the three arms small on synthetic data and compare them (under 10 minutes on two cores)
	$(BIN)/python -m vton_aux demo

table1: $(READY)  ## Table 1, five trainings a seed: ARGS="--features inception data=viton data.root=DIR trainer=gpu"
	$(BIN)/python -m vton_aux ablation $(ARGS)

bench: $(READY)  ## measure this machine: ARGS="--data DIR --reference CP_VTON" (all of it takes about an hour)
	$(BIN)/python -m vton_aux bench run $(ARGS)

test: $(READY)  ## run the whole test suite (VITON_ROOT=DIR adds the tests on the real data)
	$(PYTEST)

test-fast: $(READY)  ## run the tests that take no training
	$(PYTEST) -m 'not slow'

lint: $(READY)  ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## remove the environment and the caches; runs/ and data/ stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
