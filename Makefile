# Hearthline. `make help` lists the targets.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
QUICK := $(wildcard tests/unit tests/property tests/contract tests/cases tests/architecture tests/faults tests/wasm tests/e2e)
LONG := $(wildcard tests/integration)
SOURCES := hearthline.py perception network support application presentation simulators scripts tests

.DEFAULT_GOAL := help
export MAKE
.PHONY: help run run-timescaledb test test-faults bench score bench-peers screenshots new-kind lock clean lint venv venv-dev provision

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run: venv ## start everything: broker, database, ingest, pages, a simulated city and three real substations
	@exec $(BIN)/hearthline run

run-timescaledb: venv ## the same city on native TimescaleDB and Mosquitto, brought as root on Debian
	@sh scripts/provision_engines.sh
	@exec $(BIN)/python scripts/run_timescaledb.py

test: provision ## lint, types, import contracts, then the quick tests, with the long ones beside them
	@$(BIN)/python tests/side_by_side.py $(QUICK) -- $(LONG)

test-faults: provision ## the fault tests at full length; the result is kept in build/faults-<date>.txt
	@mkdir -p build
	HEARTHLINE_TEST_LENGTH=full $(BIN)/python -m pytest -m faults tests --report-to build/faults-$$(date +%Y-%m-%d).txt

bench: venv-dev ## measure rates, latencies, sizes, memory; one JSON line per figure, also in build/bench.jsonl
	@mkdir -p build
	$(BIN)/python tests/bench/run.py $(ARGS)

score: venv-dev ## how well the alarms find what is wrong: a season with 400 faults, files and figures in build/score
	$(BIN)/python -m hearthline score --scenario configs/scenarios/season-400.toml --out build/score $(ARGS)

bench-peers: provision ## compare with other programs on the same broker and database; installs them under build/peers
	sh tests/bench/foreign/install.sh
	$(BIN)/python tests/bench/run.py peers $(ARGS)

screenshots: provision ## take the pictures of docs/
	$(BIN)/python scripts/screenshots.py

new-kind: venv ## begin a sensor kind: make new-kind name=valve_chamber
	@$(BIN)/python scripts/new_kind.py '$(name)'

lock: venv-dev ## write requirements/*.txt anew from pyproject.toml, with hashes and without addresses
	$(BIN)/python scripts/lock.py

lint: venv-dev ## ruff, mypy, import-linter
	$(BIN)/ruff check $(wildcard $(SOURCES))
	$(BIN)/ruff format --check $(wildcard $(SOURCES))
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

clean: ## remove what building and testing left behind; var/ and .venv stay
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

venv:
	@$(PYTHON) scripts/bootstrap.py run

venv-dev:
	@$(PYTHON) scripts/bootstrap.py dev

provision: venv-dev
	@sh tests/provision.sh
