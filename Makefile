# Everything that is done here, by people and by CI. The environment is set up on the way, from hashed lock files.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test soak check bench format docs lock clean help

run: $(VENV)/ready-to-run  ## Run everything in one process; needs nothing else (Ctrl-C ends it)
	@exec $(BIN)/flowhook dev $(ARGS)

test: $(VENV)/ready-to-test  ## Run the tests (ARGS="tests/unit -k name" picks some); sees to RabbitMQ where it may
	@tests/servers/provide-rabbitmq.sh
	@$(BIN)/pytest $(ARGS)

soak: $(VENV)/ready-to-test  ## Run the long forms: 100,000 interleavings of the protocol, then minutes of faults at random
	@tests/servers/provide-rabbitmq.sh
	@FLOWHOOK_SOAK=1 $(BIN)/pytest -s tests/model/test_protocol_model.py tests/acceptance/test_chaos.py $(ARGS)

check: $(VENV)/ready-to-test  ## Check format, lint, types, layers and spelling
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/codespell

bench: $(VENV)/ready-to-test  ## Measure the no-op flow on RabbitMQ and PostgreSQL, and the checks at the door, beside a bare echo
	@tests/servers/provide-rabbitmq.sh
	@$(BIN)/python -m tests.benchmarks.noop $(ARGS)
	@$(BIN)/python -m tests.benchmarks.ingress

format: $(VENV)/ready-to-test  ## Format the code and repair what can be repaired
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/ready-to-test  ## Print the reference pages anew from the code
	@$(BIN)/flowhook config --markdown > docs/reference/configuration.md
	@$(BIN)/python -m flowhook.topology_listing > docs/reference/topology.md

lock: $(VENV)/ready-to-test  ## Renew the lock files from pyproject.toml
	@requirements/lock.sh $(BIN)/uv

clean:  ## Remove the environment and caches; the data folder stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## List these verbs
	@sed -nE 's/^([a-z]+):.*  ## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# One environment serves both; the locks agree, and the one for tests holds the other.
$(VENV)/ready-to-run: requirements/run.txt pyproject.toml
	@requirements/install.sh $(VENV) requirements/run.txt
	@touch $@

$(VENV)/ready-to-test: requirements/test.txt pyproject.toml
	@requirements/install.sh $(VENV) requirements/test.txt
	@touch $@ $(VENV)/ready-to-run
