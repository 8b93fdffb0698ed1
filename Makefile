# Two commands for a fresh clone: `make demo` and `make test`. Each builds what it needs, once.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A stamp a set of extras, so that the demo downloads nothing that only developing needs.
DEMO_STAMP := $(VENV)/.demo
DEV_STAMP := $(VENV)/.dev

# Some hundred processes are started: what they compile is kept, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types imports unit integration faults soak tally contracts roles clean help

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("stratoscope needs Python >= 3.11, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(DEMO_STAMP): $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	@touch $@

$(DEV_STAMP): $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(DEMO_STAMP)

demo: $(DEMO_STAMP)  ## a real agent's run, recorded and travelled through
	@$(BIN)/stratoscope demo

test: lint types imports unit integration  ## everything that must be green

lint: $(DEV_STAMP)  ## ruff, check and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_STAMP)  ## mypy, strict
	$(BIN)/mypy

imports: $(DEV_STAMP)  ## who may import whom
	$(BIN)/lint-imports

# What covers them. The rest is run without the counting, which takes as much time as the tests.
COVERING := tests/unit/domain tests/unit/contracts tests/contract
unit: $(DEV_STAMP)  ## the pure parts, with a branch coverage of 100 %
	$(BIN)/python -m pytest -n 2 -q --cov --cov-report=term $(COVERING)
	$(BIN)/python -m pytest -n 2 -q tests/unit tests/golden $(COVERING:%=--ignore=%)

integration: $(DEV_STAMP)  ## what needs a broker and a database
	$(BIN)/python -m pytest -n 3 --dist worksteal -q tests/integration tests/faults

# Each run draws its own seed and prints it; SEED= repeats one.
FAULTS_ROUNDS ?= 3
FAULTS_SECONDS ?= 15
faults: $(DEV_STAMP)  ## the fault matrix: each fault in rounds, a cluster of three brokers (some 30 minutes)
	STRATO_FAULT_ROUNDS=$(FAULTS_ROUNDS) STRATO_FAULT_SECONDS=$(FAULTS_SECONDS) \
	STRATO_FAULT_SEED=$(SEED) $(BIN)/python -m pytest -n 0 -q -rA tests/faults

SOAK_RECORDS ?= 100000
SOAK_SECONDS ?= 14400
SOAK_CLUSTER_SECONDS ?= 3600
soak: $(DEV_STAMP)  ## five hours of faults; 100,000 odd records, and every verb and command over them
	STRATO_FAULT_SOAK_SECONDS=$(SOAK_SECONDS) STRATO_FAULT_CLUSTER_SECONDS=$(SOAK_CLUSTER_SECONDS) \
	STRATO_FAULT_SEED=$(SEED) $(BIN)/python -m pytest -n 0 -q -s -k hours \
	tests/faults/test_matrix.py tests/faults/test_cluster.py
	STRATO_FUZZ_RECORDS=$(SOAK_RECORDS) STRATO_FUZZ_SEED=$(SEED) \
	$(BIN)/python -m pytest -n 0 -q -s --timeout 3600 tests/integration/fuzz

tally:  ## what the soaks in .soaks came to, added up
	cd tests && ../$(BIN)/python -m support.fault_tally ../.soaks/*.jsonl

contracts: $(DEV_STAMP)  ## write contracts/schemas and contracts/asyncapi.yaml from the models
	$(BIN)/python -m stratoscope_contracts.generate contracts

roles: $(DEV_STAMP)  ## write the table of docs/roles.md
	cd tests && ../$(BIN)/python -m support.role_matrix

clean:  ## forget the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
