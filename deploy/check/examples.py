#!/usr/bin/env python3
"""The examples: built as kubectl builds them, validated, and tried with the program where it is there.

    examples.py OUT       writes what was built to OUT/example-*.yaml

What needs the program: settings are checked by `config check`, policies by `policy check`, and pods are injected by `cedarpost inject` and then
held against the admission policies of the chart.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

import yaml

import admission
import chart
import manifests

EXAMPLES = chart.DEPLOY / "examples"
IMAGE = "registry.example/platform/cedarpost@sha256:" + "1" * 64
# What the injector says in variables and arguments, for settings that are looked at without it.
SERVER = '\n[[server]]\nname = "notes"\nurl = "http://127.0.0.1:9000/mcp"\n'
INJECTED = {
    "CEDARPOST_LISTEN_ADDRESS": "127.0.0.1:9000",
    "CEDARPOST_POLICY_POLICIES": "/etc/cedarpost/policies",
    "CEDARPOST_AUDIT_DIRECTORY": "/var/lib/cedarpost/audit",
}


def binary():
    root = chart.DEPLOY.parent
    named = os.environ.get("CEDARPOST")
    for path in [named] if named else [root / "target/release/cedarpost", root / "target/debug/cedarpost"]:
        if pathlib.Path(path).is_file():
            return str(path)
    return None


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, **more)


def built():
    """Name → objects."""
    made = {path.stem: list(yaml.safe_load_all(path.read_text())) for path in EXAMPLES.glob("standalone/*.yaml")}
    made["collector"] = list(yaml.safe_load_all((EXAMPLES / "observability" / "collector.yaml").read_text()))
    try:
        done = run(["kubectl", "kustomize", str(EXAMPLES / "shop")])
    except FileNotFoundError:
        print("examples: kubectl is not here: the shop was not built")
    else:
        if done.returncode:
            raise SystemExit(f"examples: {done.stderr}")
        made["shop"] = list(yaml.safe_load_all(done.stdout))
    return made


def settings(cedarpost, files, variables, problems, where):
    """Writes settings and what stands beside them, and asks whether they are good."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            (pathlib.Path(directory) / name).write_text(text)
        environment = {"PATH": os.environ["PATH"], "HOME": directory, **variables}
        done = run([cedarpost, "config", "check", "--config", f"{directory}/cedarpost.toml"], env=environment)
    if done.returncode:
        problems.append(f"{where}: config check: {done.stderr}{done.stdout}")


def policies(cedarpost, files, problems, where):
    with tempfile.TemporaryDirectory() as directory:
        for name, text in files.items():
            (pathlib.Path(directory) / name).write_text(text)
        done = run([cedarpost, "policy", "check", "--policies", directory, "--entities", directory, "--deny-warnings"])
    if done.returncode:
        problems.append(f"{where}: policy check: {done.stderr}{done.stdout}")


def injected(cedarpost, documents, problems):
    """Pods as the injector makes them, held against the admission policies."""
    if run([cedarpost, "inject", "--help"]).returncode:
        print("examples: this cedarpost cannot inject")
        return 0
    rendered = chart.documents(chart.value_sets()["production"])
    policy = chart.one(rendered, "ValidatingAdmissionPolicy", "cedarpost-sidecar")
    params = chart.one(rendered, "ConfigMap", "cedarpost-images")
    engine, count = admission.Google(), 0
    for document in documents:
        if document["kind"] != "Deployment":
            continue
        name = document["metadata"]["name"]
        command = [cedarpost, "inject", "--image", IMAGE, "-f", "-"]
        done = run(command, input=yaml.safe_dump(document))
        if done.returncode:
            problems.append(f"shop: {name}: inject: {done.stderr}")
            continue
        made = yaml.safe_load(done.stdout)
        problems += manifests.validate("shop, injected", [made])
        template = made["spec"]["template"]
        for pod, wanted in ((document["spec"]["template"], False), (template, True)):
            pod = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": {"name": name, **pod["metadata"]}}
            request = admission.request_of({}, pod)
            data = {"object": pod, "oldObject": None, "request": request, "params": params, "authorizer": {}}
            said = admission.verdict(engine, policy, data)
            if bool(said) is wanted:
                problems.append(f"shop: {name}: {'refused' if wanted else 'let in without a sidecar'}: {said}")
            count += 1
        again = run(command, input=done.stdout)
        if again.stdout != done.stdout:
            problems.append(f"shop: {name}: injecting twice makes something else")
    return count


def main():
    out, problems, made, tried = pathlib.Path(sys.argv[1]), [], built(), 0
    for name, documents in made.items():
        (out / f"example-{name}.yaml").write_text(yaml.safe_dump_all(documents, sort_keys=False))
        problems += manifests.validate(name, documents)
    cedarpost = binary()
    if cedarpost is None:
        print("examples: cedarpost is not here: settings and policies were not looked at (make build)")
    else:
        for name in ("pod", "shop"):
            for document in made.get(name, []):
                data = document.get("data", {})
                where = f"{name}: {document['metadata']['name']}"
                if "cedarpost.toml" in data:
                    if name == "shop" and "[[server]]" not in data["cedarpost.toml"]:
                        data = {**data, "cedarpost.toml": data["cedarpost.toml"] + SERVER}
                    settings(cedarpost, data, INJECTED if name == "shop" else {}, problems, where)
                    tried += 1
            texts = {key: text for document in made.get(name, []) for key, text in document.get("data", {}).items()}
            texts = {key: text for key, text in texts.items() if key.endswith((".cedar", ".json")) and key != "jwks.json"}
            if texts:
                policies(cedarpost, texts, problems, name)
                tried += 1
        tried += injected(cedarpost, made.get("shop", []), problems)
    for problem in problems:
        print(f"examples: {problem}", file=sys.stderr)
    objects = sum(len(documents) for documents in made.values())
    print(f"examples: {objects} objects, {tried} tried with the program: {'good' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
