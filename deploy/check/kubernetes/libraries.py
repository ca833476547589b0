#!/usr/bin/env python3
"""Gets Go and the libraries of Kubernetes' API server as Debian packages them, and unpacks them: libraries.py SITE SUITE DIRECTORY.

Nothing is installed. What is fetched is held against the digests of the suite's index."""

import concurrent.futures
import hashlib
import lzma
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

WANTED = ["golang-k8s-apiserver-dev", "golang-go"]


def get(address, attempts=5):
    try:
        with urllib.request.urlopen(address, timeout=120) as answer:
            return answer.read()
    except OSError:
        if attempts == 1:
            raise
        time.sleep(1)
        return get(address, attempts - 1)


def index(site, suite):
    """Package → fields, and name → the packages that provide it."""
    packages, provided = {}, {}
    text = lzma.decompress(get(f"{site}/dists/{suite}/main/binary-amd64/Packages.xz")).decode()
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.split("\n") if ": " in line and not line.startswith(" "))
        if "Package" in fields:
            packages[fields["Package"]] = fields
            for name in re.findall(r"[a-z0-9][a-z0-9.+-]+(?=[ ,(:]|$)", fields.get("Provides", "")):
                provided.setdefault(name, []).append(fields["Package"])
    return packages, provided


def needed(packages, provided):
    """What is wanted and all that it depends on, as far as it is Go's."""
    found, left = {}, list(WANTED)
    while left:
        name = left.pop()
        name = name if name in packages else next(iter(provided.get(name, [])), None)
        if name is None or name in found or not name.startswith("golang"):
            continue
        found[name] = packages[name]
        for dependency in packages[name].get("Depends", "").split(","):
            names = [re.split(r"[ (:]", choice.strip())[0] for choice in dependency.split("|")]
            left += [choice for choice in names if choice in packages or choice in provided][:1]
    return found


def main():
    site, suite, directory = sys.argv[1:]
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    found = needed(*index(site, suite))
    print(f"kubernetes: {len(found)} packages, {sum(int(fields['Size']) for fields in found.values()) >> 20} MiB", file=sys.stderr)

    def fetch(fields):
        body = get(f"{site}/{fields['Filename']}")
        if hashlib.sha256(body).hexdigest() != fields["SHA256"]:
            raise SystemExit(f"kubernetes: {fields['Filename']} is not what the index says")
        return body

    archive = directory / "package.deb"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for body in pool.map(fetch, found.values()):
            archive.write_bytes(body)
            subprocess.run(["dpkg-deb", "--extract", archive, directory], check=True)
    archive.unlink()
    print(found["golang-k8s-apiserver-dev"]["Version"])


if __name__ == "__main__":
    main()
