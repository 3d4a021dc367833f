# What a person and the continuous integration run. `make` alone explains.

# Tools, at the versions that this tree was checked with; `go run` fetches and keeps them.
GOFUMPT     = go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK = go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK = go run golang.org/x/vuln/cmd/govulncheck@v1.9.0

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS  = -s -w -X main.release=$(VERSION)
# The version comes from git describe; asking git once more fails in a clone that somebody else owns.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

# PKG limits test, race, fuzz and bench to some packages: make test PKG=./ingest/...
PKG ?= ./...
# What make test-kafka runs: the packages whose tests need a log.
KAFKA_PKG ?= ./ingest ./stream ./relay ./relay/delivery ./cmd/internal/daemon
# What make test-postgres runs: the packages with SQL of their own.
POSTGRES_PKG ?= ./ingest/state ./ingest ./ingest/lease ./ingest/token ./ingest/remote ./relay ./relay/admin ./relay/delivery
# What make test-clickhouse runs: the index and what answers from it; besides, what opens it.
CLICKHOUSE_PKG ?= ./index ./index/api
# Time for each fuzz target.
FUZZTIME ?= 30s
# Stands for the library of the embedded index.
ENGINE_LIB = index/engine/node_modules/.installed
# Where `make run` keeps its data.
DATA ?= data
# Flags of `make demo`: make demo DEMO="--servers 100 --rate 20"; --help lists them.
DEMO ?=

.DEFAULT_GOAL := help
.PHONY: help build engine-lib run demo test test-kafka test-postgres test-clickhouse race fuzz bench lint e2e clean need-go need-npm need-java

help: ## Show this list
	@echo "Tributary: a relay and timeline aggregator for the fediverse. Needs Go 1.26; make e2e also npm."
	@echo
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 24

build: need-go ## Build bin/tributary, one static program, bin/tributary-engine for the index, bin/tributary-signer for libcrypto
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/tributary ./cmd/tributary
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/tributary-engine ./cmd/tributary-engine
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/tributary-signer ./cmd/tributary-signer

engine-lib: $(ENGINE_LIB) ## Install the library of the embedded index (npm, 570 MB)

# Without npm everything but the index works. npm takes the package of this platform, if there is one, and says nothing if
# it cannot fetch it; the lock file has the hash of the one that this was tested with (linux, x64).
$(ENGINE_LIB): index/engine/package-lock.json
	@command -v npm >/dev/null || { echo "npm (with Node.js) is needed for the index, and is not here: going on without it. https://nodejs.org/" >&2; exit 0; }; \
	npm ci --prefix index/engine --no-audit --no-fund --loglevel=error && \
	if ls index/engine/node_modules/@chdb/lib-* >/dev/null 2>&1; then touch $@; else \
		echo "npm brought no library of the index for this platform: going on without it. Why, says: npm ci --prefix index/engine --loglevel=http" >&2; fi

run: build engine-lib ## Run it on this machine, for development; data in ./data
	bin/tributary serve --dev --data $(DATA)

demo: build engine-lib ## See it at work among 50 simulated servers, live in the terminal
	CGO_ENABLED=0 go build -o bin/tributary-demo ./cmd/demo
	@bin/tributary-demo $(DEMO)

test: need-go engine-lib ## Run the tests that take minutes at most
	go test -timeout 5m $(PKG)

test-kafka: need-go need-java ## Run the log's tests against an Apache Kafka 4
	go run ./ingest/ingesttest/kafka go test -count=1 -timeout 5m $(KAFKA_PKG)

test-postgres: need-go ## Run the state database's tests on a PostgreSQL of this machine's packages
	go run ./ingest/state/statetest/postgres go test -count=1 -timeout 5m $(POSTGRES_PKG)

test-clickhouse: need-go engine-lib ## Run the index's tests against a ClickHouse by address
	go run ./index/engine/enginetest sh -c 'go test -count=1 -timeout 5m $(CLICKHOUSE_PKG) && go test -count=1 -timeout 5m -run Index ./cmd/internal/daemon'

race: need-go engine-lib ## Run the same tests with the race detector
	go test -race -timeout 15m $(PKG)

fuzz: need-go ## Run every fuzz target for FUZZTIME (30s) each
	@.ci/fuzz $(FUZZTIME) $(PKG)

bench: need-go engine-lib ## Run the benchmarks
	go test -run '^$$' -bench . -benchmem -timeout 30m $(PKG)

lint: need-go ## Check format, vet, staticcheck, known vulnerabilities
	@.ci/lint "$(GOFUMPT)" "$(STATICCHECK)" "$(GOVULNCHECK)"

e2e: need-go need-npm engine-lib ## Run the program between other servers and apps: Fedify, client libraries, a simulator
	go test -tags e2e -count=1 -timeout 20m ./cmd/internal/e2e

clean: ## Remove what was built and fetched; data stays
	rm -rf bin cmd/internal/e2e/*/node_modules cmd/internal/e2e/*/python_modules index/engine/node_modules

need-go:
	@command -v go >/dev/null || { echo "Go 1.26 or newer is needed: https://go.dev/dl/" >&2; exit 1; }
	@case "$$(go env GOVERSION)" in \
		go1.[0-9]|go1.[0-9].*|go1.1[0-9]*|go1.2[0-5]*) echo "Go 1.26 or newer is needed, this is $$(go env GOVERSION): https://go.dev/dl/" >&2; exit 1;; \
		go*|devel*) ;; \
		*) echo "Go 1.26 or newer is needed, and this Go does not run: see the message above" >&2; exit 1;; \
	esac

need-npm:
	@command -v npm >/dev/null || { echo "npm (with Node.js) is needed for the end-to-end tests: https://nodejs.org/" >&2; exit 1; }

need-java:
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo "Java 17 or newer and Maven are needed to run an Apache Kafka" >&2; exit 1; }
