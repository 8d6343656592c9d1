# Meterstream. `make` alone lists the targets; PYTHON=… chooses the interpreter (3.11 or newer).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NATIVE := $(VENV)/.native
BUILT := stream/core/*.so meterstream_core__mypyc*.so build

.DEFAULT_GOAL := help
.PHONY: help install check lint types imports format test unit chaos demo up native clean-native bench \
	bench-quick schemas pins clean

help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Make .venv with everything the project needs

$(INSTALLED): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Meterstream needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(INSTALLED) ## Bring the whole stack up, publish real usage, print what ClickHouse counted
	@$(BIN)/meterstream demo

up: $(INSTALLED) ## Run Kafka, ClickHouse, worker and sink in the foreground
	@$(BIN)/meterstream up

test: $(INSTALLED) ## Run all tests, each file on one of two workers
	$(BIN)/pytest --numprocesses 2 --dist loadfile

unit: $(INSTALLED) ## Run the tests that need no server
	$(BIN)/pytest tests/unit

chaos: $(INSTALLED) ## Kill and stop everything under load, compare every count; SEED=1 MINUTES=5 BROKERS=1
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(BROKERS),--brokers $(BROKERS)) $(CHAOS)

check: lint types imports ## Run every static check

lint: $(INSTALLED) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED) ## mypy, strict
	$(BIN)/mypy

imports: $(INSTALLED) ## import-linter: the architecture as a contract
	$(BIN)/lint-imports

format: $(INSTALLED) ## Rewrite the code in the project's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

native: $(NATIVE) ## Compile the stream's core in place, where there is a C compiler: a quarter less CPU an event

$(NATIVE): $(INSTALLED) compile_core.py $(wildcard stream/core/*.py)
	$(BIN)/python -m compile_core
	@touch $@

clean-native: ## Remove what `make native` built: the same code runs interpreted again
	rm -rf $(BUILT) $(NATIVE)

bench: $(INSTALLED) ## Measure the worker beside its peers, each made in an environment of its own
	@if command -v cc >/dev/null; then $(MAKE) --no-print-directory native; \
		else echo "no C compiler: the core is measured interpreted" >&2; fi
	@$(BIN)/python -m benchmarks $(BENCH)

bench-quick: $(INSTALLED) ## Compare an event's cost in the core and in a bare loop
	@$(BIN)/python -m benchmarks.quick

schemas: $(INSTALLED) ## Export the JSON Schemas to schemas/json
	$(BIN)/python -m schemas.export

pins: $(INSTALLED) ## Resolve requirements.txt anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate \
		--no-header --extra all --group dev pyproject.toml --output-file requirements.txt

clean: ## Remove the environment, the caches and .meterstream with all its data
	rm -rf $(BUILT)
	rm -rf benchmarks/peers/*/.venv benchmarks/peers/*/.classes
	rm -rf $(VENV) .meterstream .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
