#!/usr/bin/env python3
"""The webhook as the chart starts it: with the settings, the variable and the arguments of the rendered Deployment and a certificate of
certificates.sh. It is asked about pods as an API server asks, and what comes of them is held against the admission policies and schemas.
Needs the program and openssl."""

import base64
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import time

import jsonpatch
import yaml

import admission
import chart
import examples
import local
import manifests

NAME = "cedarpost-webhook.cedarpost.svc"


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
    port = local.free("127.0.0.1")
    tls = f"{directory}/tls"
    subprocess.run([str(chart.DEPLOY / "certificates.sh"), "--output", tls], check=True, stdout=subprocess.DEVNULL)
    settings = settings.replace("/etc/cedarpost/tls", tls).replace("0.0.0.0:8443", f"127.0.0.1:{port}")
    file = pathlib.Path(directory) / "cedarpost.toml"
    file.write_text(settings)
    arguments = [argument.replace("/etc/cedarpost/webhook/cedarpost.toml", str(file)) for argument in container["args"]]
    environment = {"PATH": os.environ["PATH"]} | {variable["name"]: variable["value"] for variable in container["env"]}
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
    status, _ = ask(port, authority, "POST", "/mutate", {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"})
    yield "what is no review is no yes", status == 400, status
    status, text = ask(port, authority, "GET", "/metrics")
    yield "it shows metrics", status == 200 and "cedarpost_build_info" in text, text[:200]


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
        count += 1
        if code:
            wrong.append(f"it ends in order: {code}")
    for sentence in wrong:
        print(f"webhook: this does not hold: {sentence}", file=sys.stderr)
    print(f"webhook: {count} sentences about the webhook on this machine: {'all hold' if not wrong else f'{len(wrong)} do not'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
