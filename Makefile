# Everything a contributor runs. Targets are thin: what they call also works by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Test processes, one more than processors since tests often wait. Each keeps whole files, so that costly fixtures are built once.
JOBS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Python keeps what it compiled, whatever the environment says: tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

# What `make coverage` runs: all that tests the proof path, and, with the compiled twin off, what tests its Python functions.
PROOF_PATH_TESTS := tests/core tests/entry tests/receipt tests/log tests/twin tests/export \
  tests/keys/test_key_changes_in_the_log.py tests/keys/test_key_change_damage.py tests/keys/test_key_policy_text.py tests/fault/test_cloned_ledgers.py \
  tests/fault/test_clock_jumps.py::test_a_clock_beyond_the_last_year_signs_nothing
TWIN_TESTS := tests/core tests/entry tests/receipt tests/log/test_catalog_runs.py

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help venv demo test check format generate fuzz bench bench-growth bench-latency bench-long clean old-copies
.PHONY: syscall-faults torture torture-quick abuse soak
.PHONY: power-cuts fs-cuts bit-rot fuzz-parsers verifiers mutants coverage
.PHONY: supply-chain audit

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## Make .venv with the package (editable) and all that the other targets need

$(STAMP): pyproject.toml
	@echo "== venv: $(VENV) from $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$(PYTHON) is missing or older than 3.11. Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its ensurepip is missing (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[server,client,dev]'
	@touch $@

demo: venv ## Start a ledger, write to it, verify every receipt offline
	@echo "== demo"
	@$(BIN)/counterfoil demo

test: venv ## Run all tests
	@echo "== pytest"
	@$(BIN)/pytest -n $(JOBS) --dist loadfile

check: venv ## Format, lint, types, API compatibility, house rules
	@echo "== ruff format"
	@$(BIN)/ruff format --check
	@echo "== ruff check"
	@$(BIN)/ruff check
	@echo "== mypy"
	@$(BIN)/mypy
	@echo "== buf lint"
	@$(BIN)/buf lint
	@echo "== buf breaking"
	@$(BIN)/python scripts/breaking.py
	@echo "== house rules"
	@$(BIN)/pytest tests/tidy

format: venv ## Format the code and mend what the linter can
	@echo "== ruff"
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

fuzz: venv ## Fuzz the compiled twin under sanitizers (CASES=1000000)
	@echo "== fuzz"
	@$(BIN)/python scripts/fuzz_twin.py --cases $(or $(CASES),1000000)

fuzz-parsers: venv ## Fuzz every parser, guided by coverage (CASES=10000000; OPTIONS=--continue after a stop)
	@echo "== fuzz, parsers"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' || echo "the extra [fuzz] cannot be installed here"
	@$(BIN)/python -m tests.fuzz.parsers --cases $(or $(CASES),10000000) $(OPTIONS)

verifiers: venv ## Show mutated proofs, checkpoints and receipts to independent verifiers (CASES=1000000)
	@echo "== verifiers"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' || echo "the extra [fuzz] cannot be installed here"
	@$(BIN)/python -m tests.fuzz.verifiers --cases $(or $(CASES),1000000)

mutants: venv ## Put seeded bugs into copies of the project; the suite must catch each (BUGS="name ...")
	@echo "== mutants"
	@$(BIN)/python -m tests.mutants $(BUGS)

coverage: venv ## Run the tests of the proof path; every line and branch of it must be taken
	@echo "== coverage"
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n0 $(PROOF_PATH_TESTS)
	@COUNTERFOIL_TWIN=off $(BIN)/coverage run --append -m pytest -n0 $(TWIN_TESTS)
	@$(BIN)/coverage report

syscall-faults: venv ## Let each system call of a commit fail in each way; takes minutes
	@echo "== system-call faults"
	@$(BIN)/python -m tests.fault.syscalls

torture-quick: venv ## kill -9 under load, 300 times; takes minutes
	@echo "== torture, quick"
	@$(BIN)/python -m tests.fault.torture --cycles 300 --name kill-quick

torture: venv ## The same 5,000 times; takes an hour or more (CYCLES=5000; OPTIONS="--state FILE" to go on after a stop)
	@echo "== torture"
	@$(BIN)/python -m tests.fault.torture --cycles $(or $(CYCLES),5000) $(OPTIONS)

supply-chain: venv ## Make requirements.lock, sbom.cdx.json and docs/LICENSES.md anew (OPTIONS=--upgrade for newer versions)
	@echo "== supply chain"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[supply]'
	@$(BIN)/python scripts/supply_chain.py $(OPTIONS)

audit: venv ## Ask for known vulnerabilities of what requirements.lock pins
	@echo "== audit"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[supply]'
	@$(BIN)/python scripts/audit.py

abuse: venv ## Abuse the protocol in twenty ways, an honest client beside it (SECONDS_EACH=20); takes ten minutes
	@echo "== abuse"
	@$(BIN)/python -m tests.fault.abuse --seconds $(or $(SECONDS_EACH),20)

soak: venv ## Serve at 70 % of capacity with a fault each 30 seconds, for two hours (HOURS=2)
	@echo "== soak"
	@$(BIN)/python -m tests.fault.soak --hours $(or $(HOURS),2)

generate: venv ## Regenerate ledger/counterfoil/v1 from proto/
	@echo "== protoc"
	@$(BIN)/python scripts/generate.py

bench: venv ## Measure, beside others; installs what that needs (OPTIONS=... for bench.py)
	@echo "== bench"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python benchmarks/bench.py $(OPTIONS)

bench-growth: venv ## Measure one ledger as it grows to 10 M records, and draw it
	@echo "== bench, growth"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python benchmarks/growth.py
	@$(BIN)/python benchmarks/plot.py benchmarks/results/latest-growth.json --output benchmarks/results/latest-growth.svg

bench-latency: venv ## Measure latency with 1 to 1,024 callers, and overload; takes ten minutes
	@echo "== bench, latency"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python benchmarks/bench.py --latency --output benchmarks/results/latest-latency.json

bench-long: venv ## Both in their long forms: up to 10 M and 50 M records; takes an hour and a half
	@echo "== bench, long"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BIN)/python benchmarks/bench.py --long $(OPTIONS)
	@$(BIN)/python benchmarks/growth.py --long
	@$(BIN)/python benchmarks/plot.py benchmarks/results/latest-growth.json --output benchmarks/results/latest-growth.svg

old-copies: venv ## Put 1,000 old copies of a ledger back; none may sign a second history
	@echo "== old copies"
	@COUNTERFOIL_FAULTS_LONG=1 $(BIN)/pytest -n0 tests/fault/test_old_copies.py

power-cuts: venv ## Open and judge 24,000 states that a power cut may leave; takes some 20 minutes
	@echo "== power cuts"
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.fault.power_cuts --states 24000 --result tests/fault/results/power_cuts.json

fs-cuts: venv ## Shut down ext4 and XFS under a writer, 200 times each; needs root and loop devices; takes some 15 minutes
	@echo "== file system cuts"
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.fault.fs_cuts --cycles 200 --result tests/fault/results/fs_cuts.json

bit-rot: venv ## Flip every byte of a small store, and 20,000 random bits of one with a million records; takes an hour (JOURNAL=FILE to go on after a stop)
	@echo "== bit rot"
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.fault.rot_small --result tests/fault/results/bit_rot_small.json $(if $(JOURNAL),--journal $(JOURNAL)-small)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.fault.rot_large --result tests/fault/results/bit_rot_large.json $(if $(JOURNAL),--journal $(JOURNAL)-large)

clean: ## Remove .venv, caches and build output
	@echo "== clean"
	@rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
