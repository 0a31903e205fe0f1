# Everything that a developer or CI runs. `make` alone says what there is.
# A target installs what it needs first, and again only when the pins have changed.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long peers check bench bench-scale lock
.DELETE_ON_ERROR:
export PIP_DISABLE_PIP_VERSION_CHECK = 1

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.project ## make .venv with the pinned, hashed requirements

.venv/.requirements: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
		|| { echo "Python 3.11 to 3.14 is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Installing into .venv (once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements/dev.txt
	@touch $@

# The project itself, in place. setuptools is among the pins, so that nothing is fetched here.
.venv/.project: .venv/.requirements pyproject.toml
	@$(BIN)/python -m pip install -qq --no-deps --no-index --no-build-isolation --editable .
	@touch $@

demo: install ## run the service with a sample of two shops' orders, and say what to try
	@$(BIN)/python -m interfaces.demo.demo

test: check ## all checks and tests, save the long ones
	@$(BIN)/pytest -n 2 -m "not long"

test-long: install peers ## crash and load tests, and other programs on our ledger, before an issue is closed
	@$(BIN)/pytest -m long

peers: .peers/.installed ## install the independent programs that test-long runs on our ledger

PEERS := install.py package.json package-lock.json .npmrc sumdb.go
.peers/.installed: requirements/peers.txt $(addprefix tests/long/peers/,$(PEERS)) | install
	@echo "Installing into .peers (once) ..."
	@$(BIN)/python -m tests.long.peers.install
	@touch $@

check: install ## lint, format, types, layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

bench: install ## measure side by side, as in the README (ARGS=--quick for a look)
	@$(BIN)/python -m bench $(ARGS)

bench-scale: install ## find things among a million events (ARGS="--events 10000000" for more)
	@$(BIN)/python -m bench.at_scale $(ARGS)

lock: ## compile requirements/ anew (needs uv; ARGS=--upgrade for newer versions)
	@$(COMPILE) pyproject.toml $(OLDEST) $(ARGS) -o requirements/runtime.txt
	@$(COMPILE) pyproject.toml $(OLDEST) $(ARGS) --extra tracing \
		-c requirements/runtime.txt -o requirements/tracing.txt
	@$(COMPILE) pyproject.toml $(OLDEST) $(ARGS) --extra tracing --group dev \
		-c requirements/tracing.txt -o requirements/dev.txt
	@$(COMPILE) --group peers --python-version 3.12 $(ARGS) -o requirements/peers.txt
COMPILE := $(UV) pip compile --quiet --generate-hashes --universal --no-header
OLDEST := --python-version 3.11
