# `make help` lists the targets. Every target does the set-up it needs, once.
#
#   PYTHON   interpreter for .venv (default: the first of 3.12 to 3.14 that is found; else uv fetches one)
#   WORKERS  processes for pytest and soak (default 2)
#   MINUTES  how long to soak (default 120) or to fuzz (default 10)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/sh

WORKERS ?= 2
export PYTHON

BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SETUP := .venv/.package
SOURCES := src tests scripts benchmarks

COMPILE := .venv-tools/bin/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links --strip-extras

.PHONY: help setup setup-bench setup-fuzz test lint types pytest soak fuzz demo docs bench format lock wheel clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(SETUP) ## make .venv with the pinned requirements and this package, editable

test: ## all checks: lint, format, strict types, tests
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory pytest

lint: $(SETUP) ## check style and format
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(SETUP) ## check types, strictly
	$(BIN)/mypy

pytest: $(SETUP) ## run the tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

soak: $(SETUP) ## look for crashes, faults and races that lose something, for MINUTES (default 120)
	$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),120) --processes $(WORKERS) --kept .soaked.npy

fuzz: .venv/.fuzz ## look for bytes that break a reader, for MINUTES (default 10)
	$(BIN)/python -m tests.fuzz --minutes $(or $(MINUTES),10)

demo: $(SETUP) ## design sequences, store them, watch the notifications arrive
	$(BIN)/python -m dnadesign.demo

docs: $(SETUP) ## write the generated pages anew, run what the others show and bring outputs up to date
	$(BIN)/python -m scripts.docs

bench: .venv/.bench ## measure usr beside what others would use, write docs/benchmarks.md (BENCH=--quick: small)
	$(BIN)/python -m benchmarks $(BENCH)

format: $(SETUP) ## sort imports, mend what can be mended, format
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

wheel: $(SETUP) ## build the wheel into dist/ and try it in an environment of its own (a minute or two)
	$(BIN)/python scripts/check_wheel.py

lock: ## compile the requirements anew (pins are kept; UPGRADE=--upgrade takes what is current)
	sh scripts/get-uv
	$(COMPILE) $(UPGRADE) requirements/uv.in --output-file requirements/uv.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra formats --extra notify --extra plot requirements/dev.in \
		--output-file requirements/dev.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --constraint requirements/dev.txt --output-file requirements/runtime.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra bench --constraint requirements/dev.txt \
		--output-file requirements/bench.txt
	$(COMPILE) $(UPGRADE) requirements/fuzz.in --constraint requirements/dev.txt --output-file requirements/fuzz.txt

setup-bench: .venv/.bench ## add what the benchmarks compare with

setup-fuzz: .venv/.fuzz ## add what fuzzing needs (Linux on x86-64 only)

clean: ## remove caches and builds (not what `make fuzz` found)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove .venv and the demo run as well
	rm -rf .venv .venv-tools demo-run

.venv/.made: scripts/make-venv
	sh scripts/make-venv
	@touch $@

.venv/.requirements: requirements/dev.txt .venv/.made
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.package: pyproject.toml src/dnadesign/_version.py .venv/.requirements
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.bench: requirements/bench.txt .venv/.package
	$(INSTALL) --require-hashes -r requirements/bench.txt
	@touch $@

.venv/.fuzz: requirements/fuzz.txt .venv/.package
	$(INSTALL) --require-hashes --only-binary :all: -r requirements/fuzz.txt
	@$(BIN)/python -m tests.fuzz --check
	@touch $@
