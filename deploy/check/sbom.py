#!/usr/bin/env python3
"""A bill of materials, by the schema of CycloneDX, and by what must be in it."""

import json
import pathlib
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator


def main():
    text = pathlib.Path(sys.argv[1]).read_text()
    problems = []
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        problems.append(f"it is not CycloneDX 1.6: {wrong}")
    bill = json.loads(text)
    linked = {component["name"] for component in bill["components"] if component["scope"] == "required"}
    problems += [f"{name} is linked in and not named" for name in ("cedar-policy", "sled", "rustls", "ring") if name not in linked]
    problems += [f"{name} is for tests only" for name in ("criterion", "proptest", "insta") if name in linked]
    problems += [f"{c['name']} has no licence" for c in bill["components"] if "licenses" not in c]
    problems += [f"{c['name']} has no checksum" for c in bill["components"] if "hashes" not in c]
    for problem in problems:
        print(f"sbom: {problem}", file=sys.stderr)
    print(f"sbom: {len(bill['components'])} crates, {len(linked)} of them linked in: {'good' if not problems else f'{len(problems)} problems'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
