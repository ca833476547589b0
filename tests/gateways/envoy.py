"""Asks through a real Envoy; see README.md beside this. Arguments: the sidecar's program, Envoy's program."""

import base64
import http.client
import http.server
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

POLICY = """
@id("echo") permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/echo");
@id("destroy") @reason("Ask a person first.")
permit (principal, action in Mcp::Action::"tools/call", resource == Mcp::Tool::"lab/destroy") when { context has approval };
@id("operators-rule") permit (principal == Mcp::User::"operator", action == Mcp::Action::"approve", resource);
"""
SCHEMA = {"type": "object", "properties": {"message": {"type": "string"}}}
TOOLS = [{"name": name, "inputSchema": SCHEMA} for name in ("echo", "destroy")]
IDP = "https://idp.example"


def port():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return bound.getsockname()[1]


class Server(http.server.BaseHTTPRequestHandler):
    """A server without scruples: it runs whatever reaches it."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        if "chunked" in self.headers.get("transfer-encoding", ""):
            body = b""
            while length := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(length)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
        message = json.loads(body)
        result = {"tools": TOOLS} if message.get("method") == "tools/list" else {"content": [], "seen": dict(self.headers.items())}
        answer = json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "result": result}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def cluster(name, at, more=None):
    address = {"socket_address": {"address": "127.0.0.1", "port_value": at}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {"name": name, "type": "STATIC", "load_assignment": {"cluster_name": name, "endpoints": endpoints}, **(more or {})}


def listener(at, partial=False, **more):
    kind = "type.googleapis.com/envoy.extensions.filters"
    authz = f"{kind}.http.ext_authz.v3"
    check = {"context_extensions": {"cedarpost.server": "lab"}}
    filters = [
        {
            "name": "envoy.filters.http.ext_authz",
            "typed_config": {
                "@type": f"{authz}.ExtAuthz",
                "transport_api_version": "V3",
                "failure_mode_allow": False,
                "with_request_body": {"max_request_bytes": 65536, "allow_partial_message": partial, "pack_as_bytes": True},
                "grpc_service": {"envoy_grpc": {"cluster_name": "cedarpost"}, "timeout": "10s"},
                **more,
            },
        },
        {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}},
    ]
    host = {
        "name": "mcp",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "mcp", "timeout": "0s"}}],
        "typed_per_filter_config": {
            "envoy.filters.http.ext_authz": {"@type": f"{authz}.ExtAuthzPerRoute", "check_settings": check}
        },
    }
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "mcp",
        "route_config": {"virtual_hosts": [host]},
        "http_filters": filters,
    }
    chain = {"filters": [{"name": "hcm", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": at}}
    return {"name": f"mcp-{at}", "address": address, "filter_chains": [chain]}


def main(program, envoy):
    home = pathlib.Path(tempfile.mkdtemp(prefix="cedarpost-gateways-"))
    mcp, admin, grpc, whole, partial, listed = (port() for _ in range(6))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    text = lambda number: base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
    jwk = {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "k", "x": text(numbers.x), "y": text(numbers.y)}
    (home / "jwks.json").write_text(json.dumps({"keys": [jwk]}))
    (home / "lab.cedar").write_text(POLICY)
    (home / "cedarpost.toml").write_text(f"""
