"""An agent for the examples: asks the MCP server at NOTES_URL for its tools, calls those that are named, and prints what came of it. Needs nothing but Python.
A token in the file TOKEN_FILE is shown if there is one.

    assistant.py [--every SECONDS] [--expect allow|deny] TOOL [ARGUMENTS]
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("NOTES_URL", "http://notes:9000/mcp")
TOKEN = os.environ.get("TOKEN_FILE", "")


class Session:
    def __init__(self):
        self.id, self.session, self.version = 0, None, None
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "assistant", "version": "1"}}
        self.version = self.ask("initialize", hello)["result"]["protocolVersion"]
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message):
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if self.session:
            headers["Mcp-Session-Id"] = self.session
        if self.version:
            headers["MCP-Protocol-Version"] = self.version
        if TOKEN:
            # Read each time: Kubernetes renews it.
            with open(TOKEN, encoding="ascii") as file:
                headers["Authorization"] = f"Bearer {file.read().strip()}"
        request = urllib.request.Request(URL, json.dumps(message).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            self.session = response.headers.get("Mcp-Session-Id") or self.session
            text = response.read().decode()
            if response.headers.get_content_type() == "text/event-stream":
                events = [line[5:] for line in text.splitlines() if line.startswith("data:")]
                return next((m for m in map(json.loads, filter(str.strip, events)) if m.get("id") == message.get("id")), None)
            return json.loads(text) if text.strip() else None

    def ask(self, method, params=None):
        self.id += 1
        return self.send({"jsonrpc": "2.0", "id": self.id, "method": method, "params": params or {}})


def once(tool, arguments):
    session = Session()
    tools = [entry["name"] for entry in session.ask("tools/list")["result"]["tools"]]
    said = session.ask("tools/call", {"name": tool, "arguments": arguments})
    result = said.get("result") or {"isError": True, "content": [{"type": "text", "text": said["error"]["message"]}]}
    allowed = not result.get("isError")
    print(json.dumps({"tools": tools, "tool": tool, "allowed": allowed, "text": result["content"][0]["text"]}), flush=True)
    return allowed


def main():
    rest, every, expect = sys.argv[1:], None, None
    while rest and rest[0] in ("--every", "--expect"):
        if rest[0] == "--every":
            every = float(rest[1])
        else:
            expect = rest[1]
        rest = rest[2:]
    tool, arguments = rest[0], json.loads(rest[1]) if len(rest) > 1 else {}
    while True:
        try:
            allowed = once(tool, arguments)
        except (OSError, KeyError, TypeError, ValueError) as error:
            detail = error.read().decode(errors="replace")[:300] if isinstance(error, urllib.error.HTTPError) else ""
            print(json.dumps({"tool": tool, "failed": str(error), "detail": detail}), flush=True)
            allowed = None
        if every is None:
            return 0 if expect is None and allowed is not None or expect == {True: "allow", False: "deny"}.get(allowed) else 1
        time.sleep(every)


if __name__ == "__main__":
    sys.exit(main())
