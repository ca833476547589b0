#!/usr/bin/env python3
"""The webhook as the chart starts it: with the settings, the variable and the arguments of the rendered Deployment and a certificate of
certificates.sh. It is asked about pods as an API server asks, and what comes of them is held against the admission policies and schemas.
Needs the program and openssl."""

import base64
import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import jsonpatch
import yaml

import admission
import chart
import examples
import local
import manifests
import sentences

NAME = "cedarpost-webhook.cedarpost.svc"


class Cluster(http.server.BaseHTTPRequestHandler):
    """As much of an API server as a webhook needs: one object, which it may read and patch, and events, which it may create."""

    path_of = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/cedarpost"
    events_of = re.compile("/apis/events[.]k8s[.]io/v1/namespaces/([a-z0-9-]+)/events")
    registration, strange, events = None, [], []

    def answer(self, change):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path != self.path_of or self.headers.get("Authorization") != "Bearer of the account":
            self.strange.append(f"{self.command} {self.path}")
            return self.send_error(403)
        if change:
            try:
                changed = jsonpatch.apply_patch(Cluster.registration, json.loads(body))
            except jsonpatch.JsonPatchConflict:
                return self.send_error(422)
            version = str(int(changed["metadata"]["resourceVersion"]) + 1)
            Cluster.registration = {**changed, "metadata": {**changed["metadata"], "resourceVersion": version}}
        text = json.dumps(self.registration).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        self.answer(False)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        namespace = self.events_of.fullmatch(self.path)
        if not namespace or self.headers.get("Authorization") != "Bearer of the account":
            self.strange.append(f"{self.command} {self.path}")
            return self.send_error(403)
        event = json.loads(body)
        assert event["metadata"]["namespace"] == event["regarding"]["namespace"] == namespace[1]
        self.events.append(event)
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PATCH(self):
        self.answer(True)

    def log_message(self, *_):
        pass

    @classmethod
    def serve(cls, registration, directory):
        """Its address. The account's files are in `directory`/account."""
        cls.registration = {**registration, "metadata": {**registration["metadata"], "resourceVersion": "1"}}
        account = pathlib.Path(directory, "account")
        account.mkdir()
        account.joinpath("token").write_text("of the account\n")
        key, leaf = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"], f"{directory}/api"
        local.openssl("req", "-x509", *key, "-subj", "/CN=cluster", "-keyout", f"{leaf}-ca.key", "-out", str(account / "ca.crt"))
        local.openssl("req", *key, "-subj", "/CN=localhost", "-keyout", f"{leaf}.key", "-out", f"{leaf}.csr")
        pathlib.Path(f"{leaf}.ext").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
        signer = ["-CA", str(account / "ca.crt"), "-CAkey", f"{leaf}-ca.key", "-CAcreateserial"]
        local.openssl("x509", "-req", "-in", f"{leaf}.csr", *signer, "-extfile", f"{leaf}.ext", "-out", f"{leaf}.crt")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), cls)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{leaf}.crt", f"{leaf}.key")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"https://localhost:{server.server_address[1]}"


class Asked(http.client.HTTPSConnection):
    """A connection to this machine that asks for the Service's name, as an API server does."""

    def __init__(self, port, authority):
        super().__init__("127.0.0.1", port, timeout=30, context=ssl.create_default_context(cafile=authority))

    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=NAME)


def ask(port, authority, method, path, body=None):
    connection = Asked(port, authority)
    connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def review(pod):
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "shop",
            "operation": "CREATE",
            "object": pod,
            "oldObject": None,
            "dryRun": False,
        },
    }


