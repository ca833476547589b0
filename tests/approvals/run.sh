#!/usr/bin/env bash
# Real clients call a tool that waits for a person, over HTTP and over stdio, with Cedarpost before a server that writes down what it carries
# out. The person approves or denies while the client waits, or after it was told how to go on; the client's user is shown the console's
# page, or a form that counts. What is approved is carried out once, and nothing else is. Takes a few minutes; the first run installs the
# clients (npm and pip). Settings: see ../conformance/lib.sh; CLIENTS is a pattern of those to run.
#
# Exit code: 0 every client saw what it should, 1 one did not, 2 something is missing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../conformance/lib.sh"
HERE="$ROOT/tests/approvals"

SUITES="$(HERE="$ROOT/tests/conformance" install suites)" || exit 2
PACKAGES="$(HERE="$ROOT/tests/conformance" install clients)" || exit 2
PYTHON_1="$(venv 1.30.0)" || exit 2
PYTHON_2="$(venv 2.3.0)" || exit 2
# The sidecar takes every variable of this form for a setting.
unset CEDARPOST_CACHE
use_node "$SUITES"
build
# The packages lie above these scripts, where Node looks for them.
TOOLS="$PACKAGES/approvals"
mkdir -p "$TOOLS" && cp "$HERE"/*.mjs "$HERE"/*.py "$TOOLS/"

NODE="$(command -v node)"
RECORD="$WORK/record"
FAILED=0 RUNS=0
POLICY='
@id("refunds") @reason("Refunds are approved by the owner.")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/refund") when { context has approval };

@id("confirmed") @confirm("form")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/confirm") when { context has approval };

@id("owners-rule") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
@id("users-confirm") permit (principal == Mcp::User::"tester", action == Mcp::Action::"approve", resource)
  when { context.source.transport == "elicitation" };
'

# configured NAME PORT HOLD [CONSOLE]: a configuration that holds clients for so long; prints its path.
configured() {
  local config
  config="$(settings "$1" "$2" "$POLICY")"
  printf '\n[approvals]\nhold = "%s"\n' "$3" >>"$config"
  [ -n "${4:-}" ] && printf '\n[console]\naddress = "127.0.0.1:%s"\n' "$4" >>"$config"
  printf '%s\n' "$config"
}

# try LABEL CLIENT MODE TARGET DIRECTORY CASE: runs one client through one case and has the outcome judged.
try() {
  local label="$1" client="$2" mode="$3" target="$4" directory="$5" case="$6" person="" plan call=refund elicitation=none action=accept
  local between=null want order
  case "$label" in ${CLIENTS:-*}) ;; *) return ;; esac
  RUNS=$((RUNS + 1))
  order="order-$RUNS-of-this"
  case $case in
    approved) person=approve want='"calls": ["done"], "executed": 1, "asked": ""' ;;
    denied) person=deny want='"calls": ["denied"], "executed": 0, "asked": ""' ;;
    later) between="[\"$NODE\", \"$TOOLS/person.mjs\", \"$CEDARPOST\", \"$directory\", \"approve\", \"$order\"]"
      want='"calls": ["waits", "done"], "executed": 1, "asked": ""' ;;
    page) person=approve elicitation=url want='"calls": ["done"], "executed": 1, "asked": "url"' ;;
    declined) elicitation=url action=decline want='"calls": ["declined"], "executed": 0, "asked": "url"' ;;
    form) call=confirm elicitation=form want='"calls": ["done"], "executed": 1, "asked": "form"' ;;
  esac
  plan="{ \"mode\": \"$mode\", $target, \"elicitation\": \"$elicitation\", \"action\": \"$action\", \"between\": $between,
    \"call\": { \"name\": \"$call\", \"arguments\": { \"order\": \"$order\", \"amount\": 25 } }, \"want\": { $want } }"
  if [ -n "$person" ]; then
    node "$TOOLS/person.mjs" "$CEDARPOST" "$directory" "$person" "$order" >"$WORK/person.log" 2>&1 &
    person=$!
  fi
  timeout --kill-after=5 90 "${PROGRAM[$client]}" "$TOOLS/$client" "$plan" 2>"$WORK/client.log" |
    node "$TOOLS/verify.mjs" "$label" "$plan" "$RECORD" || { FAILED=1; tail -3 "$WORK/client.log"; }
  if [ -n "$person" ]; then
    kill "$person" 2>/dev/null
    wait "$person" 2>/dev/null
  fi
}

declare -A PROGRAM=([typescript-1.mjs]="$NODE" [typescript-2.mjs]="$NODE" [python_1.py]="$PYTHON_1" [python_2.py]="$PYTHON_2"
  [inspector.mjs]="$NODE")

# every_client TRANSPORT PATIENT DIRECTORY BRIEF DIRECTORY: each client through every case, at a sidecar that has time and a console, and at
# one that has neither.
every_client() {
  local client mode case
  for client in typescript-1.mjs:legacy typescript-2.mjs:legacy typescript-2.mjs:auto python_1.py:legacy python_2.py:legacy python_2.py:auto \
    inspector.mjs:legacy inspector.mjs:modern; do
    mode="${client#*:}" client="${client%:*}"
    for case in approved denied page declined; do
      [ "$client" = inspector.mjs ] && [ "$case" != approved ] && [ "$case" != denied ] && continue
      try "$1 · ${client%.*} $mode · $case" "$client" "$mode" "$2" "$3" "$case"
    done
    for case in later form; do
      [ "$client" = inspector.mjs ] && [ "$case" = form ] && continue
      try "$1 · ${client%.*} $mode · $case" "$client" "$mode" "$4" "$5" "$case"
    done
  done
}

SERVER_PORT="$(free_port)" PATIENT_PORT="$(free_port)" BRIEF_PORT="$(free_port)"
start shop "$SERVER_PORT" node "$TOOLS/server.mjs" "$RECORD" "$SERVER_PORT"
for kind in patient brief; do
  if [ $kind = patient ]; then port="$PATIENT_PORT" hold=20s console="$(free_port)"; else port="$BRIEF_PORT" hold=1500ms console=""; fi
  config="$(configured "$kind" "$port" "$hold" "$console")"
  printf '\n[[server]]\nname = "shop"\nurl = "http://127.0.0.1:%s/mcp"\n' "$SERVER_PORT" >>"$config"
  start "$kind" "$port" "$CEDARPOST" serve --config "$config"
done
every_client http "\"url\": \"http://127.0.0.1:$PATIENT_PORT/shop\"" "$WORK/patient/audit" \
  "\"url\": \"http://127.0.0.1:$BRIEF_PORT/shop\"" "$WORK/brief/audit"

# over_stdio KIND HOLD [CONSOLE]: the target of a plan. Every client starts the sidecar, and that the server.
over_stdio() {
  local config script="$WORK/$1.sh" words
  config="$(configured "$1" "$(free_port)" "$2" "${3:-}")"
  printf '#!/bin/sh\nexec "%s" stdio --config "%s" --name shop -- "%s" "%s" "%s" stdio\n' \
    "$CEDARPOST" "$config" "$NODE" "$TOOLS/server.mjs" "$RECORD" >"$script"
  chmod +x "$script"
  words="$(printf ', "%s"' stdio --config "$config" --name shop -- "$NODE" "$TOOLS/server.mjs" "$RECORD" stdio)"
  printf '"command": ["%s"%s], "script": "%s"\n' "$CEDARPOST" "$words" "$script"
}
every_client stdio "$(over_stdio stdio-patient 20s "$(free_port)")" "$WORK/stdio-patient/audit" \
  "$(over_stdio stdio-brief 1500ms)" "$WORK/stdio-brief/audit"

[ "$FAILED" = 0 ] && say "$RUNS runs: what a person approved was carried out once, and nothing else was"
exit "$FAILED"
