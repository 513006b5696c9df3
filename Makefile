# Two commands on a fresh machine with Python 3.11+: `make demo` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A directory with the yammer data (not part of the repository); with it `make test` also checks the golden tables.
YAMMER_DATA ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(BIN)/banso: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(BIN)/banso requirements-dev.lock
	$(BIN)/python -m pip install -qq --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(BIN)/banso ## Simulate a quarter of 2,000 companies and run the last nights, mails included
	@$(BIN)/banso demo

up: $(BIN)/banso ## Run worker, scheduler and web on the embedded default
	@$(BIN)/banso up

test: $(VENV)/.dev ## Run the whole test suite
	@BANSO_YAMMER_DATA=$(YAMMER_DATA) $(BIN)/python -m pytest -n 2 --dist worksteal

test-editor: $(VENV)/.dev ## Hold the editor schemas against a real YAML language server (needs node and npm; fetches a package)
	@$(BIN)/python -m tests.editor

test-clients: $(VENV)/.dev ## Send events by the Node clients of Segment, RudderStack and PostHog (needs node and npm; fetches packages)
	@$(BIN)/python -m tests.clients

test-browser: $(VENV)/.dev ## See the popup in a real Chromium, if there is one (BANSO_CHROMIUM names another)
	@$(BIN)/python -m tests.browser

check: $(VENV)/.dev ## What CI runs: format, lint, types, import contracts, rules, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/banso lint
	$(BIN)/banso -w examples/yammer lint
	$(MAKE) --no-print-directory test

fix: $(VENV)/.dev ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Run the benchmarks and write benchmarks/results/
	$(BIN)/python -m benchmarks.nightly
	$(BIN)/python -m benchmarks.one_account
	$(BIN)/python -m benchmarks.lint
	$(BIN)/python -m benchmarks.mail
	$(BIN)/python -m benchmarks.dispatch
	$(BIN)/python -m benchmarks.recording --accounts 100000

SOAK_TOUCHES ?= 100000
SOAK_SEED ?= 1
SOAK_KILL_SECONDS ?= 0.3-2
SOAK_LEDGER ?= PostgreSQL
SOAK_BROKER ?= Redis
SOAK_WORKERS ?= 4
SOAK_MINUTES ?= 480

soak: $(VENV)/.dev ## Send 100,000 mails through real processes that are killed, wiped and restarted: an hour and more
	$(BIN)/python -m tests.soak --touches $(SOAK_TOUCHES) --seed $(SOAK_SEED) --kill-seconds $(SOAK_KILL_SECONDS) \
		--ledger $(SOAK_LEDGER) --broker $(SOAK_BROKER) --workers $(SOAK_WORKERS) --minutes $(SOAK_MINUTES)

PROMISES ?=
PROMISES_SCALE ?= 1

promises: $(VENV)/.dev ## Try what banso promises and write the table of the README (PROMISES_SCALE=release for a release)
	@BANSO_PROMISES_SCALE=$(PROMISES_SCALE) $(BIN)/python -m tests.promises $(PROMISES)

MUTATIONS ?= 1/1

mutations: $(VENV)/.dev ## Spoil a workspace in every small way: about half an hour (MUTATIONS=3/10 for every tenth way from the third)
	$(BIN)/python -m pytest tests/workspace/test_mutations.py --mutations $(MUTATIONS) -rP

lock: ## Make the lock files anew (needs uv)
	uv pip compile pyproject.toml --extra build --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements.lock
	uv pip compile pyproject.toml --extra build --extra dev -c requirements.lock --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header -q -o requirements-dev.lock

clean: ## Remove the virtual environment and state
	rm -rf $(VENV) .banso examples/*/.banso build *.egg-info

.PHONY: help demo up test test-editor test-clients test-browser check fix bench soak promises mutations lock clean
