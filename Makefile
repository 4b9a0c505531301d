# make repro: set up .venv, train what is stale, build tables and report.
# make test:  set up .venv, check and test.
PYTHON ?= python3
JOBS ?= 0
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# dozens of processes import torch: without compiled modules on disk each takes 8 s more
unexport PYTHONDONTWRITEBYTECODE

.PHONY: repro test setup lint clean

repro: $(BIN)/.installed
	python -m benchmarks run --jobs $(JOBS)
	dvc repro --quiet --single-item throughput tables report
	@echo "open reports/index.html"

test: $(BIN)/.installed-test lint
	python -m pytest -n auto

lint: $(BIN)/.installed-test
	ruff check .
	ruff format --check .
	mypy

setup: $(BIN)/.installed

INSTALL := $(BIN)/python -m pip install --quiet --no-compile --constraint requirements.lock

# torch first: with its CPU build already there, nothing asks for another
$(BIN)/.installed: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(INSTALL) torch
	$(INSTALL) --editable .
	touch $@

$(BIN)/.installed-test: $(BIN)/.installed
	$(INSTALL) --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .cache results/runs results/checkpoints
