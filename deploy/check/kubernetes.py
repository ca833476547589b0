#!/usr/bin/env python3
"""Asks the admission code of Kubernetes itself, as kubernetes.sh builds it: the cases of the admission policies, and pods that the webhook of
the chart, running on this machine, is asked about as an API server asks. Usage: kubernetes.py ADMISSION, with the program that was built."""

import base64
import copy
import json
import pathlib
import signal
import subprocess
import sys
import tempfile

import yaml

import admission
import chart
import examples
import sentences
import webhook

KINDS = ("MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


def namespace(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}}}


def cluster(documents, authority=None):
    """What an API server has to know of a rendered chart. The webhook is believed by `authority`; without one it is not registered."""
    objects = [copy.deepcopy(d) for d in documents if d["kind"] in KINDS and (authority or d["kind"] != "MutatingWebhookConfiguration")]
    objects.append(chart.one(documents, "ConfigMap", "cedarpost-images"))
    objects += [namespace("shop", **{"cedarpost.dev/injection": "enabled"}), namespace("other"), namespace("cedarpost")]
    for stored in objects:
        # What an API server would have filled in.
        constraints = stored.get("spec", {}).get("matchConstraints")
        for selecting in [constraints] if constraints else stored.get("webhooks", []):
            for selector in ("namespaceSelector", "objectSelector"):
                selecting.setdefault(selector, {})
        for hook in stored.get("webhooks", []):
            hook["clientConfig"]["caBundle"] = base64.b64encode(pathlib.Path(authority).read_bytes()).decode()
    return objects


