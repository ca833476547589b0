#!/usr/bin/env python3
"""The example `shop` without a cluster: its programs, settings and policies as processes of this machine, with 127.0.0.2 for the address of the
server's pod and a token that we sign for the agent's service account. Needs the program and openssl."""

import base64
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import chart
import examples
import sentences

SHOP = examples.EXAMPLES / "shop"
ISSUER = "https://kubernetes.default.svc.cluster.local"
POD = "127.0.0.2"
ASSISTANT = "system:serviceaccount:shop:assistant"


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*command, **more):
    return subprocess.run(["openssl", *command], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more).stdout


class Cluster:
    """Signs tokens as an API server does."""

    def __init__(self, directory):
        self.key = f"{directory}/key.pem"
        openssl("genrsa", "-out", self.key, "2048")
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().split("=")[1]
        self.jwks = {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "k1", "n": url64(bytes.fromhex(modulus)), "e": "AQAB"}]}

    def token(self, account, audience="cedarpost"):
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": f"system:serviceaccount:shop:{account}",
            "aud": [audience],
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "kubernetes.io": {
                "namespace": "shop",
                "serviceaccount": {"name": account, "uid": "1"},
                "pod": {"name": f"{account}-0", "uid": "2"},
            },
        }
        head = {"alg": "RS256", "kid": "k1"}
        text = ".".join(url64(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{url64(openssl('dgst', '-sha256', '-sign', self.key, input=text.encode()))}"


def free(address):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def both():
    """A port that is free at both addresses."""
    for _ in range(100):
        port = free("127.0.0.1")
        with socket.socket() as probe:
            try:
                probe.bind((POD, port))
            except OSError:
                continue
            return port
    raise SystemExit("local: no port is free at both addresses")


def ready(url, process):
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"local: it ended with {process.returncode}: {process.args}")
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                if response.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"local: {url} is not ready")


class Stage:
    def __init__(self, cedarpost, directory):
        self.cedarpost, self.directory, self.running = cedarpost, pathlib.Path(directory), []
        self.policies = self.directory / "policies"
        self.policies.mkdir()
        for path in (SHOP / "policies").iterdir():
            (self.policies / path.name).write_text(path.read_text())

    def start(self, command, **variables):
        log = open(self.directory / f"log-{len(self.running)}", "wb")
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), **variables}
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def sidecar(self, name, settings, files, listen):
        home = self.directory / name
        home.mkdir()
        for path, text in {"cedarpost.toml": settings, **files}.items():
            (home / path).write_text(text)
        admin = f"127.0.0.1:{free('127.0.0.1')}"
        # As the injector says it.
        process = self.start(
            [self.cedarpost, "serve", "--config", str(home / "cedarpost.toml")],
            CEDARPOST_LISTEN_ADDRESS=listen,
            CEDARPOST_LISTEN_ALLOWED_HOSTS="notes,notes.shop.svc",
            CEDARPOST_ADMIN_ADDRESS=admin,
            CEDARPOST_POLICY_POLICIES=str(self.policies),
            CEDARPOST_POLICY_SCHEMA=str(self.policies),
            CEDARPOST_POLICY_ENTITIES=str(self.policies),
            CEDARPOST_AUDIT_DIRECTORY=str(home / "audit"),
        )
        ready(f"http://{admin}/readyz", process)
        return admin

    def ask(self, url, *arguments, token=None):
        environment = {"PATH": os.environ["PATH"], "NOTES_URL": url} | ({"TOKEN_FILE": str(token)} if token else {})
        command = [sys.executable, str(SHOP / "assistant.py"), *arguments]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    def stop(self):
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
        for process in self.running:
            process.wait(timeout=30)


def play(stage, cluster):
    """Sentence → whether it holds."""
    port, agent_port = both(), free("127.0.0.1")
    stage.start([sys.executable, str(SHOP / "notes.py"), str(port)])
    guard = (SHOP / "cedarpost.toml").read_text() + f'\n[[server]]\nname = "notes"\nurl = "http://127.0.0.1:{port}/mcp"\npath = "/mcp"\n'
    admin = stage.sidecar("notes", guard, {"jwks.json": json.dumps(cluster.jwks)}, f"{POD}:{port}")
    token = stage.directory / "token"
    token.write_text(cluster.token("assistant"))
    agent = (SHOP / "agent.toml").read_text()
    agent = agent.replace("/var/run/secrets/cedarpost/token", str(token)).replace("http://notes.shop.svc:9000", f"http://{POD}:{port}")
    stage.sidecar("assistant", agent, {}, f"127.0.0.1:{agent_port}")
    through, past = f"http://127.0.0.1:{agent_port}/notes", f"http://{POD}:{port}/mcp"

    code, said = stage.ask(through, "--expect", "allow", "list_notes")
    yield "an allowed call gets through both sidecars", code == 0 and said["text"] == "water the cedar"
    yield "what may not be called is not shown", "delete_notes" not in said["tools"] and "add_note" in said["tools"]
    code, said = stage.ask(through, "--expect", "deny", "delete_notes")
    yield "what the server's sidecar does not show is not there for the agent's", code == 0 and "no such tool" in said["text"], said
    _, said = stage.ask(past, "list_notes")
    yield "who shows no token gets 401", "401" in said.get("failed", "")
    code, said = stage.ask(past, "--expect", "allow", "list_notes", token=token)
    yield "the token is believed by the server's sidecar", code == 0
    code, said = stage.ask(past, "--expect", "deny", "delete_notes", token=token)
    yield "a denied call is denied, with the reason", code == 0 and "Deleting is for people." in said["text"], said
    other = stage.directory / "other"
    other.write_text(cluster.token("somebody"))
    code, said = stage.ask(past, "--expect", "deny", "list_notes", token=other)
    yield "another service account is denied", code == 0
    other.write_text(cluster.token("assistant", audience="https://kubernetes.default.svc.cluster.local"))
    _, said = stage.ask(past, "list_notes", token=other)
    yield "a token for somebody else gets 401", "401" in said.get("failed", "")
    with urllib.request.urlopen(f"http://{admin}/metrics", timeout=10) as response:
        metrics = stage.directory / "metrics"
        metrics.write_bytes(response.read())
    done = subprocess.run([sys.executable, str(chart.HERE / "metrics.py"), str(metrics)], stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="")
    yield "what it shows of itself is what its source says", done.returncode == 0


def main():
    cedarpost = examples.binary()
    if cedarpost is None:
        print("local: cedarpost is not here: the shop was not played (make build)")
        return 0
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as directory:
        stage = Stage(cedarpost, directory)
        try:
            for sentence, holds, *more in play(stage, Cluster(directory)):
                count += 1
                if not holds:
                    wrong.append(f"{sentence} {more}")
        finally:
            stage.stop()
        verify = subprocess.run(
            [cedarpost, "audit", "verify", "--quiet", "--audit-dir", f"{directory}/notes/audit"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        count += 1
        if verify.returncode:
            wrong.append("the log holds together")
    return sentences.told("local", "about the shop on this machine", count, wrong)


if __name__ == "__main__":
    sys.exit(main())
