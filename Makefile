# make repro: set up .venv, train what is stale, build tables and report.
# make test:  set up .venv, check and test.
# make test-all: the same with the tests that are marked slow.
# make docs:  build the pages of docs/ into site/.
PYTHON ?= python3
JOBS ?= 0
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# dozens of processes import torch: without compiled modules on disk each takes 8 s more
unexport PYTHONDONTWRITEBYTECODE

.PHONY: repro test test-all setup lint style types tests tests-all docs clean

repro: $(BIN)/.installed
	python -m benchmarks run --jobs $(JOBS)
	dvc repro --quiet --single-item throughput tables report
	@echo "open reports/index.html"

# mypy fills the time in which tests wait for processes; what fails is named in the last lines
test: $(BIN)/.installed-test style
	$(MAKE) --no-print-directory --jobs 2 tests types

test-all: $(BIN)/.installed-test style
	$(MAKE) --no-print-directory --jobs 2 tests-all types

lint: style types

style: $(BIN)/.installed-test
	ruff check .
	ruff format --check .

types: $(BIN)/.installed-test
	mypy

# a file's tests share a worker and so its fixtures; dear files come first (tests/conftest.py)
PYTEST := python -m pytest -n auto --dist loadfile --no-loadscope-reorder

tests: $(BIN)/.installed-test
	$(PYTEST)

tests-all: $(BIN)/.installed-test
	$(PYTEST) -m "not emulated and not soak"

# the pages of docs/ into site/; a broken link is an error
docs: $(BIN)/.installed-docs
	NO_MKDOCS_2_WARNING=1 mkdocs build

setup: $(BIN)/.installed

PIP := $(BIN)/python -m pip install --quiet --no-compile --constraint requirements.lock
# uv installs the rest in a third of pip's time; it knows nothing of pip's settings (a mirror, a
# proxy's certificate), so where it fails pip does the work
define INSTALL
$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint requirements.lock $(1) || $(PIP) $(1)
endef

# torch first: with its CPU build already there, nothing asks for another
$(BIN)/.installed: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) torch uv
	$(call INSTALL,--editable .)
	touch $@

$(BIN)/.installed-test: $(BIN)/.installed
	$(call INSTALL,--editable '.[test]')
	touch $@

$(BIN)/.installed-docs: $(BIN)/.installed
	$(call INSTALL,--editable '.[docs]')
	touch $@

clean:
	rm -rf .venv .cache results/runs results/checkpoints
