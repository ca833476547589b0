#!/usr/bin/env python3
"""Holds the golden pods of the injector against programs that share no code with it.

    pip install kubernetes-validate==1.37.0 jsonpatch PyYAML ruamel.yaml
    tests/foreign/check_injection.py

Each manifest is read by two YAML libraries (1.1 and 1.2), its patch applied by a JSON Patch library, and what comes out compared with what the
injector wrote and validated against the schemas of Kubernetes, unknown fields included.
"""

import json
import pathlib
import sys

import jsonpatch
import kubernetes_validate
import yaml
from ruamel.yaml import YAML

GOLDEN = pathlib.Path(__file__).parent.parent / "golden" / "inject"
VERSIONS = ["1.33", "1.34", "1.35", "1.36", "1.37"]
# Made up, to see that they are kept; and image volumes, which the schemas know since they exist.
UNKNOWN = {"newer-fields"}


def main():
    applied = validated = 0
    for patch in sorted(GOLDEN.glob("*.patch.json")):
        name = patch.name.removesuffix(".patch.json")
        before = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
        text = (GOLDEN / f"{name}.out.yaml").read_text()
        after = yaml.safe_load(text)
        assert json.loads(json.dumps(YAML(typ="safe").load(text))) == after, f"{name}: YAML 1.1 and 1.2 differ"
        assert jsonpatch.apply_patch(before, json.loads(patch.read_text())) == after, f"{name}: the patch leads elsewhere"
        applied += 1
        pod = {"apiVersion": "v1", "kind": "Pod", **after}
        if name in UNKNOWN:
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(pod, version, strict=True)
            validated += 1
    print(f"{applied} patches applied, {validated} validations against Kubernetes {', '.join(VERSIONS)}")
    return 0 if applied > 15 else 1


if __name__ == "__main__":
    sys.exit(main())
