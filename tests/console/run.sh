#!/usr/bin/env bash
# The console in headless Chromium: a shop behind the sidecar, a person in front of it. Needs npm and chromium; the first run installs what
# package.json names. IMAGES=docs/images keeps pictures of the pages there.
#
# Exit code: 0 all is as it should be, 1 something is not, 2 something is missing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../conformance/lib.sh"
HERE="$ROOT/tests/console"
# The sidecar takes every variable of this form for a setting.
unset CEDARPOST_CACHE

CHROMIUM="${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}"
[ -n "$CHROMIUM" ] || fail "chromium is not installed"
TOOLS="$(HERE="$ROOT/tests" install console)" || exit 2
command -v node >/dev/null || fail "node is not installed"
build
cp "$HERE"/*.mjs "$TOOLS/"

SIDECAR_PORT="$(free_port)" SERVER_PORT="$(free_port)" CONSOLE_PORT="$(free_port)"
mkdir -p "$WORK/policies"
cat >"$WORK/policies/shop.cedar" <<'CEDAR'
@id("anybody-looks")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/search");

@id("a-person-looks-at-refunds")
@reason("Money that is paid back is gone: somebody looks at it first.")
@approval("support-leads")
@window("1h")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/refund")
when { context has approval };

@id("deleting-is-not-for-agents")
@reason("Agents do not delete orders.")
forbid (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"shop/delete");

@id("the-operator-rules")
permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
CEDAR
cat >"$WORK/cedarpost.toml" <<TOML
[listen]
address = "127.0.0.1:$SIDECAR_PORT"

[admin]
address = "off"

[console]
address = "127.0.0.1:$CONSOLE_PORT"

[approvals]
hold = "20s"

[identity]
agent = "assistant"
actor = "alice"

[policy]
policies = ["$WORK/policies"]

[audit]
directory = "$WORK/audit"

[[server]]
name = "shop"
url = "http://127.0.0.1:$SERVER_PORT/mcp"
TOML

start server "$SERVER_PORT" node "$TOOLS/server.mjs" "$SERVER_PORT"
start sidecar "$CONSOLE_PORT" "$CEDARPOST" serve --config "$WORK/cedarpost.toml"
IMAGES="${IMAGES:+$(cd "$ROOT" && mkdir -p "$IMAGES" && cd "$IMAGES" && pwd)}"
timeout 300 node "$TOOLS/browser.mjs" "$CHROMIUM" "http://127.0.0.1:$CONSOLE_PORT" "http://127.0.0.1:$SIDECAR_PORT/shop" \
  "http://127.0.0.1:$SERVER_PORT" "$CEDARPOST" "$WORK/cedarpost.toml" ${IMAGES:+"$IMAGES"}
CODE=$?
[ "$CODE" -eq 0 ] || tail -n 40 "$WORK/server.log" "$WORK/sidecar.log" >&2
exit "$CODE"
