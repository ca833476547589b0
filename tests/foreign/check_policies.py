#!/usr/bin/env python3
"""Holds signed policies against OpenSSL (PyPI: cryptography), with nothing of this tree.

    check_policies.py CEDARPOST

CEDARPOST is the built program. It signs, this verifies; then this signs, with a key of its own, and CEDARPOST verifies. Prints a line for
each thing that was held, and ends with an error at the first that does not hold.
"""

import base64
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

FORMAT = "cedarpost.dev/policy-bundle/v1"


def key_id(name, public):
    return hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]


def listed(directory, version):
    files = {}
    for root, _, names in os.walk(directory):
        for name in names:
            path = pathlib.Path(root, name)
            relative = path.relative_to(directory).as_posix()
            if relative != "policies.sig":
                files[relative.encode()] = hashlib.sha256(path.read_bytes()).hexdigest()
    lines = [f"{digest}  {name.decode()}" for name, digest in sorted(files.items())]
    return "\n".join([FORMAT, f"version {version}", *lines]) + "\n"


def verify(directory, public_text):
    name, identifier, encoded = public_text.split("+", 2)
    kind, public = base64.b64decode(encoded)[:1], base64.b64decode(encoded)[1:]
    assert kind == b"\x01" and key_id(name, public).hex() == identifier
    text, signatures = (directory / "policies.sig").read_text().rsplit("\n\n", 1)
    text += "\n"
    for line in signatures.splitlines():
        dash, by, signature = line.split(" ")
        signature = base64.b64decode(signature)
        if dash == "\u2014" and by == name and signature[:4].hex() == identifier:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text.encode())
            version = int(text.splitlines()[1].removeprefix("version "))
            assert text == listed(directory, version), "the list is not that of the files"
            return version
    raise InvalidSignature


def sign(directory, version, name, key):
    text = listed(directory, version)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = base64.b64encode(key_id(name, public) + key.sign(text.encode())).decode()
    (directory / "policies.sig").write_text(f"{text}\n\u2014 {name} {signature}\n")
    return "+".join([name, key_id(name, public).hex(), base64.b64encode(b"\x01" + public).decode()])


def main():
    program = sys.argv[1]

    def run(*words, code=0):
        done = subprocess.run([program, "policy", *map(str, words)], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, (words, done)
        return done.stdout

    with tempfile.TemporaryDirectory() as home:
        home = pathlib.Path(home)
        directory = home / "policies"
        (directory / "sub").mkdir(parents=True)
        (directory / "shop.cedar").write_text("permit (principal, action, resource);\n")
        (directory / "sub" / "r\u00f6les.json").write_text("[]")
        (directory / "sub.json").write_text("[]")
        public = run("keygen", "--name", "policies.example/shop", "--output", home / "key").strip()
        run("sign", "--key", home / "key", "--version", 41, directory)
        assert verify(directory, public) == 41
        print("what is signed here verifies there")

        theirs = Ed25519PrivateKey.generate()
        trusted = sign(directory, 42, "ci.example", theirs)
        assert ", version 42, " in run("verify", "--key", trusted, directory)
        run("verify", "--key", public, directory, code=3)
        print("what is signed there verifies here")

        tried = 0
        good = (directory / "policies.sig").read_bytes()
        for at in range(len(good)):
            (directory / "policies.sig").write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
            if at % 7 == 0:
                run("verify", "--key", trusted, directory, code=3)
                tried += 1
        (directory / "policies.sig").write_bytes(good)
        print(f"{tried} changed bytes of a signature are refused")

        pem = theirs.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (home / "theirs.pem").write_bytes(pem)
        (directory / "shop.cedar").write_text("forbid (principal, action, resource);\n")
        run("sign", "--key", home / "theirs.pem", "--name", "ci.example", directory)
        assert verify(directory, trusted) == 43
        print("a PEM key of theirs signs here, and counts on from their version")


if __name__ == "__main__":
    main()