def start(cedarpost, documents, directory):
    """The container of the Deployment, as a process."""
    [container] = chart.one(documents, "Deployment", "cedarpost-webhook")["spec"]["template"]["spec"]["containers"]
    settings = chart.one(documents, "ConfigMap", "cedarpost-webhook")["data"]["cedarpost.toml"]
    api = Cluster.serve(chart.one(documents, "MutatingWebhookConfiguration", "cedarpost"), directory)
    port = local.free("127.0.0.1")
    tls = f"{directory}/tls"
    subprocess.run([str(chart.DEPLOY / "certificates.sh"), "--output", tls], check=True, stdout=subprocess.DEVNULL)
    settings = settings.replace("/etc/cedarpost/tls", tls).replace("0.0.0.0:8443", f"127.0.0.1:{port}")
    file = pathlib.Path(directory) / "cedarpost.toml"
    file.write_text(settings)
    arguments = [argument.replace("/etc/cedarpost/webhook/cedarpost.toml", str(file)) for argument in container["args"]]
    environment = {"PATH": os.environ["PATH"]} | {variable["name"]: variable["value"] for variable in container["env"]}
    # Where they are in a pod is the default.
    environment |= {"CEDARPOST_WEBHOOK_API": api, "CEDARPOST_WEBHOOK_ACCOUNT": f"{directory}/account"}
    log = open(f"{directory}/log", "wb")
    process = subprocess.Popen([cedarpost, *arguments], env=environment, stdout=log, stderr=log)
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit(f"webhook: it ended with {process.returncode}: {pathlib.Path(directory, 'log').read_text()}")
        try:
            if ask(port, f"{tls}/ca.crt", "GET", "/readyz")[0] == 200:
                return process, port, f"{tls}/ca.crt"
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("webhook: it is not ready")


