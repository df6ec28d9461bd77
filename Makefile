# Everything a newcomer runs. `make demo` and `make test` set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up

.DEFAULT_GOAL := help
.PHONY: help setup demo ui test test-full attacks fuzz lint lock clean bench bench-england bench-households bench-network bench-matching bench-workers model

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

setup: $(STAMP) ## a virtual environment with the locked versions

$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up $(VENV) (a minute or two on the first run)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	@# compiled here and now: where Python may write no bytecode, every process would compile the libraries again
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $(STAMP)

demo: setup ## three sample nights of three authorities, loaded through Dagster into demo/
	@$(BIN)/isindex demo demo

ui: setup ## the Dagster UI on what the demo loaded
	@$(BIN)/isindex ui --home demo/home --landing demo/landing

test: setup ## the tests, but for whole lives of a home
	@$(BIN)/python -m pytest -rs -n 2 --dist loadfile --no-loadscope-reorder -m "not in_full"

test-full: setup ## the tests that `make test` leaves out: whole lives of a home; MINUTES=15 begins none after that
	@$(BIN)/python -m pytest -rs -n 2 --dist loadfile --no-loadscope-reorder -m in_full \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(TURN),--turn $(TURN))

attacks: setup ## the attacks on the protection of children: family, tried, held
	@$(BIN)/python -m pytest -q -n 0 tests/attacks

fuzz: setup ## mangled deliveries, INPUTS=100000 of them or MINUTES=30; SEED=text gives the same ones again
	@$(BIN)/python -m tests.fuzz $(if $(INPUTS),--inputs $(INPUTS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

lint: setup ## style, types, import rules, contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@for contract in schemas/contracts/*.odcs.yaml schemas/*/contracts/*.odcs.yaml; do $(BIN)/datacontract lint $$contract || exit 1; done

bench: setup ## a median authority by stage, and ten in one command beside a plain pipeline
	@$(BIN)/python -m bench.median_authority
	@$(BIN)/python -m bench.ten_authorities

bench-matching: setup ## the matcher beside Splink, on data whose truth is known
	@$(BIN)/python -m bench.matching

bench-england: setup ## authorities with the real skew, SCALE (0.1) of them, and what England would cost
	@$(BIN)/python -m bench.england --scale $(or $(SCALE),0.1)

bench-households: setup ## what hidden children cost the others, in two draws
	@$(BIN)/python -m bench.households

bench-network: setup ## the co-ordinating index over 153 authorities, SCALE (0.1) of their children
	@$(BIN)/python -m bench.network --scale $(or $(SCALE),0.1)

bench-workers: setup ## authorities beside each other: one worker and two
	@$(BIN)/python -m bench.workers

model: setup ## the built-in match model anew, the same bytes every time
	@$(BIN)/python -m bench.built_in_model

lock: setup ## new versions into requirements.lock
	@$(BIN)/uv pip compile --universal --generate-hashes --no-annotate --no-header --group dev --extra sample pyproject.toml -o requirements.lock

clean: ## what make has made
	rm -rf $(VENV) demo build
