#!/usr/bin/env python3
"""The chart with each set of values beside this file: linted, rendered, validated for every supported Kubernetes, and held to what it promises.

    manifests.py OUT      writes what was rendered to OUT/NAME.yaml, for other tools, and validates OUT/*.yaml that others put there
"""

import pathlib
import sys

import helm_python
import kubernetes_validate
import yaml

import chart

VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
# Kinds that belong to no Kubernetes: foreign.mjs is about those.
FOREIGN = ("cert-manager.io", "monitoring.coreos.com", "kustomize.config.k8s.io")
LABEL = "cedarpost.dev/injected"
RECOMMENDED = ("name", "instance", "version", "component", "part-of", "managed-by")


def validate(where, documents):
    """Unknown and wrong fields, in every version."""
    problems = []
    for document in documents:
        if document["apiVersion"].split("/")[0] in FOREIGN:
            continue
        what = f"{document['kind']} {document['metadata'].get('name')}"
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except Exception as error:  # noqa: BLE001  several kinds, none with a common base
                problems.append(f"{where}: {what}: Kubernetes {version}: {getattr(error, 'message', error)}")
                break
    return problems


def lint(where, values):
    report = helm_python.lint(str(chart.CHART), values, strict=True, namespace=chart.NAMESPACE, kube_version="v1.33.0")
    said = [message["error"] for message in report["messages"] if message["severity"] >= 2]
    return [f"{where}: helm lint: {message}" for message in said + report["errors"]]


def pods(documents):
    return [(document, document["spec"]["template"]["spec"]) for document in documents if document["kind"] == "Deployment"]


def promises(where, values, documents):
    """What the documentation says of the chart."""

    def say(message):
        problems.append(f"{where}: {message}")

    problems = []
    kinds = {}
    own = values.get("certificates", {}).get("mode") == "self"
    events = values.get("webhook", {}).get("events", True)
    asks = own or events
    for document in documents:
        kinds.setdefault(document["kind"], []).append(document)
        labels = document["metadata"].get("labels", {})
        for label in RECOMMENDED:
            if f"app.kubernetes.io/{label}" not in labels:
                say(f"{document['kind']} {document['metadata']['name']} lacks the label {label}")

    # One selector: what the webhook is asked about is what the check demands a sidecar of.
    [webhook] = kinds["MutatingWebhookConfiguration"][0]["webhooks"]
    for policy in kinds.get("ValidatingAdmissionPolicy", []):
        # One is about a label, wherever that is, and about no pod without it.
        constraints = policy["spec"]["matchConstraints"]
        if policy["metadata"]["name"].endswith("-label"):
            if constraints["namespaceSelector"] or constraints["objectSelector"] != {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]}:
                say("the policy about the label is about something else")
            continue
        if policy["spec"]["matchConstraints"]["namespaceSelector"] != webhook["namespaceSelector"]:
            say(f"{policy['metadata']['name']} and the webhook are about different namespaces")
    expressions = webhook["namespaceSelector"]["matchExpressions"]
    excluded = [e["values"] for e in expressions if e["key"] == "kubernetes.io/metadata.name" and e["operator"] == "NotIn"]
    if not excluded or not {"kube-system", chart.NAMESPACE} <= set(excluded[0]):
        say("kube-system or the webhook's own namespace is not excluded")
    if not webhook["namespaceSelector"].get("matchLabels"):
        say("namespaces are not asked for a label")
    if webhook["rules"] != [
        {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"], "scope": "Namespaced"}
    ]:
        say("the webhook is asked about more than new pods")

    # One image.
    for _, spec in pods(documents):
        image = spec["containers"][0]["image"]
        if {"name": "CEDARPOST_INJECT_IMAGE", "value": image} not in spec["containers"][0]["env"]:
            say("the webhook runs another image than it injects")
        allowed = [d["data"] for d in kinds["ConfigMap"] if d["metadata"]["name"].endswith("-images")]
        if allowed and image not in allowed[0].values():
            say("the image that is injected is not allowed")

        # Pod Security's restricted level, and no more of the cluster than it needs.
        container = spec["containers"][0]
        confined = container["securityContext"]
        if not (
            spec["securityContext"]["runAsNonRoot"]
            and spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
            and confined["readOnlyRootFilesystem"] is True
            and confined["allowPrivilegeEscalation"] is False
            and confined["capabilities"] == {"drop": ["ALL"]}
        ):
            say("the webhook is not confined")
        mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
        if spec["automountServiceAccountToken"] is not False or (not asks and any("serviceaccount" in path for path in mounts)):
            say("the webhook has a token that it does not need")
        if spec["enableServiceLinks"] is not False:
            say("the webhook gets variables of services, some of which begin like its settings")
    bindings = [d for kind in ("ClusterRoleBinding", "RoleBinding", "Role") for d in kinds.get(kind, [])]
    discovery = [b for b in bindings if b["roleRef"]["name"] == "system:service-account-issuer-discovery"]
    if len(discovery) != int(values.get("issuerDiscovery", {}).get("enabled", False)):
        say("the cluster's keys are given to other than was said")
    bindings = [binding for binding in bindings if binding not in discovery]
    registration = {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations"],
        "resourceNames": [kinds["MutatingWebhookConfiguration"][0]["metadata"]["name"]],
        "verbs": ["get", "patch"],
    }
    event = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]}
    rules = [rule for rule, wanted in ((registration, own), (event, events)) if wanted]
    if asks:
        role = chart.one(documents, "ClusterRole", bindings[0]["roleRef"]["name"]) if len(bindings) == 1 else {}
        if role.get("rules") != rules:
            say("the webhook may do more than it needs, or less")
    elif bindings:
        say("somebody is given rights")
    if webhook["sideEffects"] != ("NoneOnDryRun" if events else "None"):
        say("the registration does not say what else the webhook does")
    for policy in kinds.get("NetworkPolicy", []):
        if bool(policy["spec"]["egress"]) is not asks:
            say("the webhook reaches somebody whom it does not need, or not whom it needs")
    for monitor in kinds.get("PodMonitor", []):
        if monitor["spec"]["selector"] != {"matchLabels": {LABEL: "true"}}:
            say("more pods are watched than have a sidecar")

    # The certificate is for the name that the API server asks for.
    service = webhook["clientConfig"]["service"]
    name = f"{service['name']}.{service['namespace']}.svc"
    for certificate in kinds.get("Certificate", []):
        if not certificate["spec"].get("isCA") and name not in certificate["spec"]["dnsNames"]:
            say(f"the certificate is not for {name}")
    chart.one(documents, "Service", service["name"])
    return problems


