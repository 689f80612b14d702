# Two commands are enough: `make demo` and `make test`. Everything is kept in .venv and .steelyard.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The suite runs on as many workers as there are cores.
WORKERS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo serve test test-full check bench openapi clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.installed ## create .venv and install

setup-dev: $(VENV)/.installed-dev ## ... with what tests and checks need

demo: setup ## two evaluations on the bundled data: reports, and where to look
	$(BIN)/steelyard demo

serve: setup ## the server on port 8000
	$(BIN)/steelyard serve --port 8000

check: setup-dev ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

test: setup-dev ## at most 10 minutes on 2 cores
	$(BIN)/python -m pytest -m "not full" -n $(WORKERS)

test-full: setup-dev ## the long ones: chaos, fuzzing, simulations
	$(BIN)/python -m pytest -m full -n $(WORKERS)

bench: setup-dev ## figures beside a raw limit in the same run, appended to benchmarks/history.jsonl
	$(BIN)/python benchmarks/run.py

openapi: setup ## regenerate schemas/openapi.json
	$(BIN)/python -m steelyard.api.openapi > schemas/openapi.json

clean: ## remove what make created, data excepted
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis
