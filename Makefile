# Two commands are all a visitor needs: `make demo` and `make test`. Each sets up what it needs on a
# machine that has only Python >= 3.11 and make; a second run is quick.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALLED := $(VENV)/.installed

# The releases that we promise to work with; `make compat` runs the contract on both.
OLDEST := 2026.3
NEWEST := 2026.9

# What is checked of exchanges: answers read, requests sent, the sandbox's dialects, bots on them.
WIRE := tests/integration/test_recorded_balances.py tests/integration/test_client_ids_sent.py \
	tests/integration/test_order_search.py tests/integration/test_order_lookup.py
EXCHANGES := $(WIRE) tests/integration/test_exchange_support.py \
	tests/integration/test_exchanges_traded.py tests/sandbox

.PHONY: help install demo test lint acceptance soak bench mutation exchanges baseline compat prometheus chromium docs clean

help: ## Show this list.
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(INSTALLED) ## Create .venv with the package and everything that the checks need.

$(INSTALLED): pyproject.toml constraints.txt
	@echo "Setting up $(VENV): this takes a minute or two, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: install ## Watch freqtrade trade on a local exchange, plain and guarded side by side.
	@$(BIN)/balance-guard demo

test: install ## Lint, types, and all tests that finish in minutes.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -p tests.support.preloaded -n 4 --dist loadfile --no-loadscope-reorder -m "not acceptance and not benchmark and not soak"

lint: install ## Repair what can be repaired, then check style and types.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .
	@$(BIN)/mypy

acceptance: install ## The long matrices with real bots, one bot at a time.
	@$(BIN)/python -m pytest -m acceptance -q --durations=15

soak: install ## Random trouble for a long time.
	@$(BIN)/python -m pytest -m soak -q --timeout 7200
	@EXAMPLES=20 $(BIN)/python -m pytest -q --timeout 7200 tests/property/test_*_properties.py tests/property/test_balance_model.py

bench: install ## Ratios to plain freqtrade, each measured in one run.
	@$(BIN)/python -m pytest -m benchmark -q -s --timeout 3600

# One room at a time: make mutation ARGS="--room limits"; a part of one: ARGS="--room ledger --part 1/3".
mutation: install ## Change the code in small ways: do the quick tests notice?
	@$(BIN)/python scripts/mutation.py $(ARGS)

exchanges: install ## All that is shown about exchanges: recorded answers, requests, dialects, bots.
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile -m "not acceptance and not soak" $(EXCHANGES)

baseline: install ## What plain freqtrade does in the same troubles: our control.
	@$(BIN)/python scripts/baseline.py

compat: .venv-compat-$(OLDEST)/.installed .venv-compat-$(NEWEST)/.installed ## The contract on the oldest and the newest supported freqtrade.
	@for release in $(OLDEST) $(NEWEST); do \
		echo "freqtrade $$release"; \
		.venv-compat-$$release/bin/python -m pytest -q tests/contract $(WIRE) || exit 1; \
	done

.venv-compat-%/.installed: pyproject.toml
	@echo "Setting up freqtrade $*."
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip --disable-pip-version-check --quiet install "freqtrade==$*" --editable ".[dev]"
	@touch $@

prometheus: ## Fetch Debian's Prometheus into .cache/, for the tests of the dashboard and the alerts.
	@scripts/fetch_prometheus.sh

chromium: ## Fetch Debian's Chromium into .cache/, for the tests of the page and the report.
	@scripts/fetch_chromium.sh

docs: install ## Build the documentation into site/.
	@$(PIP) install --constraint constraints.txt --editable ".[docs]"
	@$(BIN)/mkdocs build --strict

clean: ## Remove what the targets above made.
	rm -rf $(VENV) .venv-compat-* build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache demo-output rehearsal-output baseline-output
