"""A small MCP server with three tools, for the examples: `python3 notes.py` speaks on standard input and output, `python3 notes.py 9000` HTTP on
127.0.0.1:9000. It needs nothing but Python, knows nothing of authorization, and keeps its notes in memory."""

import http.server
import json
import sys

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
TEXT = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False}
NONE = {"type": "object", "additionalProperties": False}
TOOLS = [
    {"name": "list_notes", "description": "All notes.", "inputSchema": NONE, "annotations": {"readOnlyHint": True, "openWorldHint": False}},
    {"name": "add_note", "description": "Writes a note.", "inputSchema": TEXT, "annotations": {"destructiveHint": False, "openWorldHint": False}},
    {"name": "delete_notes", "description": "Deletes all notes.", "inputSchema": NONE, "annotations": {"destructiveHint": True, "openWorldHint": False}},
]
NOTES = ["water the cedar"]


def call(name, arguments):
    if name == "list_notes":
        return "\n".join(NOTES)
    if name == "add_note":
        NOTES.append(str(arguments["text"])[:1000])
        del NOTES[:-100]
        return "written"
    if name == "delete_notes":
        NOTES.clear()
        return "deleted"
    raise KeyError(name)


def answer(message):
    """The answer to a message, or None for those that want none."""
    if not isinstance(message, dict) or "id" not in message:
        return None
    method, params = message.get("method"), message.get("params") or {}
    try:
        if method == "initialize":
            asked = params.get("protocolVersion")
            version = asked if asked in VERSIONS else VERSIONS[0]
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": {"name": "notes", "version": "1"}}
        elif method == "ping":
            result = {}
        elif method == "tools/list":
            result = {"tools": TOOLS}
        elif method == "tools/call":
            result = {"content": [{"type": "text", "text": call(params["name"], params.get("arguments") or {})}]}
        else:
            return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "method not found"}}
    except (KeyError, TypeError):
        return {"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32602, "message": "invalid params"}}
    return {"jsonrpc": "2.0", "id": message["id"], "result": result}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    # Headers and body in one packet.
    wbufsize = -1

    def reply(self, status, body=None):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        # Probes; this server has nothing to say that it was not asked for.
        self.reply(200 if self.path == "/healthz" else 405)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if self.path != "/mcp" or length > 1 << 20:
            self.close_connection = True
            return self.reply(404 if self.path != "/mcp" else 413)
        try:
            said = answer(json.loads(self.rfile.read(length)))
        except ValueError:
            return self.reply(400)
        self.reply(202 if said is None else 200, said)

    def log_message(self, *_):
        pass


def main():
    if len(sys.argv) > 1:
        # Loopback only: the sidecar has this port at the pod's address.
        http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
    for line in sys.stdin:
        said = answer(json.loads(line))
        if said is not None:
            print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
