# make run and make test are all that is needed; see README.md for the plain commands behind them.

PYTHON ?= python3
VENV ?= .venv
OTHER_PYTHON ?= python3.13
BIN = $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE # tests start many processes: each would compile all modules anew
GIM = --ws 8080 --http 8081
IN_PROCESS = tests.unit tests.integration.sockets # no other process, but real sockets
# the unit tests in two halves that run side by side: trial -j2 takes half as much time again, to hand out each test
UNIT = $(patsubst %,tests.unit.%,$(subst /__init__.py,,$(patsubst tests/unit/%,%,$(wildcard tests/unit/*/__init__.py)))) \
  $(patsubst tests/unit/%.py,tests.unit.%,$(wildcard tests/unit/test_*.py))
FIRST_HALF = tests.unit.api tests.unit.gateway tests.unit.storage tests.unit.wire tests.unit.workers
SIDE_BY_SIDE = $(MAKE) --no-print-directory --keep-going --output-sync=target --jobs

# trial in a directory of its own, so that runs at the same time do not disturb each other; a failed one
# keeps it, with what the servers wrote; the second argument is the Python, if it is not that of $(VENV)
TRIAL = temp=build/trial/$@-$$$$; $(or $(2),$(BIN)/python) -m twisted.trial --random=0 --temp-directory=$$temp $(1) && rm -r $$temp

.PHONY: vendor run test test-unit test-unit-1 test-unit-2 test-integration check lint docs coverage lowest other-python news proto failover chaos clients workers kills recovery-soak proxies go-example fuzz differential package bench conformance conformance-quick format clean

run: $(VENV)/.installed-run
	$(BIN)/twistd -n gim $(GIM)

# all tests; what they say appears when each part has ended, that of the integration tests as the last
test: $(VENV)/.installed-test
	@$(SIDE_BY_SIDE) test-unit-1 test-unit-2 test-integration

# the tests without processes and servers, some seconds
test-unit: $(VENV)/.installed-test
	@$(SIDE_BY_SIDE) test-unit-1 test-unit-2

test-unit-1: $(VENV)/.installed-test
	$(call TRIAL,$(FIRST_HALF))

test-unit-2: $(VENV)/.installed-test
	$(call TRIAL,$(filter-out $(FIRST_HALF),$(UNIT)))

# in six processes, as most of these tests wait; on a busy machine fewer are better, as in JOBS=4
JOBS = 6
test-integration: $(VENV)/.installed-test
	$(call TRIAL,-j$(JOBS) tests.integration)

check: lint test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# docs/configuration.md and contrib/gim.toml, after gim/config/table.py was changed; a test compares them
docs: $(VENV)/.installed-run
	$(BIN)/python -m gim.config.reference

# how much of gim these tests and those with a Redis run, against the floor in pyproject.toml; child processes do not count
coverage: $(VENV)/.installed-dev
	$(call TRIAL,$(IN_PROCESS) tests.integration.redis,$(BIN)/coverage run)
	$(BIN)/coverage report

# the tests in one process with the oldest dependencies that pyproject.toml allows
lowest:
	mkdir -p build
	sed -n '/^dependencies = /,/^]/s/^ *"\([A-Za-z-]*\)[^>]*>=\([0-9.]*\).*/\1==\2/p' pyproject.toml >build/lowest.txt
	$(PYTHON) -m venv --clear build/lowest
	build/lowest/bin/pip install -q -c build/lowest.txt -e '.[test]'
	$(call TRIAL,-j2 $(IN_PROCESS),build/lowest/bin/python)

# the same tests with another Python, as in OTHER_PYTHON=python3.13
other-python:
	$(OTHER_PYTHON) -m venv --clear build/other-python
	build/other-python/bin/pip install -q -e '.[test]'
	$(call TRIAL,-j2 $(IN_PROCESS),build/other-python/bin/python)

# what the fragments in newsfragments/ say; with VERSION=1.1.0 they move into CHANGELOG.md
news: $(VENV)/.installed-dev
	$(BIN)/towncrier build $(if $(VERSION),--yes --version $(VERSION),--draft)

# gim_pb2.py and its types, after gim.proto was changed; a test compares them
proto: $(VENV)/.installed-test
	$(BIN)/python -m grpc_tools.protoc -I gim/wire --python_out=gim/wire --pyi_out=gim/wire gim.proto

# the software of others in gim/console/vendor, after vendor.toml there was changed; a test compares them
vendor: $(VENV)/.installed-test
	$(BIN)/python -m tests.support.vendoring

# every failover of Sentinels and of a Cluster under traffic, 70 s; the first two modules are part of test
failover: $(VENV)/.installed-test
	$(call TRIAL,tests.integration.nodes.test_failover_sentinel tests.integration.nodes.test_failover_cluster \
	  tests.integration.nodes.failovers)

# random faults under random traffic on every storage, then an account of each message, ten minutes; CHAOS holds
# options, as in CHAOS="--seconds 60 --seed 7 --setups memory,cluster"
chaos: $(VENV)/.installed-test
	$(BIN)/python -m tests.integration.chaos $(CHAOS)

# 10,000 sends of each client library through faults, and 500 clients of each at a restart, some 20 minutes;
# CLIENTS holds options, as in CLIENTS="--sends 500 --seed 3 --libraries asyncio"
clients: $(VENV)/.installed-test
	$(BIN)/python -m tests.integration.clients $(CLIENTS)
	$(call TRIAL,tests.integration.client.frozen_for_a_minute)

# the tests of a daemon of one process, with two workers, some two minutes
workers: $(VENV)/.installed-test
	$(call TRIAL,-j4 tests.integration.workers.as_one_process)

# 100,000 messages while one of three workers is killed every two seconds, some minutes
kills: $(VENV)/.installed-test
	$(call TRIAL,tests.integration.workers.kills)

# 100,000 messages on one data directory while gim is killed and started again 50 times, some minutes; the variables
# MESSAGES, RESTARTS and SEED of the environment have other values
recovery-soak: $(VENV)/.installed-test
	$(call TRIAL,tests.integration.recovery.soak)

# quiet connections through nginx and Apache with their own timeouts, two minutes
proxies: $(VENV)/.installed-test
	$(call TRIAL,-j2 tests.integration.proxies.default_timeouts)

# the example in Go, built from gim.proto, some ten seconds; the other examples are part of test
go-example: $(VENV)/.installed-test
	$(call TRIAL,tests.integration.examples.go_client)

# hostile input drawn anew, a quarter of an hour; FUZZ holds options, as in FUZZ="--seconds 300 --seed 1 frames"
fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.integration.hostile.fuzz $(FUZZ)

# the same random steps on memory, on workers and on Redis, some ten minutes; DIFFERENTIAL holds options, as in
# DIFFERENTIAL="--seed 5 --steps 2000 --setups redis,cluster"
differential: $(VENV)/.installed-test
	$(BIN)/python -m tests.integration.differential $(DIFFERENTIAL)

# a wheel in an environment of its own, used from another directory; it is made of the checkout, and holds the
# same files as one that is made of an sdist
package: $(VENV)/.installed-dev
	rm -rf build/package && mkdir -p build/package
	$(BIN)/pip wheel -q --no-deps -w build/package .
	$(BIN)/python -m build -o build/package/sdist . >/dev/null
	for wheel in build/package build/package/sdist; do \
	  $(BIN)/python -m zipfile -l $$wheel/gim-*.whl | cut -d " " -f 1 | sort >$$wheel/files || exit 1; done
	diff build/package/files build/package/sdist/files
	$(PYTHON) -m venv build/package/venv
	build/package/venv/bin/pip install -q build/package/gim-*.whl
	cd / && $(CURDIR)/build/package/venv/bin/python -c 'from gim.api.routes import javascript; javascript.modules()["gim.js"]'
	cd / && $(CURDIR)/build/package/venv/bin/python -c 'from gim.console import files; files.sources()["vendor/htm/LICENSE"]'
	cd / && $(CURDIR)/build/package/venv/bin/twistd gim --version
	cd / && $(CURDIR)/build/package/venv/bin/twistd gim --help >/dev/null
	cd / && $(CURDIR)/build/package/venv/bin/twist gim --help >/dev/null
	cd / && $(CURDIR)/build/package/venv/bin/gim check

# speed beside a C loop, a stock server and two on Node; BENCH holds options, as in BENCH=--quick
bench: $(VENV)/.installed-run
	$(BIN)/python -m bench $(BENCH)

# the Autobahn test suite, seven minutes, and schemathesis on the HTTP API; WORKERS is how many processes serve,
# as in WORKERS=2; the other target takes half a minute
WORKERS = 1
conformance: $(VENV)/.installed-test
	$(BIN)/python -m tests.conformance.api --workers $(WORKERS)
	$(BIN)/python -m tests.conformance.clients
	$(BIN)/python -m tests.conformance.run --workers $(WORKERS)

conformance-quick: $(VENV)/.installed-test
	$(BIN)/python -m tests.conformance.run --quick
	$(BIN)/python -m tests.conformance.run --quick --workers 2
	$(BIN)/python -m tests.conformance.run --quick --http

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis .coverage

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-run: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install -q -e '.[test]'
	touch $@

# atheris has wheels for some Pythons only: without it hypothesis fuzzes alone
$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	$(BIN)/pip install -q 'atheris>=3,<4' || echo "no atheris for this Python: fuzzing with hypothesis alone"
	touch $@

$(VENV)/.installed-dev: pyproject.toml setup.py | $(BIN)/python
	$(BIN)/pip install -q -e '.[dev]'
	touch $@
