# Everything a newcomer needs. `make` alone lists it.

PORT ?= 6379
TARGET := $(or $(CARGO_TARGET_DIR),target)
MODULE := $(TARGET)/release/libtsgen.so
# The program that shows and steers.
PROGRAM := $(TARGET)/console/tsgen
# What builds images: docker if its engine answers (the client alone does not help), else podman, whose own format has no health checks.
ENGINE ?= $(shell docker info >/dev/null 2>&1 || ! command -v podman >/dev/null && echo docker || echo podman)
IMAGE_FORMAT = $(if $(filter podman,$(notdir $(ENGINE))),--format docker)

# How many tests of the module run at a time: they wait for their servers more than they compute.
AT_A_TIME = $(or $(RUST_TEST_THREADS),$(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN)))))

.DEFAULT_GOAL := help
.PHONY: help setup build run console web top pictures demo example test test-cluster matrix-cluster test-clients test-frameworks test-console matrix-console test-examples test-dist test-image test-fresh test-oldest-rust matrix dist image torture matrix-torture sim model model-explore fuzz asan memcheck deny mutants bench bench-smoke bench-clients lint clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: a server, a C compiler, libclang (Debian, Ubuntu); elsewhere say what to install
	@scripts/setup

build: setup ## Build the module: target/release/libtsgen.so
	cargo build --release --package tsgen

run: ## Start the server with the module in the foreground (PORT=6379)
	@scripts/check-port "$(PORT)" "make run"
	@scripts/setup
# Debian may have started a server of its own by now.
	@scripts/check-port "$(PORT)" "make run"
	@$(MAKE) --no-print-directory build
	@scripts/run "$(PORT)" "$(MODULE)"

console: setup ## Build the program tsgen, which lists, shows and steers what keys hold: target/console/tsgen
	cargo build --profile console --package tsgen-cli

