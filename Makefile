# make run and make test are all that is needed; see README.md for the plain commands behind them.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
GIM = --ws 8080 --http 8081

.PHONY: run test check lint format clean

run: $(VENV)/.installed-run
	$(BIN)/twistd -n gim $(GIM)

test: $(VENV)/.installed-test
	$(BIN)/python -m twisted.trial --random=0 tests

check: lint
	$(BIN)/python -m twisted.trial --random=0 tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-run: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install -q -e '.[test]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install -q -e '.[dev]'
	touch $@