listen.address = "127.0.0.1:{mcp}"
admin.address = "127.0.0.1:{admin}"
grpc = {{ address = "127.0.0.1:{grpc}", ext_authz = true }}
policy.policies = ["lab.cedar"]
audit.directory = "audit"
[identity]
accept = ["oauth"]
resource = "https://gateway.example"
[[identity.issuer]]
issuer = "{IDP}"
jwks_file = "jwks.json"
[[server]]
name = "lab"
url = "http://127.0.0.1:{server.server_address[1]}/mcp"
""")
    http2 = {"explicit_http_config": {"http2_protocol_options": {}}}
    options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    speaks = {"typed_extension_protocol_options": {options: {"@type": f"type.googleapis.com/{options}", **http2}}}
    listeners = [listener(whole), listener(partial, partial=True), listener(listed, encode_raw_headers=True)]
    clusters = [cluster("cedarpost", grpc, speaks), cluster("mcp", server.server_address[1])]
    (home / "envoy.json").write_text(json.dumps({"static_resources": {"listeners": listeners, "clusters": clusters}}))
    claims = {"iss": IDP, "sub": "alice", "client_id": "helper", "aud": "https://gateway.example/lab", "jti": "t", "scope": "mcp"}
    now = int(time.time())
    token = jwt.encode({**claims, "iat": now, "exp": now + 600}, key, algorithm="ES256", headers={"kid": "k", "typ": "at+jwt"})

    def ask(at, body, headers=None, method="POST", path="/mcp", shows=True, chunked=False):
        connection = http.client.HTTPConnection("127.0.0.1", at, timeout=20)
        every = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        every.update({"authorization": f"Bearer {token}"} if shows else {})
        every.update(headers or {})
        pieces = (body[begin : begin + 999] for begin in range(0, len(body), 999)) if chunked else body
        connection.request(method, path, body=pieces, headers=every, encode_chunked=chunked)
        answer = connection.getresponse()
        said = answer.read()
        try:
            return answer.status, answer.headers, json.loads(said)
        except ValueError:
            return answer.status, answer.headers, {}

    def call(tool, message="a"):
        params = {"name": tool, "arguments": {"message": message}}
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).encode()

    def method(name):
        return json.dumps({"jsonrpc": "2.0", "id": 1, "method": name, "params": {}}).encode()

    good, long = call("echo"), call("echo", "x" * 70_000)
    twice = good.replace(b'"method"', b'"method":"ping","method"')
    ran = lambda said: "seen" in said[2].get("result", {})
    code = lambda wanted: lambda said: said[2].get("error", {}).get("code") == wanted
    forged = {"x-cedarpost-decision-id": "forged", "x-cedarpost-agent": "root", "cookie": "a=b"}

    def clean(said):
        seen = said[2]["result"]["seen"]
        hidden = not {"authorization", "cookie", "x-cedarpost-agent"} & seen.keys()
        return hidden and seen["x-cedarpost-decision-id"] == said[1]["cedarpost-decision-id"] != "forged"

    def challenged(said):
        return "resource_metadata=" in said[1].get("www-authenticate", "")

    questions = [
        ("an allowed call runs, without what the client showed", 200, clean, (whole, good, forged)),
        ("one in pieces", 200, ran, (whole, call("echo", "b" * 5_000), None, "POST", "/mcp", True, True)),
        ("headers one by one", 200, clean, (listed, good, forged)),
        ("no decision, and no forged name of one", 200, lambda said: "x-cedarpost-decision-id" not in said[2]["result"]["seen"], (whole, method("ping"), forged)),
        ("an unknown tool", 200, code(-32602), (whole, call("nope"))),
        ("a call that needs a person", 200, lambda said: said[2]["result"]["isError"], (whole, call("destroy"))),
        ("nobody", 401, challenged, (whole, good, None, "POST", "/mcp", False)),
        ("a bad token", 401, challenged, (whole, good, {"authorization": "Bearer x"})),
        ("a header for a token", 401, challenged, (whole, good, {"x-forwarded-client-cert": "URI=spiffe://a/b"}, "POST", "/mcp", False)),
        ("how to get a token", 200, lambda said: said[2]["authorization_servers"] == [IDP], (whole, None, None, "GET", "/.well-known/oauth-protected-resource/lab", False)),
        ("a batch", 400, code(-32600), (whole, b"[" + good + b"]")),
        ("a key twice", 400, code(-32600), (whole, twice)),
        ("a header that contradicts", 400, code(-32020), (whole, good, {"mcp-name": "destroy"})),
        ("the same, headers one by one", 400, code(-32020), (listed, good, {"mcp-name": "destroy"})),
        ("an encoded body", 415, code(-32600), (whole, good, {"content-encoding": "gzip"})),
        ("an unknown method", 200, code(-32601), (whole, method("tools/destroy"))),
        ("no body", 400, code(-32600), (whole, b"")),
        ("more than Envoy takes", 413, lambda said: not ran(said), (whole, long)),
        ("a cut body", 400, code(-32600), (partial, long)),
        ("a cut body in pieces", 400, code(-32600), (partial, long, None, "POST", "/mcp", True, True)),
        ("a cut body that says it is whole", 400, code(-32600), (partial, long, {"x-envoy-auth-partial-body": "false"})),
        ("a whole body where cut ones come too", 200, ran, (partial, good)),
        ("a stream without a session", 405, lambda _: True, (whole, None, None, "GET")),
        ("a list", 200, lambda said: said[2]["result"]["tools"] == TOOLS, (whole, method("tools/list"))),
    ]
    begin = [[program, "serve", "--config", str(home / "cedarpost.toml")], [envoy, "-c", str(home / "envoy.json"), "--use-dynamic-base-id", "--concurrency", "1"]]
    logs = [open(home / name, "w") for name in ("cedarpost.log", "envoy.log")]
    running = [subprocess.Popen(command, cwd=home, stdout=log, stderr=log) for command, log in zip(begin, logs)]
    failed = 0
    try:
        for _ in range(200):
            try:
                if ask(whole, good)[0] == 200 and ran(ask(whole, good)):
                    break
            except OSError:
                pass
            time.sleep(0.1)
        for name, status, fits, asked in questions:
            said = ask(*asked)
            try:
                good_answer = said[0] == status and bool(fits(said))
            except (KeyError, TypeError):
                good_answer = False
            failed += not good_answer
            print("ok    " if good_answer else "FAILED", name, "" if good_answer else said)
        waits = ask(whole, call("destroy"))[2]["result"]["content"][0]["text"]
        ticket = re.search(r"apr_\w{26}", waits).group(0)
        subprocess.run([program, "approvals", "approve", ticket, "--audit-dir", str(home / "audit")], check=True, capture_output=True)
        times = [ran(ask(whole, call("destroy"))) for _ in range(3)]
        failed += times != [True, False, False]
        print("ok    " if times == [True, False, False] else "FAILED", "what a person approved runs once", times)
        running[0].terminate()
        running[0].wait()
        status = ask(whole, good)[0]
        failed += status != 403
        print("ok    " if status == 403 else "FAILED", "nobody to ask: nothing runs", status)
    finally:
        for process in running:
            process.terminate()
    passed = len(questions) + 2 - failed
    print(f"{passed} passed, {failed} failed")
    if failed:
        print(f"logs are in {home}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
