# Every target makes .venv by itself; a stamp file for each set of packages makes the second run instant.
PYTHON ?= python3
BIN := .venv/bin/
export NO_MKDOCS_2_WARNING := 1
RECENT := $(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; say make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
ifneq ($(shell command -v uv 2>/dev/null),)
  VENV := uv venv -q --allow-existing --python $(PYTHON) .venv
  ADD  := uv pip install -q --python .venv
else
  VENV := $(PYTHON) -m venv .venv && $(BIN)python -m pip install -q --upgrade "pip>=25.1"
  ADD  := $(BIN)python -m pip install -q
endif

help: ## say what can be made
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /\t/' | expand -t 8
demo: .venv/run ## the tour on real data, then server and console on what it left
	$(BIN)modelwarden demo --again
serve: .venv/run ## API and console
	$(BIN)modelwarden serve
test: .venv/dev ## all tests but those marked soak, matrix and whole; PYTEST=… says more
	$(BIN)pytest $(PYTEST)
check: .venv/dev ## format, lint, walls between rooms, types, docs
	$(BIN)ruff format --check .
	$(BIN)ruff check .
	$(BIN)lint-imports --no-logo
	$(BIN)mypy
	$(BIN)mkdocs build --strict -q
bench: .venv/bench ## every figure that the docs name, ours and the peer's in one run
	$(BIN)python -m benchmarks
docs: .venv/dev ## the documentation, into site/
	$(BIN)mkdocs build --strict

.venv/run: pyproject.toml ; $(RECENT) && $(VENV) && $(ADD) -e '.[demo]' && touch $@
.venv/dev: pyproject.toml ; $(RECENT) && $(VENV) && $(ADD) -e '.[all]' --group dev && touch $@
.venv/bench: .venv/dev ; $(ADD) --group bench && touch $@

.PHONY: help demo serve test check bench docs