def play(documents, port, authority):
    """Sentence → whether it holds, and what was seen."""
    policy = chart.one(documents, "ValidatingAdmissionPolicy", "cedarpost-sidecar")
    params = chart.one(documents, "ConfigMap", "cedarpost-images")
    engine = admission.Google()

    def verdict(pod):
        request = admission.request_of({}, pod)
        return admission.verdict(engine, policy, {"object": pod, "oldObject": None, "request": request, "params": params, "authorizer": {}})

    def answered(pod):
        status, text = ask(port, authority, "POST", "/mutate", review(pod))
        response = json.loads(text)["response"] if status == 200 else {}
        patch = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
        return status, response, jsonpatch.apply_patch(pod, patch)

    for deployment in examples.built().get("shop", []):
        if deployment["kind"] != "Deployment":
            continue
        name, template = deployment["metadata"]["name"], deployment["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": name}, "spec": template["spec"]}
        status, response, made = answered(pod)
        yield f"{name} is answered with a patch", status == 200 and response["allowed"] and made != pod, response
        wrong = manifests.validate(name, [made])
        yield f"{name} has the label by which others find it", made["metadata"]["labels"].get("cedarpost.dev/injected") == "true", None
        yield f"{name} is a pod of Kubernetes with its sidecar", not wrong, wrong
        said = verdict(made)
        yield f"{name} is let in with its sidecar", not said, said
        yield f"{name} is not let in without", bool(verdict(pod)), None
        again = answered(made)[2]
        yield f"{name} is the same when the webhook is asked again", again == made, None
        spoofed = jsonpatch.apply_patch(made, [{"op": "replace", "path": "/spec/initContainers/0/image", "value": "evil.example/x"}])
        yield f"{name} gets its sidecar back when somebody has put in another", answered(spoofed)[2] == made, None

    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    status, response, _ = answered({**bare, "spec": {**bare["spec"], "hostNetwork": True}})
    yield "a pod on the node's network is refused", status == 200 and response["allowed"] is False, response
    unowned = {**bare, "metadata": {"generateName": "bare-"}, "spec": {**bare["spec"], "os": {"name": "windows"}}}
    status, response, _ = answered(unowned)
    yield "a pod for which there is no sidecar is left alone, with a warning", response["allowed"] is True and bool(response.get("warnings")), response
    for _ in range(100):
        if len(Cluster.events) >= 2:
            break
        time.sleep(0.05)
    events = {event["reason"]: event for event in Cluster.events}
    yield "both are told of in events", sorted(events) == ["InjectionRefused", "InjectionSkipped"] and len(Cluster.events) == 2, Cluster.events
    named = [{**event, "metadata": {**event["metadata"], "name": "cedarpost-x"}} for event in Cluster.events]
    wrong = manifests.validate("event", named)
    yield "those are events of every supported Kubernetes", not wrong, wrong
    yield "an event is about what is known of the pod", events["InjectionSkipped"]["regarding"]["name"] == "bare-", Cluster.events
    status, _ = ask(port, authority, "POST", "/mutate", {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"})
    yield "what is no review is no yes", status == 400, status
    status, text = ask(port, authority, "GET", "/metrics")
    yield "it shows metrics", status == 200 and "cedarpost_build_info" in text, text[:200]


def own(cedarpost, directory):
    """With `certificates.mode: self`: what the webhook writes into its registration is what it is believed by."""
    documents = chart.documents(chart.value_sets()["self-made"])
    [container] = chart.one(documents, "Deployment", "cedarpost-webhook")["spec"]["template"]["spec"]["containers"]
    api = Cluster.serve(chart.one(documents, "MutatingWebhookConfiguration", "cedarpost"), directory)
    port, file = local.free("127.0.0.1"), pathlib.Path(directory, "cedarpost.toml")
    settings = chart.one(documents, "ConfigMap", "cedarpost-webhook")["data"]["cedarpost.toml"]
    Cluster.strange, Cluster.events = [], []
    made = pathlib.Path(directory, "own")
    made.mkdir()
    file.write_text(settings.replace("0.0.0.0:8443", f"127.0.0.1:{port}").replace("/run/cedarpost", str(made)))
    environment = {"PATH": os.environ["PATH"]} | {variable["name"]: variable["value"] for variable in container["env"]}
    # Where they are in a pod is the default.
    environment |= {"CEDARPOST_WEBHOOK_API": api, "CEDARPOST_WEBHOOK_ACCOUNT": f"{directory}/account"}
    with open(f"{directory}/log", "wb") as log:
        process = subprocess.Popen([cedarpost, "webhook", "--config", str(file)], env=environment, stdout=log, stderr=log)
    authority, seen = f"{directory}/believed.crt", None
    try:
        for _ in range(200):
            bundle = Cluster.registration["webhooks"][0]["clientConfig"].get("caBundle")
            if bundle and process.poll() is None:
                pathlib.Path(authority).write_bytes(base64.b64decode(bundle))
                try:
                    seen = ask(port, authority, "GET", "/readyz")
                    if seen[0] == 200:
                        break
                except OSError as error:
                    seen = str(error)
            time.sleep(0.1)
        told = seen if seen and seen[0] == 200 else f"{seen}: {pathlib.Path(directory, 'log').read_text()}"
        yield "its own certificate is believed by what it wrote into its registration", bool(seen) and seen[0] == 200, str(told)
        yield "it asks the cluster for that and nothing else", not Cluster.strange, Cluster.strange
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def main():
    cedarpost = examples.binary()
    if cedarpost is None or examples.run([cedarpost, "webhook", "--help"]).returncode:
        print("webhook: a cedarpost that has a webhook is not here: it was not asked")
        return 0
    documents = chart.documents(chart.value_sets()["production"])
    wrong, count = [], 0
    with tempfile.TemporaryDirectory() as directory:
        process, port, authority = start(cedarpost, documents, directory)
        try:
            for sentence, holds, seen in play(documents, port, authority):
                count += 1
                if not holds:
                    wrong.append(f"{sentence}: {yaml.safe_dump(seen)[:500]}")
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(timeout=30)
        with tempfile.TemporaryDirectory() as another:
            for sentence, holds, seen in own(cedarpost, another):
                count += 1
                if not holds:
                    wrong.append(f"{sentence}: {yaml.safe_dump(seen)[:1500]}")
        count += 1
        if code:
            wrong.append(f"it ends in order: {code}")
    return sentences.told("webhook", "about the webhook on this machine", count, wrong)


if __name__ == "__main__":
    sys.exit(main())
