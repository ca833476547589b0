#!/usr/bin/env bash
# The official conformance suite, once straight at a server and once through Cedarpost with a policy that allows everything: the scores must
# be the same, check by check. Takes about a minute; the first run installs the suite (about 250 MB with Node.js). Settings: see lib.sh.
#
# Exit code: 0 all required scenarios pass and both ways agree, 1 they do not, 2 something is missing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# The legs: the two revisions' required sets in the new suite, and everything in the last release of the old one.
leg_command() {
  case $1 in
    2025-11-25 | 2026-07-28) echo "suite-0.2/dist/index.js server --requirements $1" ;;
    suite-0.1) echo "suite-0.1/dist/index.js server --suite all" ;;
  esac
}
LEGS=(2025-11-25 2026-07-28 suite-0.1)

# run_leg WAY LEG URL: one leg, with its results in $WORK/WAY/LEG; its exit code, which speaks of required scenarios only, goes to a file.
run_leg() {
  local folder="$WORK/$1/$2"
  mkdir -p "$folder"
  # shellcheck disable=SC2046 # it is a command line
  (cd "$folder" && timeout --kill-after=5 100 node "$SUITES/node_modules/"$(leg_command "$2") --url "$3" -o results >log.txt 2>&1)
  echo $? >"$folder/exit"
}

SUITES="$(install suites)" || exit 2
FIXTURE="$(install fixture)" || exit 2
use_node "$SUITES"
build
cp "$HERE"/fixture/*.mjs "$FIXTURE/"

DIRECT_PORT="$(free_port)"
PROXY_PORT="$(free_port)"
DIRECT="http://127.0.0.1:$DIRECT_PORT/mcp"
PROXIED="http://127.0.0.1:$PROXY_PORT/mcp"
start fixture "$DIRECT_PORT" node "$FIXTURE/server.mjs" "$DIRECT_PORT"
CONFIG="$(settings proxy "$PROXY_PORT" '@id("everything") permit (principal, action, resource);')"
cat >>"$CONFIG" <<TOML

[[server]]
name = "fixture"
path = "/mcp"
url = "$DIRECT"
TOML
start_proxy proxy "$PROXY_PORT" "$DIRECT" "$CONFIG"

for leg in "${LEGS[@]}"; do
  began=$SECONDS
  run_leg direct "$leg" "$DIRECT"
  run_leg proxied "$leg" "$PROXIED"
  say "ran $leg both ways in $((SECONDS - began)) s"
done

if node "$HERE/compare.mjs" "$WORK" "${LEGS[@]}"; then exit 0; fi
KEPT="$CACHE/last-failure"
rm -rf "$KEPT" && cp -r "$WORK" "$KEPT" && say "all results and logs are in $KEPT"
exit 1