# The server that they look at.
web top: export REDIS_URL := $(or $(REDIS_URL),redis://127.0.0.1:$(PORT))

web: console ## See and steer the server of `make run` in a browser, on http://127.0.0.1:8380 (PORT=6379, or REDIS_URL=…)
	@$(PROGRAM) web

top: console ## The same in this terminal
	@$(PROGRAM) top

pictures: build console ## Make the pictures of the terminal and of the pages in docs/pictures anew (installs what is missing)
	@scripts/picture-top "$(MODULE)" "$(PROGRAM)"
	@scripts/setup console
	cargo test --package tsgen-cli --test pictures

demo: build ## Play a tour of all families on a private server, and show each command with its reply
	@scripts/demo "$(MODULE)"

example: ## Run an example application with a Redis of its own (NAME=checkout; without NAME, list them)
	@scripts/example "$(NAME)" "$(if $(filter command environment,$(origin PORT)),$(PORT))"

test: build ## Run all tests of the module, those on real servers included (TESTS="words" picks those with such names)
	@RUST_TEST_THREADS=$(AT_A_TIME) scripts/test $(if $(TESTS),-- $(TESTS))

matrix: build ## Run the tests of the module on all servers that it supports, and download these (SERVERS="redis-8 valkey", or newest)
	@RUST_TEST_THREADS=$(AT_A_TIME) scripts/matrix "$(MODULE)" $(SERVERS)

test-examples: build ## Run the tests of the examples (installs what is missing: PostgreSQL, a client for Python, ...)
	@scripts/setup examples
	@scripts/test --workspace --exclude tsgen --exclude tsgen-engine --exclude tsgen-clients --exclude tsgen-history --exclude tsgen-conformance --exclude tsgen-client --exclude tsgen-cli

test-cluster: build ## Run the tests on clusters of six nodes and under Sentinels (a minute or two)
	@scripts/test --test cluster

matrix-cluster: build ## The same with the newest Redis and the newest Valkey, and download these (SERVERS="redis-8.x valkey")
	@TSGEN_SUITE=cluster scripts/matrix "$(MODULE)" $(or $(SERVERS),newest)

test-clients: build ## Run one conversation through Redis clients in four languages, and the worker libraries (installs what is missing)
	@scripts/setup clients
	@scripts/test --package tsgen-clients --package tsgen-client --package tsgen-conformance

test-frameworks: build ## Run the tests that kombu and Celery ship, with our transport (a quarter of an hour; they may repeat a test that they call flaky)
	@scripts/setup clients
	@scripts/test --package tsgen-conformance --test conformance -- --ignored ship_pass

test-console: build ## Run the tests of the command line and of its pages, these in Chromium (installs what is missing)
	@scripts/setup console
	@scripts/test --package tsgen-cli

matrix-console: build ## The same, without the browser, on the newest Redis and the newest Valkey, and download these (SERVERS="redis-8.x valkey")
	@scripts/setup console
	@RUST_TEST_THREADS=$(AT_A_TIME) TSGEN_PACKAGE=tsgen-cli TSGEN_SUITE=console scripts/matrix "$(MODULE)" $(or $(SERVERS),newest)

dist: build console ## Pack the module, the program tsgen, the documentation and all licences: target/dist/tsgen-<version>-<architecture>.tar.gz
	@scripts/dist "$(MODULE)" "$(PROGRAM)"

test-dist: build console ## Pack the tarball, unpack it, and use what is in it in each way that the README names
	@scripts/test-dist "$(MODULE)" "$(PROGRAM)"

image: ## Build the container image, with docker or podman (IMAGE_ARGS='--build-arg SERVER_IMAGE=...')
	$(ENGINE) build $(IMAGE_FORMAT) --tag tsgen $(IMAGE_ARGS) .

test-image: ## Build the container image on stand-ins for the stock images, and run it (as root; takes minutes the first time)
	@scripts/test-image

test-oldest-rust: build ## Do what the README of the library for Rust tells, with the oldest Rust that it takes, on a Debian 13 made in a folder (as root; takes minutes)
	@scripts/test-oldest-rust "$(MODULE)"

test-fresh: ## Follow the README on a machine with nothing but Rust, git and make, made in a folder (as root; takes a quarter of an hour)
	@scripts/test-fresh

torture: build ## Kill, cut, stop, demote, squeeze and move servers under load, and judge what clients saw (SEED=7 repeats one, SCHEDULES=20, SECONDS_=6, CUTS=40, LIBRARIES=yes has workers of the libraries in it, NETWORK=yes cuts a network, as root; without, what can be had is)
	@$(if $(LIBRARIES),scripts/setup clients)
	@$(if $(NETWORK),scripts/setup network)
	SEED=$(SEED) SCHEDULES=$(SCHEDULES) SECONDS_=$(SECONDS_) CUTS=$(CUTS) LIBRARIES=$(LIBRARIES) NETWORK=$(NETWORK) cargo test --test torture -- --nocapture --test-threads 1

matrix-torture: build ## The same on other servers, and download these (SERVERS="redis-8.x valkey", or newest)
	@$(if $(LIBRARIES),scripts/setup clients)
	@$(if $(NETWORK),scripts/setup network)
	@SEED=$(SEED) SCHEDULES=$(SCHEDULES) SECONDS_=$(SECONDS_) CUTS=$(CUTS) LIBRARIES=$(LIBRARIES) NETWORK=$(NETWORK) RUST_TEST_THREADS=1 TSGEN_SUITE=torture scripts/matrix "$(MODULE)" $(or $(SERVERS),newest)

sim: ## Simulate crashes and failovers in virtual time, from many seeds (SEED=7 repeats one, SEEDS=1000 tries so many, with both from that one on)
	SEED=$(SEED) SEEDS=$(SEEDS) cargo test --release -p tsgen-engine --test sim -- --nocapture

model: ## Explore all states of small worlds around the engine: minutes, some GB (make test has smaller ones)
	MODEL_LARGE=1 cargo test --release -p tsgen-engine --test exhaustive -- --nocapture --test-threads 1

model-explore: ## Walk through one of them in a browser, on http://127.0.0.1:3000 (MODEL=tsgen; or paused, groups, fair, sources, remembering, jobs, clock, several, debounce, tally, expiry, evicted, announced)
	MODEL_EXPLORE=$(or $(MODEL),tsgen) cargo test --release -p tsgen-engine --test exhaustive holds -- --nocapture --test-threads 1

fuzz: ## Have fuzzers try snapshots, words, and histories against the naive model (SECONDS_=60 for each, FUZZERS="snapshot_tsgen words")
	@scripts/setup hostile
	@scripts/fuzz $(or $(SECONDS_),60) $(FUZZERS)

asan: setup ## Run tests on real servers with the module under AddressSanitizer (TESTS="words" picks those with such names)
	@scripts/memory asan $(TESTS)

memcheck: ## Run a conversation of all families under valgrind (TESTS="words" picks other tests)
	@scripts/setup hostile
	@scripts/memory valgrind $(TESTS)

deny: ## Check licences, sources, banned crates and known faults of all dependencies against deny.toml (the last need github.com)
	@scripts/deny

mutants: ## Plant faults in the engine, one at a time, and count those that its own tests find (FILES="engine/src/grants.rs", SHARD=3/50 for a sample): a day without
	@SHARD=$(SHARD) scripts/mutants $(FILES)

bench: build ## Measure against sorted sets and streams, side by side (some minutes, 3 GB)
	cargo bench --bench side_by_side

bench-smoke: build ## Run the benchmark at tiny sizes, only to see that it works
	TSGEN_BENCH=smoke cargo bench --quiet --bench side_by_side

bench-clients: build ## Measure the worker libraries beside taskiq-redis, Celery, BullMQ and asynq (some minutes; needs Python, Node, Go; ROUNDS=3)
	@scripts/bench-clients "$(MODULE)"

lint: setup ## Formatting, clippy and go vet (where there is Go), no warnings allowed
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
# The whole workspace here too, or all that they stand on would be checked once more, with other features.
	cargo clippy --workspace --test cluster --test torture --test pictures -- -D warnings
	scripts/lint-go

clean: ## Remove what was built (not ./data)
	cargo clean
