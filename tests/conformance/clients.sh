#!/usr/bin/env bash
# Real clients against real servers with Cedarpost between them, over HTTP and over stdio, and a policy that denies one tool of each server:
# the tool is not listed, calling it all the same is answered with an error result that gives the reason, the session lives on, and the
# other tools work. Takes a few minutes; the first run installs the clients (npm and pip). Settings: see lib.sh.
#
# Exit code: 0 every client saw what it should, 1 one did not, 2 something is missing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITES="$(install suites)" || exit 2
TOOLS="$(install clients)" || exit 2
PYTHON_1="$(venv 1.30.0)" || exit 2
PYTHON_2="$(venv 2.3.0)" || exit 2
use_node "$SUITES"
build
cp "$HERE"/clients/*.mjs "$HERE"/clients/*.cjs "$HERE"/clients/*.py "$TOOLS/"

SERVERS="$TOOLS/node_modules/@modelcontextprotocol"
EVERYTHING="$SERVERS/server-everything/dist/index.js"
FILESYSTEM="$SERVERS/server-filesystem/dist/index.js"
SHELF="$WORK/shelf"
mkdir -p "$SHELF" && echo "on the shelf" >"$SHELF/note.txt"
NODE="$(command -v node)"
FAILED=0

POLICY='
permit (principal, action, resource);

@id("no-sums") @reason("Sums are not for agents.")
forbid (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"everything/get-sum");

@id("no-writing") @reason("Nothing is written here.")
forbid (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"files/write_file");
'

# scenario SERVER: what is to be done there, as the middle of a plan.
scenario() {
  case $1 in
    everything)
      echo '"denied": { "name": "get-sum", "arguments": { "a": 1, "b": 2 } }, "reason": "Sums are not for agents",
            "allowed": { "name": "echo", "arguments": { "message": "hello there" } }, "expect": "hello there"'
      ;;
    files)
      echo '"denied": { "name": "write_file", "arguments": { "path": "'"$SHELF"'/stolen.txt", "content": "x" } },
            "reason": "Nothing is written here",
            "allowed": { "name": "list_directory", "arguments": { "path": "'"$SHELF"'" } }, "expect": "note.txt"'
      ;;
  esac
}

# try LABEL MODE TARGET SERVER COMMAND…: runs one client with its plan and has the outcome judged.
try() {
  local label="$1" plan="{ \"mode\": \"$2\", $3, $(scenario "$4") }"
  shift 4
  timeout --kill-after=5 90 "$@" "$plan" 2>"$WORK/client.log" | node "$TOOLS/verify.mjs" "$label" "$plan" && return
  FAILED=1
  tail -3 "$WORK/client.log"
}

# every_client LABEL TARGET SERVER
every_client() {
  local mode
  try "typescript 1 · $1" legacy "$2" "$3" node "$TOOLS/typescript-1.mjs"
  for mode in legacy auto; do try "typescript 2 $mode · $1" "$mode" "$2" "$3" node "$TOOLS/typescript-2.mjs"; done
  try "python 1 · $1" legacy "$2" "$3" "$PYTHON_1" "$TOOLS/python_1.py"
  for mode in legacy auto; do try "python 2 $mode · $1" "$mode" "$2" "$3" "$PYTHON_2" "$TOOLS/python_2.py"; done
  try "inspector · $1" legacy "$2" "$3" node "$TOOLS/inspector.mjs"
}

# Over HTTP: one sidecar in front of a server that speaks HTTP and one that is its child.
UPSTREAM_PORT="$(free_port)"
PROXY_PORT="$(free_port)"
UPSTREAM="http://127.0.0.1:$UPSTREAM_PORT/mcp"
start everything "$UPSTREAM_PORT" env PORT="$UPSTREAM_PORT" node --require "$TOOLS/loopback.cjs" "$EVERYTHING" streamableHttp
CONFIG="$(settings proxy "$PROXY_PORT" "$POLICY")"
cat >>"$CONFIG" <<TOML

[[server]]
name = "everything"
url = "$UPSTREAM"

[[server]]
name = "files"
command = ["$NODE", "$FILESYSTEM", "$SHELF"]
TOML
start_proxy proxy "$PROXY_PORT" "$UPSTREAM" "$CONFIG"
for server in everything files; do
  every_client "http · $server" "\"url\": \"http://127.0.0.1:$PROXY_PORT/$server\"" "$server"
done

# A policy that reads an argument of a real tool, whose type comes from the server's own list.
mkdir -p "$SHELF/open/sub" "$SHELF/closed"
echo "on the shelf" >"$SHELF/open/note.txt" && echo "a secret" >"$SHELF/closed/secret.txt" && ln -s ../closed/secret.txt "$SHELF/open/link.txt"
PATHS_PORT="$(free_port)"
PATHS_CONFIG="$(settings paths "$PATHS_PORT" '
@id("open-shelf")
permit (principal, action == Mcp::Action::"files/read_text_file", resource)
when {
  context.input.path like "'"$SHELF"'/open/*" &&
  !(context.input.path like "*/../*") && !(context.input.path like "*/..") && !(context.input.path like "*//*")
};
')"
cat >>"$PATHS_CONFIG" <<TOML

[[server]]
name = "files"
command = ["$NODE", "$FILESYSTEM", "$SHELF"]
TOML
start_proxy paths "$PATHS_PORT" "" "$PATHS_CONFIG"
node "$TOOLS/paths.mjs" "{ \"url\": \"http://127.0.0.1:$PATHS_PORT/files\", \"shelf\": \"$SHELF\" }" || FAILED=1

# Over stdio: the client starts the sidecar, and that the server. Every client gets its own log, as each run is a process.
STDIO_CONFIG="$(settings stdio "$(free_port)" "$POLICY")"
over_stdio() { # SERVER COMMAND…
  local server="$1" script="$WORK/$1.sh" words
  shift
  printf '#!/bin/sh\nexec "%s" stdio --config "%s" --name "%s" -- %s\n' "$CEDARPOST" "$STDIO_CONFIG" "$server" "$*" >"$script"
  chmod +x "$script"
  words="$(printf ', "%s"' stdio --config "$STDIO_CONFIG" --name "$server" -- "$@")"
  every_client "stdio · $server" "\"command\": [\"$CEDARPOST\"$words], \"script\": \"$script\"" "$server"
}
over_stdio everything "$NODE" "$EVERYTHING" stdio
over_stdio files "$NODE" "$FILESYSTEM" "$SHELF"

[ -e "$SHELF/stolen.txt" ] && say "FAIL  a denied write_file wrote its file" && FAILED=1
[ "$FAILED" = 0 ] && say "every client saw what the policy says"
exit "$FAILED"
