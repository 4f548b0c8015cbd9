# make setup   .venv with everything that the tests need; leaves .venv/bin/curate
# make demo    real text of this machine, through the whole pipeline
# make test    style, types, import rules and all tests
# make fuzz    the tests of properties with other random examples each time, which `make test` never draws
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: setup demo test fuzz check clean
.DELETE_ON_ERROR:

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e .
	touch $@

.venv/.ready-test: $(READY)
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet -e '.[test,ray,neural,kenlm]'
	touch $@

demo: $(READY)
	@test -f work/demo/raw/.gathered || { $(BIN)/python scripts/gather.py work/demo/raw && touch work/demo/raw/.gathered; }
	$(BIN)/curate run configs/demo.yaml

check: .venv/.ready-test
	$(BIN)/ruff check curate tests scripts
	$(BIN)/ruff format --check curate tests scripts
	$(BIN)/lint-imports
	$(BIN)/pyright

test: check
	CURATE_REQUIRE_EXTRAS=1 $(BIN)/python -m pytest

fuzz: .venv/.ready-test
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -m hypothesis

clean:
	rm -rf work .venv build *.egg-info
