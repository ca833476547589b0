# What one does with this tree. `make demo` and `make test` need only Rust and a C compiler.

CARGO ?= cargo
CONFIG ?= examples/cedarpost.toml
ARGS ?=
FUZZ_SECONDS ?= 60

.DEFAULT_GOAL := help
.PHONY: help demo run build test check fmt clippy docs deny conformance clients grpc-clients identity approvals console image deploy-check bench fuzz clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## A shop behind the sidecar, with policies to play with (ARGS=--tour makes the tour and exits)
	$(CARGO) run --locked --quiet -- demo $(ARGS)

run: ## Serve with CONFIG (default: the example)
	$(CARGO) run --locked -- serve --config $(CONFIG) $(ARGS)

build: ## An optimized binary in target/release
	$(CARGO) build --locked --release

test: ## All tests; ARGS are passed on (with cargo-nextest when it is installed)
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		$(CARGO) nextest run --locked --no-tests=warn $(ARGS) && $(CARGO) test --locked --doc; \
	else \
		$(CARGO) test --locked $(ARGS); \
	fi

check: fmt clippy docs deny ## Format, lints, documentation, licences and advisories

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --locked --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

deny:
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny --locked check; \
	else \
		echo "cargo-deny is not installed: licences and advisories are not checked (cargo install --locked cargo-deny)"; \
	fi

conformance: ## The official MCP suite against a server, direct and through the sidecar (needs node)
	tests/conformance/run.sh $(ARGS)

clients: ## Real MCP clients through the sidecar to real servers (needs node and python3)
	tests/conformance/clients.sh $(ARGS)

grpc-clients: ## The clients of examples/grpc ask a sidecar (needs node, npm and python3 with venv)
	tests/grpc/run.sh

identity: ## An authorization server and an MCP client of others, with the sidecar between them (needs node)
	tests/identity/run.sh

console: ## The console in headless Chromium (needs node and chromium; IMAGES=docs/images keeps pictures)
	tests/console/run.sh

approvals: ## Real MCP clients call a tool that waits for a person (needs node and python3)
	tests/approvals/run.sh

image: ## A container image FROM scratch with the static binary (needs buildah, podman or docker; variables are in the script)
	deploy/docker/image.sh

deploy-check: ## Chart, manifests, admission policies and the Dockerfile, without a cluster (needs python3; installs tools from PyPI)
	deploy/check.sh

bench: ## Latency, throughput and CPU beside a bare proxy and a direct call
	$(CARGO) bench --locked $(ARGS)

fuzz: ## Fuzz every target for FUZZ_SECONDS each (needs cargo-fuzz and a nightly toolchain)
	@for target in $$($(CARGO) +nightly fuzz list); do \
		$(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

clean: ## Remove everything that was built
	$(CARGO) clean
