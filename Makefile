# The first command may be any of these: each makes .venv and installs what it needs.  For another
# Python: make VENV=.venv-3.13 PYTHON=python3.13 test-quick
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet

# The tests start hundreds of Pythons: without what the first has compiled, each compiles all of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run servers test test-quick check bench notebooks lab crash-test

setup: $(VENV)/for-running $(VENV)/for-testing

run: $(VENV)/for-running
	$(BIN)/python app.py

# Several servers behind nginx, with PostgreSQL and a bucket, for trying it on one machine.
servers: $(VENV)/for-testing
	PYTHONPATH=.:tests $(BIN)/python tests/try_servers.py

# Three at a time even on two cores: whoever tests a page mostly waits for it.
test: $(VENV)/for-testing
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

# The rooms below the page, for whoever changes one: no browser, no notebook, nothing that takes long.
# Four at a time even on two cores: half of the time they wait for a service that is slow on purpose.
test-quick: $(VENV)/for-testing
	$(BIN)/pytest tests/client tests/backend tests/demo tests/tour -n 4 --dist loadfile -m "not slow"

check: $(VENV)/for-testing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python tests/biome.py check --error-on-warnings

notebooks: $(VENV)/for-testing
	$(BIN)/pytest tests/tour/test_notebooks.py $(if $(WRITE),--write-notebooks)

lab: $(VENV)/for-testing
	$(PIP) install jupyterlab==4.6.6
	$(BIN)/jupyter lab notebooks

crash-test: $(VENV)/for-testing
	$(BIN)/python tests/crashes.py
	$(BIN)/python tests/servers_chaos.py

bench: $(VENV)/for-testing
	$(BIN)/python -m benchmarks

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt install python3-venv"; exit 1; }

$(VENV)/for-running: requirements.txt | $(BIN)/python
	@echo "Installing into $(VENV), once; this takes about a minute."
	$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/for-testing: requirements-dev.txt $(VENV)/for-running
	$(PIP) install -r requirements-dev.txt
	$(BIN)/python tests/chromium.py
	$(BIN)/python tests/firefox.py
	$(BIN)/python tests/postgres.py
	$(BIN)/python tests/nginx.py
	@touch $@
