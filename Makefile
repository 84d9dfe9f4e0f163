# `make demo` runs the product, `make test` proves it; both set everything up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo)

# Programs of Debian's that the tests of tests/system run, and the packages that have them.
SYSTEM_PROGRAMS := curl nginx chromium npm prometheus
SYSTEM_PACKAGES := curl nginx-light chromium fonts-liberation prometheus
SYSTEM := $(VENV)/.system-installed
ISSUER := tests/system/issuer

.PHONY: setup wheel demo test test-system collector screenshots check quick style bench crowds growth soak fuzz compliance wycheproof problems observability house clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# dist/bff_gateway-VERSION-py3-none-any.whl, to install elsewhere.
wheel: $(STAMP)
	rm -rf build/lib
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

demo: $(STAMP)
	$(BIN)/python -m examples.demo $(ARGS)

# Everything that must hold.
test check: style
	$(BIN)/python -m pytest $(ARGS)

# What holds together with programs of others: nginx, Chromium, Prometheus, a certified issuer.
test-system: $(SYSTEM)
	$(BIN)/python -m pytest tests/system $(ARGS)

# OpenTelemetry's collector, for tests/system/test_collector.py: by Go, in some minutes.
collector: $(VENV)/collector/collector

$(VENV)/collector/collector: tests/system/collector.yaml | $(STAMP)
	@command -v go >/dev/null || { echo "make collector needs Go 1.22 or later"; exit 1; }
	GOBIN=$(abspath $(VENV)/go) go install go.opentelemetry.io/collector/cmd/builder@v0.115.0
	$(VENV)/go/builder --config $<

# The pictures of docs/identity.md, and those of docs/observability.md with its figures: five minutes.
screenshots: $(SYSTEM)
	$(BIN)/python -m tests.system.screenshots
	$(BIN)/python -m tests.system.observed.pictures

# Installs what is missing: Debian's packages as root, and npm where there is none.
$(SYSTEM): $(STAMP) $(ISSUER)/package-lock.json
	PATH="$$PATH:/usr/sbin"; for each in $(SYSTEM_PROGRAMS); do command -v $$each >/dev/null || missing=yes; done; \
	  if [ "$$missing" ]; then $(AS_ROOT) apt-get update --quiet && $(AS_ROOT) apt-get install --yes --quiet \
	    $(SYSTEM_PACKAGES) $$(command -v npm >/dev/null || echo nodejs npm); fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,system]'
	npm ci --prefix $(ISSUER) --loglevel error
	touch $@

# What holds within a minute: the tests that start no server, with a fifth of the examples.
quick: style
	EXAMPLES=few $(BIN)/python -m pytest tests/unit tests/property $(ARGS)

style: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

house: $(STAMP)
	$(BIN)/python -m house

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz $(ARGS)

# docs/problems.md, from the files with one mistake.
problems: $(STAMP)
	$(BIN)/python -m tests.problems

# The tables of docs/observability.md and the files of examples/observability, from the code.
observability: $(STAMP)
	$(BIN)/python -m tests.observability

# CASES: the folder of the compliance cases of JMESPath Community.
compliance: $(STAMP)
	$(BIN)/python -m tests.compliance $(CASES)

# VECTORS: the folder testvectors_v1 of Wycheproof.
wycheproof: $(STAMP)
	WYCHEPROOF_VECTORS=$(VECTORS) $(BIN)/python -m tests.wycheproof

growth soak: $(STAMP)
	$(BIN)/python -m bench.$@ $(ARGS)

crowds: $(STAMP)
	$(BIN)/python -m bench --rows crowds $(ARGS)

clean:
	rm -rf $(VENV) bench/peers/node_modules bench/peers/.cache $(ISSUER)/node_modules