REFUSED = {
    "no image": {},
    "an unknown value": {"image": {"repository": "x"}, "wbhook": {}},
    "a digest that is none": {"image": {"repository": "x", "digest": "sha256:12"}},
    "kube-system takes part": {"image": {"repository": "x"}, "excludedNamespaces": ["kube-public"]},
    "every namespace takes part": {"image": {"repository": "x"}, "namespaceSelector": {"matchLabels": {"cedarpost.dev/injection": None}}},
    "a certificate without its authority": {"image": {"repository": "x"}, "certificates": {"mode": "secret"}},
    "nobody refuses pods without a sidecar": {
        "image": {"repository": "x"},
        "webhook": {"failurePolicy": "Ignore"},
        "admissionPolicy": {"enabled": False},
    },
    "pods without a sidecar are only warned of": {
        "image": {"repository": "x"},
        "webhook": {"failurePolicy": "Ignore"},
        "admissionPolicy": {"actions": ["Warn"]},
    },
    "limits that are none": {"image": {"repository": "x"}, "inject": {"resources": {"limits": {"cpu": "much", "memory": "1Gi"}}}},
}


def refused():
    """Values that must not get through."""
    problems = []
    for what, values in REFUSED.items():
        try:
            chart.documents(values)
        except helm_python.HelmError:
            continue
        problems.append(f"values are accepted with which {what}")
    return problems


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    sets = chart.value_sets()
    problems, objects = refused(), 0
    for name, values in sets.items():
        problems += lint(name, values)
        documents = chart.documents(values)
        (out / f"chart-{name}.yaml").write_text("".join("---\n" + body.strip().removeprefix("---\n") + "\n" for body in chart.text(values).values()))
        problems += promises(name, values, documents)
    for path in sorted(out.glob("*.yaml")):
        documents = [document for document in yaml.safe_load_all(path.read_text()) if document]
        objects += len(documents)
        problems += validate(path.stem, documents)
    for problem in problems:
        print(f"manifests: {problem}", file=sys.stderr)
    print(f"manifests: {len(sets)} sets of values, {len(REFUSED)} that are refused, {objects} objects for Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}: {'good' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
