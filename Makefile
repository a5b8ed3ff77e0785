# Every target creates what it needs, the virtual environment included.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-long check kafka-up kafka-down bench simulate chaos fuzz soak readiness quality false-pages champion pending clean

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.longshore-installed
TEST_ARGS ?=
TEST_JOBS ?= 3
BENCH_ARGS ?=
CHAOS_ARGS ?=
FUZZ_ARGS ?=
SOAK_ARGS ?=
READINESS_ARGS ?=
PENDING_ARGS ?=
QUALITY_ARGS ?=
FALSE_PAGES_ARGS ?=
SEEDS ?= 1000
SEED ?=

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(STAMP) ## make .venv with the `longshore` command in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Longshore needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## real data through a broker, drift and a retraining trigger, in the terminal
	$(VENV)/bin/longshore demo

test: $(STAMP) ## all tests; the last lines say what was left out and how to get it
	$(PY) -m pytest -n $(TEST_JOBS) --dist worksteal $(TEST_ARGS)

check: $(STAMP) ## ruff, mypy strict, house rules; all of them, even when the first fails
	@failed=; \
	for command in "ruff check ." "ruff format --check ." "mypy detectors engine streams" \
	    "pytest -q tests/test_house_rules.py"; do \
	  echo "$$command"; $(VENV)/bin/$$command || failed="$$failed, $$command"; \
	done; \
	test -z "$$failed" || { echo "failed: $${failed#, }" >&2; exit 1; }

kafka-up: $(STAMP) ## start a real Apache Kafka broker on this machine and print its address
	@$(PY) -m tests.kafka up

kafka-down: $(STAMP) ## stop it and remove its data
	@$(PY) -m tests.kafka down

bench: $(STAMP) ## Longshore and its peers side by side (makes .venv-peers and a broker by itself)
	$(PY) -m load_tests.bench $(BENCH_ARGS)

simulate: $(STAMP) ## SEEDS=1000 crashes, rebalances and delays in a made-up world; SEED=K replays one
	$(PY) -m tests.simulation --seeds $(SEEDS) $(if $(SEED),--seed $(SEED))

chaos: $(STAMP) ## every fault on a real broker, written to docs/faults.md (hours; CHAOS_ARGS=--help)
	$(PY) -m load_tests.chaos $(CHAOS_ARGS)

fuzz: $(STAMP) ## coverage-guided fuzzing of the decoder and the codecs (FUZZ_ARGS=--help)
	$(PY) -m tests.fuzz $(FUZZ_ARGS)

soak: $(STAMP) ## half an hour at a steady rate on a real broker: memory, descriptors, lag
	$(PY) -m load_tests.soak $(SOAK_ARGS)

readiness: $(STAMP) ## how fast a worker with 1,000 features is ready again
	$(PY) -m load_tests.readiness $(READINESS_ARGS)

pending: $(STAMP) ## ten million predictions that wait for labels on a disk, to docs/pending.md (minutes)
	$(PY) -m load_tests.pending $(PENDING_ARGS)

quality: $(STAMP) ## false alarms, delays and misses of every detector, to docs/quality.md (half an hour)
	$(PY) -m load_tests.quality $(QUALITY_ARGS)

false-pages: $(STAMP) ## false pages of 800 months without change, to docs/false-alarms.md (half an hour)
	$(PY) -m load_tests.false_pages $(FALSE_PAGES_ARGS)

champion: $(STAMP) ## how often comparisons err and find, to docs/champion-challenger.md (minutes)
	$(PY) -m load_tests.champion $(CHAMPION_ARGS)

test-long: $(STAMP) ## what takes hours: all tests and every example of them, simulation, chaos, fuzzing, soak, readiness
	TESTS_THOROUGH=1 $(PY) -m pytest --long -n $(TEST_JOBS) --dist worksteal
	$(MAKE) simulate SEEDS=10000
	$(MAKE) fuzz chaos soak readiness false-pages

clean: ## remove everything that the other targets made
	@test ! -x $(PY) || $(PY) -m tests.kafka down
	rm -rf $(VENV) .venv-peers .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	find detectors engine streams tests load_tests examples -name __pycache__ -type d -prune -exec rm -rf {} +