def ask(program, objects, requests, address=""):
    question = {"objects": objects, "webhook": address, "requests": requests}
    done = subprocess.run([program], input=json.dumps(question), capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise SystemExit(f"kubernetes: it cannot answer: {done.stderr}")
    answers = {answer["name"]: answer for answer in json.loads(done.stdout)}
    assert len(answers) == len(requests), "two requests have the same name"
    return answers


def policies(program):
    """The same cases, with the same sentences, that two other implementations of CEL are given by admission.py."""
    documents = chart.documents(chart.value_sets()["production"])
    for path in sorted((chart.HERE / "cases").glob("*.yaml")):
        suite = yaml.safe_load(path.read_text())
        pods = {
            name: admission.patched(suite["pods"][pod["from"]], pod["patch"]) if "from" in pod else pod for name, pod in suite["pods"].items()
        }
        requests = []
        for case in suite["cases"]:
            base = pods[case["pod"]]
            asked = admission.request_of(case, base)
            old = None if asked["operation"] in ("CREATE", "CONNECT") else admission.patched(base, case.get("before"))
            new = case["options"] if "options" in case else admission.patched(old or base, case.get("patch"))
            requests.append(
                {
                    "name": case["name"],
                    "namespace": "other" if case.get("outside") else "shop",
                    "operation": asked["operation"],
                    "subresource": asked.get("subResource", ""),
                    "object": new,
                    "old": old,
                    "mayOperate": case.get("may_operate", False),
                    "validate": True,
                }
            )
        answers = ask(program, cluster(documents), requests)
        for case in suite["cases"]:
            denied = answers[case["name"]].get("denied", "")
            wanted = case.get("denied", [])
            wanted = [wanted] if isinstance(wanted, str) else wanted
            # An API server stops at the first sentence that it tells.
            holds = any(want in denied for want in wanted) if wanted else not denied
            yield f"the policies: {case['name']}", holds, denied or "let in"


def pod(name, spec, **metadata):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", **metadata}, "spec": spec}


def made(name, thing, place="shop", **more):
    return {"name": name, "namespace": place, "operation": "CREATE", "object": thing, "mutate": True, "validate": True, **more}


def injection(program, cedarpost):
    """Pods as they are made: what the webhook's patches become, and whether the policies let that in."""
    documents = chart.documents(chart.value_sets()["production"])
    app = {"containers": [{"name": "app", "image": "registry.example/app:1", "ports": [{"name": "mcp", "containerPort": 9000}]}]}
    two = {**app, "initContainers": [{"name": "migrate", "image": "registry.example/migrate:1"}]}
    spoofed = {**app, "initContainers": [{"name": "cedarpost", "image": "evil.example/cedarpost:1", "restartPolicy": "Always"}]}
    requests = [
        made("plain", pod("plain", app)),
        made("behind", pod("behind", two)),
        made("spoofed", pod("spoofed", spoofed)),
        made("dry", pod("dry", app), dryRun=True),
        made("host", pod("host", {**app, "hostNetwork": True})),
        made("out", pod("out", app, labels={"cedarpost.dev/inject": "false"})),
        made("elsewhere", {**pod("elsewhere", app), "metadata": {"name": "elsewhere", "namespace": "other"}}, place="other"),
        made("wish", pod("wish", app, annotations={"cedarpost.dev/colour": "red"})),
    ]
    shop = [d for d in examples.built().get("shop", []) if d["kind"] == "Deployment"]
    for deployment in shop:
        template = deployment["spec"]["template"]
        name = deployment["metadata"]["name"]
        requests.append(made(name, {"apiVersion": "v1", "kind": "Pod", "metadata": {**template["metadata"], "name": name}, "spec": template["spec"]}))
    with tempfile.TemporaryDirectory() as directory:
        process, port, authority = webhook.start(cedarpost, documents, directory)
        try:
            objects = cluster(documents, authority)
            answers = ask(program, objects, requests, f"127.0.0.1:{port}")
            again = [made(name, answer["object"]) for name, answer in answers.items() if not answer.get("denied")]
            second = ask(program, objects, again, f"127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
        away = ask(program, objects, [made("plain", pod("plain", app))], f"127.0.0.1:{port}")["plain"]
        stranger = pathlib.Path(directory, "stranger.crt")
        webhook.local.openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=stranger",
            "-keyout", f"{directory}/stranger.key", "-out", str(stranger),
        )

    def first(name):
        containers = answers[name]["object"]["spec"].get("initContainers") or [{}]
        return containers[0]

    image = next(iter(chart.one(documents, "ConfigMap", "cedarpost-images")["data"].values()))
    for name in ["plain", "behind", "spoofed", "dry", *(d["metadata"]["name"] for d in shop)]:
        said = answers[name].get("denied", "")
        yield f"{name} is let in", not said, said
        yield f"{name} has the sidecar first, with the image that is allowed", first(name).get("name") == "cedarpost" and first(name)["image"] == image, first(name)
        yield f"{name} is the same when the webhook is asked again", second.get(name, {}).get("object") == answers[name]["object"], second.get(name)
    for name in ("plain", "behind"):
        ours = [c for c in answers[name]["object"]["spec"]["containers"]]
        yield f"the containers of {name} are as they were", ours[0]["image"] == "registry.example/app:1" and len(ours) == 1, ours
    yield "the init container of behind comes after the sidecar", [c["name"] for c in answers["behind"]["object"]["spec"]["initContainers"]] == ["cedarpost", "migrate"], None
    for name, word in (("host", "hostNetwork"), ("out", "has no place in this namespace"), ("wish", "colour")):
        denied = answers[name].get("denied", "")
        yield f"{name} is refused, and why is said", word in denied, denied or "let in"
    yield "a namespace that has not opted in is left alone", not answers["elsewhere"].get("denied") and not answers["elsewhere"]["object"]["spec"].get("initContainers"), answers["elsewhere"]
    yield "no pod is made while the webhook is away", "failed calling webhook" in away.get("denied", ""), away


def main():
    program = sys.argv[1]
    wrong, count = [], 0
    cedarpost = examples.binary()
    suites = [policies(program)]
    if cedarpost is None:
        print("kubernetes: cedarpost is not here: its webhook was not asked")
    else:
        suites.append(injection(program, cedarpost))
    for suite in suites:
        for sentence, holds, seen in suite:
            count += 1
            if not holds:
                wrong.append(f"{sentence}: {yaml.safe_dump(seen)[:800]}")
    return sentences.told("kubernetes", "asked of Kubernetes' own admission code", count, wrong)


if __name__ == "__main__":
    sys.exit(main())
