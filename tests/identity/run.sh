#!/usr/bin/env bash
# Cedarpost between an authorization server and an MCP client that others wrote: a user's token by authorization code, a client's own, one
# exchanged with `act`, keys that change under load. Needs npm; the first run installs what package.json names.
#
# Exit code: 0 all is as it should be, 1 something is not, 2 something is missing.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../conformance/lib.sh"
HERE="$ROOT/tests/identity"
# The sidecar takes every variable of this form for a setting.
unset CEDARPOST_CACHE

# The packages lie beside these scripts, where Node looks for them.
TOOLS="$(HERE="$ROOT/tests" install identity)" || exit 2
use_node "$TOOLS"
build
cp "$HERE"/*.mjs "$TOOLS/"

SIDECAR_PORT="$(free_port)" PROVIDER_PORT="$(free_port)" SERVER_PORT="$(free_port)"
ISSUER="http://127.0.0.1:$PROVIDER_PORT" BASE="http://127.0.0.1:$SIDECAR_PORT"

mkdir -p "$WORK/policies"
cat >"$WORK/policies/all.cedar" <<'CEDAR'
@id("people")
permit (principal, action, resource == Mcp::Tool::"mirror/whoami")
when { context has token && context.token.scopes.contains("mcp") && context has actor && context.actor == Mcp::User::"alice" };

@id("batch")
permit (principal == Mcp::Agent::"batch", action, resource == Mcp::Tool::"mirror/whoami") unless { context has actor };

@id("shown")
permit (principal, action, resource)
when { context has actor && (resource in Mcp::Server::"own" || resource in Mcp::Server::"behalf") };
CEDAR
cat >"$WORK/cedarpost.toml" <<TOML
[listen]
address = "127.0.0.1:$SIDECAR_PORT"

[admin]
address = "off"

[identity]
accept = ["oauth"]
resource = "$BASE"
scopes = ["mcp"]

[[identity.issuer]]
issuer = "$ISSUER"
audiences = ["$BASE/mirror"]

[policy]
policies = ["$WORK/policies"]

[audit]
directory = "$WORK/audit"

[[server]]
name = "mirror"
url = "http://127.0.0.1:$SERVER_PORT/mcp"

[[server]]
name = "own"
url = "http://127.0.0.1:$SERVER_PORT/mcp"
credential = "client_credentials"
credential_issuer = "$ISSUER"
credential_client_id = "cedarpost"
credential_client_secret_file = "secret"
credential_scopes = ["mcp"]
credential_resource = "https://server.example/mcp"

[[server]]
name = "behalf"
url = "http://127.0.0.1:$SERVER_PORT/mcp"
credential = "exchange"
credential_issuer = "$ISSUER"
credential_client_id = "cedarpost"
credential_client_secret_file = "secret"
credential_scopes = ["mcp"]
credential_resource = "https://server.example/mcp"
TOML
printf 'cedarpost-secret' >"$WORK/secret"

start provider "$PROVIDER_PORT" node "$TOOLS/provider.mjs" "$PROVIDER_PORT" "$BASE/mirror"
start server "$SERVER_PORT" node "$TOOLS/server.mjs" "$SERVER_PORT"
start sidecar "$SIDECAR_PORT" "$CEDARPOST" serve --config "$WORK/cedarpost.toml"
timeout 120 node "$TOOLS/flows.mjs" "$ISSUER" "$BASE/mirror" "$BASE/mirror"
CODE=$?
[ "$CODE" -eq 0 ] || tail -n 40 "$WORK/provider.log" "$WORK/sidecar.log" >&2
exit "$CODE"
