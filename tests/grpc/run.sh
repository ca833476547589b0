#!/usr/bin/env bash
# The clients of examples/grpc (Python by reflection, JavaScript from proto/, Rust) ask one sidecar the same questions, with the policies of the
# demo: an allow, a call that needs a person, a denial, and questions with a bad field. All must print what is expected, end with its exit code, and
# be in the log. Needs npm and python3 with venv; the first run installs what package.json and requirements.txt name.
#
# Exit code: 0 all is as it should be, 1 something is not, 2 something is missing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../conformance/lib.sh"
HERE="$ROOT/tests/grpc"
# The sidecar takes every variable of this form for a setting.
unset CEDARPOST_CACHE

# requirements: a Python environment with what requirements.txt names, once for each text of it; prints its interpreter.
requirements() {
  local into
  into="$CACHE/grpc-python-$(cksum <"$HERE/requirements.txt" | tr ' ' -)"
  if [ ! -e "$into/.complete" ]; then
    command -v python3 >/dev/null || fail "python3 is not installed"
    printf 'installing grpcio into %s\n' "$into" >&2
    rm -rf "$into" && python3 -m venv "$into" || fail "python3 could not make a virtual environment"
    timeout 300 "$into/bin/pip" install --quiet --disable-pip-version-check -r "$HERE/requirements.txt" >&2 || fail "pip could not install grpcio"
    touch "$into/.complete"
  fi
  printf '%s\n' "$into/bin/python"
}

TOOLS="$(HERE="$ROOT/tests" install grpc)" || exit 2
PYTHON="$(requirements)" || exit 2
(cd "$ROOT" && cargo build --locked --quiet --bin cedarpost --example check) || fail "cargo could not build the sidecar and the client"
BUILT="${CARGO_TARGET_DIR:-$ROOT/target}/debug"
# The packages lie above the script, where Node looks for them, and proto/ is where the script looks for it.
mkdir -p "$TOOLS/examples/grpc" && cp "$ROOT/examples/grpc/check.mjs" "$TOOLS/examples/grpc/" && rm -rf "$TOOLS/proto" && cp -r "$ROOT/proto" "$TOOLS/"

MCP_PORT="$(free_port)" GRPC_PORT="$(free_port)"
cat >"$WORK/cedarpost.toml" <<TOML
[listen]
address = "127.0.0.1:$MCP_PORT"

[admin]
address = "off"

[grpc]
address = "127.0.0.1:$GRPC_PORT"

[identity]
agent = "assistant"
actor = "alice"

[policy]
policies = ["$ROOT/policies/demo"]
schema = ["$ROOT/policies/demo/schema"]
entities = ["$ROOT/policies/demo/entities"]

[audit]
directory = "$WORK/audit"

[[server]]
name = "shop"
url = "http://127.0.0.1:$MCP_PORT/nobody"
TOML
start sidecar "$GRPC_PORT" "$BUILT/cedarpost" serve --config "$WORK/cedarpost.toml"

FAILED=0
# Decisions and tickets have another name each time.
alike() { sed -E 's/(apr_)?[0-9A-HJKMNP-TV-Z]{26}/ID/g; s/ +$//'; }

# asks CODE EXPECTED AGENT ACTOR SERVER TOOL [ARGUMENTS]: has every client ask, and compares what they print.
asks() {
  local code="$1" expected="$2" client said status
  shift 2
  for client in python javascript rust; do
    case $client in
      python) said="$(timeout 30 "$PYTHON" "$ROOT/examples/grpc/check.py" "127.0.0.1:$GRPC_PORT" "$@" 2>&1)" ;;
      javascript) said="$(timeout 30 node "$TOOLS/examples/grpc/check.mjs" "127.0.0.1:$GRPC_PORT" "$@" 2>&1)" ;;
      rust) said="$(timeout 30 "$BUILT/examples/check" "127.0.0.1:$GRPC_PORT" "$@" 2>&1)" ;;
    esac
    status=$?
    said="$(alike <<<"$said")"
    if [ "$status" = "$code" ] && [ "$said" = "$expected" ]; then
      say "ok    $client · $4 ${5:-} · ${said%%$'\n'*}"
    else
      say "FAIL  $client · $* · exit code $status, expected $code; expected and printed:" && diff <(echo "$expected") <(echo "$said")
      FAILED=1
    fi
  done
}

asks 0 "DECISION_ALLOW ID
  agent: permitted (small-refunds at refunds.cedar:2)
  actor: permitted (small-refunds at refunds.cedar:2)" assistant alice shop refund '{"order":"A-1001","amount":2500}'
asks 1 "DECISION_REQUIRE_APPROVAL ID Not executed: a person has to approve this call first. Reason: Refunds above 100.00 need a person's approval. Decision ID. Ticket ID. Once it is approved, make the same call again with identical arguments.
  agent: approval_missing (big-refunds at refunds.cedar:11)
  actor: approval_missing (big-refunds at refunds.cedar:11)" assistant alice shop refund '{"order":"A-1001","amount":25000}'
asks 1 "DECISION_DENY ID Denied by policy: nothing permits this call. Decision ID. Do not retry unchanged.
  agent: no_permit
  actor: no_permit" assistant alice shop refund '{"order":"A-1001","amount":-1}'
asks 2 'no decision: INVALID_ARGUMENT: `caller.agent` is required
  caller.agent: is required' "" alice shop refund '{}'
asks 2 'no decision: INVALID_ARGUMENT: `call.arguments_json` has a key that stands twice in one object
  call.arguments_json: has a key that stands twice in one object' assistant alice shop refund '{"amount":1,"amount":2}'

kill "${STARTED[0]}" && wait "${STARTED[0]}"
RECORDED="$("$BUILT/cedarpost" audit show --audit-dir "$WORK/audit" --limit 1000 --json | grep -c '"check":{"by":"127.0.0.1:')"
[ "$RECORDED" = 9 ] || { say "FAIL  9 decisions were made, and the log has $RECORDED" && FAILED=1; }
[ "$FAILED" = 0 ] && say "every client got the same answers, and they are in the log"
exit "$FAILED"
