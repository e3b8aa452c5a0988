# Two commands: `make demo` and `make test`. Everything goes into .venv; nothing else is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -q -n 5 --dist loadfile --no-loadscope-reorder
ES_NODE ?= $(wildcard ../shared/tools/es-node)

# Modules are compiled once, not at each process that the demo and the tests start, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test coverage soak install check clean
demo: $(VENV)/.installed  ## one school day with an incident in it (ARGS="--seed 2"; STORE=elasticsearch ES_NODE=script-that-starts-one)
	$(if $(STORE),HINOMI_ES_NODE=$(ES_NODE) )$(BIN)/hinomi demo$(if $(STORE), --store $(STORE)) $(ARGS)

test: $(VENV)/.tools  ## all tests
	$(PYTEST) $(ARGS)

coverage: $(VENV)/.tools  ## the same, counting which lines the tests' own processes ran
	$(PYTEST) --cov --cov-report=term:skip-covered $(ARGS)

soak: $(VENV)/.tools  ## rules against the reference evaluator of bench/oracle (PAIRS=1000000 SEED=1)
	$(BIN)/python -m bench.oracle --pairs $(or $(PAIRS),1000000) --seed $(or $(SEED),1)

check: $(VENV)/.tools  ## what CI checks beside the tests
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "venv is missing: apt install python3-venv"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.tools: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
