#!/usr/bin/env python3
"""Writes what the binary is made of as CycloneDX 1.6 (JSON): every crate that is linked in or builds it, from `cargo metadata`.

Needs nothing but Python and cargo. The same Cargo.lock gives the same bytes: there is no time in it, and the serial number is made of the content.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import uuid

REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


def metadata(target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def reachable(resolve, root):
    """The packages behind `root`, without what only tests need: those linked in, and those that are used while building."""
    nodes = {node["id"]: node for node in resolve["nodes"]}

    def walk(starts, kinds):
        seen, todo = set(), list(starts)
        while todo:
            at = todo.pop()
            if at in seen:
                continue
            seen.add(at)
            todo += (dep["pkg"] for dep in nodes[at]["deps"] if any(kind["kind"] in kinds for kind in dep["dep_kinds"]))
        return seen

    linked = walk([root], {None})
    return nodes, linked, walk([root], {None, "build"}) - linked


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def checksums(path="Cargo.lock"):
    import tomllib

    with open(path, "rb") as file:
        packages = tomllib.load(file)["package"]
    return {(package["name"], package["version"]): package["checksum"] for package in packages if "checksum" in package}


def component(package, scope, sums):
    entry = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": scope,
        "purl": purl(package),
    }
    if package["description"]:
        entry["description"] = " ".join(package["description"].split())
    if package["license"]:
        # Older crates write MIT/Apache-2.0 where SPDX says OR.
        entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if checksum := sums.get((package["name"], package["version"])):
        entry["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["repository"]:
        entry["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return entry


def document(target):
    data = metadata(target)
    packages = {package["id"]: package for package in data["packages"]}
    root = data["resolve"]["root"]
    nodes, linked, building = reachable(data["resolve"], root)
    sums = checksums()
    strange = [packages[at]["id"] for at in linked | building if at != root and packages[at]["source"] != REGISTRY]
    if strange:
        sys.exit(f"sbom: these crates are not from crates.io: {', '.join(sorted(strange))}")
    scopes = {at: "required" for at in linked} | {at: "excluded" for at in building}
    rest = sorted((packages[at]["name"], packages[at]["version"], at) for at in scopes if at != root)
    me = packages[root]
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": purl(me),
                "name": me["name"],
                "version": me["version"],
                "description": me["description"],
                "licenses": [{"expression": me["license"]}],
                "purl": purl(me),
            },
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": [component(packages[at], scopes[at], sums) for _, _, at in rest],
        "dependencies": [
            {
                "ref": purl(packages[at]),
                "dependsOn": sorted(
                    {
                        purl(packages[dep["pkg"]])
                        for dep in nodes[at]["deps"]
                        if dep["pkg"] in scopes and any(kind["kind"] in (None, "build") for kind in dep["dep_kinds"])
                    }
                ),
            }
            for at in sorted(scopes, key=lambda at: purl(packages[at]))
        ],
    }
    digest = hashlib.sha256(json.dumps(bom, sort_keys=True).encode()).hexdigest()
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    return bom


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="x86_64-unknown-linux-musl")
    parser.add_argument("--output", default="-")
    args = parser.parse_args()
    text = json.dumps(document(args.target), indent=1, ensure_ascii=False) + "\n"
    if args.output == "-":
        sys.stdout.write(text)
    else:
        with open(args.output, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
