"""Receives what a webhook of a sidecar sends and checks each message with the library of Standard Webhooks.

check_webhooks.py PORT SECRET_FILE COUNT: ends when COUNT messages were verified, and a forged one was not.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

port, secret_file, wanted = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
secrets = [line.strip() for line in open(secret_file) if line.strip()]
verified = 0


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        global verified
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        for secret in secrets:
            Webhook(secret).verify(body, headers)
        for forged in (body + b" ", body.replace(b"requested", b"granted")):
            if forged == body:
                continue
            try:
                Webhook(secrets[0]).verify(forged, headers)
            except (WebhookVerificationError, json.JSONDecodeError):
                continue
            sys.exit("a forged message was believed")
        message = json.loads(body)
        print("ok", message["type"], headers["webhook-id"], f"{len(secrets)} secrets", flush=True)
        verified += 1
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", port), Receiver)
while verified < wanted:
    server.handle_request()
print(f"{verified} messages verified")
