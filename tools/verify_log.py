#!/usr/bin/env python3
"""Checks an audit log of Cedarpost, or the receipt of one record (--proof, --record), with Python 3.9 or newer and nothing else.

A log is a directory in the layout of C2SP tlog-tiles. `checkpoint` says how many records there are and what the root of their
Merkle tree is, signed with the log's key. `tile/entries/` has the records, 256 to a file, each after its length in two bytes;
`tile/0/` has the hashes of the records, `tile/1/` the roots over 256 of those, and so on. Each record names the hash of the one
before it. Whoever has the private key can rewrite it all: only an older checkpoint kept elsewhere shows that (--checkpoint).
Exit codes: 0 all is as it was signed, 1 something is wrong (the first thing is told), 2 it could not be checked."""
import argparse, base64, hashlib, json, pathlib, re, sys

class Wrong(Exception):
    """What is wrong with the log: a word for programs and a sentence for people."""
def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

# Ed25519 (RFC 8032, section 5.1): points (x, y) of the curve -x^2 + y^2 = 1 + D x^2 y^2 modulo P; L times BASE is (0, 1).
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, BASE = -121665 * pow(121666, -1, P) % P, (4 * pow(5, -1, P) % P).to_bytes(32, "little")
def point(data):
    y, odd = int.from_bytes(data, "little") % 2**255, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square or y >= P: raise ValueError("a key is not a point of the curve")
    return (x if x % 2 == odd else P - x), y
def add(p, q):
    t = D * p[0] * q[0] * p[1] * q[1]
    return (p[0] * q[1] + q[0] * p[1]) * pow(1 + t, -1, P) % P, (p[1] * q[1] + p[0] * q[0]) * pow(1 - t, -1, P) % P
def times(n, p): return add(times(n // 2, add(p, p)), p if n % 2 else (0, 1)) if n else (0, 1)
def has_signed(public, text, signature):
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little")
    s = int.from_bytes(signature[32:], "little")
    x, y = add(times(s % L, point(BASE)), times(-h % L, point(public)))
    return len(signature) == 64 and s < L and (y | x % 2 << 255).to_bytes(32, "little") == signature[:32]

# Keys and checkpoints (C2SP signed-note, tlog-checkpoint): all has one spelling, base64 too, so that no byte can change unseen.
NOTE = re.compile("(([^\0-\x1f]+)\n(0|[1-9][0-9]{0,18})\n([^\0-\x1f]+)\n(?:[^\0-\x1f]+\n)*)\n((?:\u2014 [^\\s+]+ \\S+\n)+)")
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text: raise ValueError("there is base64 in another spelling than the right one")
    return data
def read_trust(text):
    """Lines `from to key`: which key signs at which sizes, both included, `-` for no end. A key is `name+id+base64(1, bytes)`."""
    terms = re.findall("^([0-9]+) ([0-9]+) ([^\\s+]+)\\+([0-9a-f]{8})\\+(\\S+)$", text.replace(" - ", f" {2**63} "), re.M)
    return [(int(start), int(end), name, bytes.fromhex(key_id), unbase64(key)[1:]) for start, end, name, key_id, key in terms]
def read_checkpoint(data, trust, what):  # its size and root, if a key has signed them that is in force at this size
    try:
        text, origin, size, root, lines = NOTE.fullmatch(data.decode()).groups()
        signed = [(name, unbase64(signature)) for _, name, signature in map(str.split, lines.splitlines())]
        size, root = int(size), unbase64(root)
    except (AttributeError, ValueError): raise Wrong("checkpoint_form", f"{what} does not have the form of a signed checkpoint")
    if all(origin != term[2] for term in trust): raise Wrong("checkpoint_origin", f"{what} is of {origin}: no key is known")
    checked = [has_signed(public, text.encode(), signature[4:]) for start, end, name, key_id, public in trust
               for signer, signature in signed if start <= size <= end and (name, key_id) == (signer, signature[:4])]
    if not checked: raise Wrong("checkpoint_key", f"{what} is not signed with a key that is in force at size {size}")
    if not all(checked): raise Wrong("checkpoint_signature", f"{what} has a wrong signature")
    return size, root

# The tree (RFC 6962, section 2.1): pairs from the left, an odd one out moves up. A path ends with the hash of the other part.
def root_of(hashes):
    while len(hashes) > 1:
        hashes = [sha256(b"\1", *pair) for pair in zip(hashes[::2], hashes[1::2])] + hashes[len(hashes) // 2 * 2:]
    return hashes[0] if hashes else sha256()
def root_of_path(leaf, index, size, path):
    if index >= size or bool(path) != (size > 1): raise Wrong("proof", "the receipt does not have the right number of hashes")
    if size == 1: return leaf
    left = 1 << (size - 1).bit_length() - 1
    if index < left: return sha256(b"\1", root_of_path(leaf, index, left, path[:-1]), path[-1])
    return sha256(b"\1", path[-1], root_of_path(leaf, index - left, size - left, path[:-1]))

# Records: JSON as RFC 8785 spells it, with whole numbers below 2^53 only.
def whole(text):
    if len(text) > 15 and abs(int(text)) >= 2**53: raise ValueError("a number is too large")
    return int(text)
DECODE = json.JSONDecoder(parse_int=whole, parse_float=whole, parse_constant=whole).raw_decode
ENCODE = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, check_circular=False).encode
def read_record(data, seq, before):
    try: record, _ = DECODE(data.decode()); canonical = type(record) is dict and ENCODE(record).encode() == data
    except (ValueError, RecursionError): canonical = False
    if not canonical: raise Wrong("record_form", f"record {seq} is not JSON in canonical form")
    if record.get("seq") != seq: raise Wrong("record_number", f"record {seq} says it is record {record.get('seq')}")
    if before is not None and record.get("prev") != base64.b64encode(before).decode():
        raise Wrong("record_link", f"the chain is broken: record {seq} does not name the hash of the record before it")
    return record

# The directory: tiles have their numbers in groups of three digits, `.p/` and the width after that of one that is not full.
def read_tile(log, level, index, width):
    name = re.sub("(...)(?=.)", r"x\1/", str(index).zfill((len(str(index)) + 2) // 3 * 3))
    file = pathlib.Path(log, "tile", str(level), name + (f".p/{width}" if width < 256 else ""))
    return file.read_bytes() if file.is_file() else None
def read_hashes(log, level, index, width, expected=None):
    data, name = read_tile(log, level, index, width), f"tile {index} of level {level}"
    if len(data or b"") != 32 * width: raise Wrong("missing_tile" if data is None else "tile_length", f"{name} lacks hashes")
    if expected and data != b"".join(expected): raise Wrong("tile_differs", f"{name} is not over the tiles below it")
    return [data[at:at + 32] for at in range(0, len(data), 32)]
def check_log(log, trust, heads=()):  # the older heads that the log must still have, as (name, size, root)
    size, root = read_checkpoint(pathlib.Path(log, "checkpoint").read_bytes(), trust, "the checkpoint")
    for name, n, _ in heads:
        if n > size: raise Wrong("rollback", f"ROLLBACK: {name} is of {n} records, and the log has only {size}")
    before, bundles, roots, gone, min_index = bytes(32), [], {0: sha256()}, 0, 0
    for first in range(0, size, 256):
        width, at = min(256, size - first), 0
        leaves, data = read_hashes(log, 0, first // 256, width), read_tile(log, "entries", first // 256, width)
        for seq, leaf in enumerate(leaves if data is not None else [], first):
            start, at = at + 2, at + 2 + int.from_bytes(data[at:at + 2], "big")
            if max(start, at) > len(data): raise Wrong("bundle_length", f"the file with record {seq} is cut short")
            if sha256(b"\0", data[start:at]) != leaf: raise Wrong("record_content", f"record {seq} and its leaf hash do not match")
            record, before = read_record(data[start:at], seq, before), leaf
            if record.get("t") == "prune":
                earlier, min_index = min_index, record.get("min_index")
                if type(min_index) is not int or not earlier <= min_index <= seq:
                    raise Wrong("prune_record", f"record {seq} lets records be gone that cannot be")
        if at != len(data or b""): raise Wrong("bundle_length", f"the file goes on after record {first + width - 1}")
        gone, before = first + width if data is None else gone, leaves[-1]
        roots.update((n, root_of(bundles + [root_of(leaves[:n - first])])) for _, n, _ in heads if first < n <= first + width)
        bundles.append(root_of(leaves))
    if gone > min_index: raise Wrong("missing_records", f"records below {gone} are missing that no prune record lets be gone")
    level, hashes = 1, bundles[:size // 256]
    while hashes:
        tiles = [hashes[at:at + 256] for at in range(0, len(hashes), 256)]
        for index, tile in enumerate(tiles): read_hashes(log, level, index, len(tile), tile)
        level, hashes = level + 1, [root_of(tile) for tile in tiles if len(tile) == 256]
    if root_of(bundles) != root: raise Wrong("root", "the records are not those that were signed: their tree has another root")
    for name, n, old in heads:
        if roots[n] != old: raise Wrong("fork", f"FORK: the first {n} records are not those of {name}")
    return f"{size} records, tree head {size}:{base64.b64encode(root).decode()}"
def check_proof(proof, record, trust):
    form = "c2sp.org/tlog-proof@v1\n(?:extra [^\n]+\n)?index (0|[1-9][0-9]{0,18})\n((?:[^\n]{44}\n)*)\n(.+)"
    try: index, path, note = re.fullmatch(form, proof.decode(), re.S).groups(); path = list(map(unbase64, path.splitlines()))
    except (AttributeError, ValueError): raise Wrong("proof", "the receipt does not have the form of one")
    size, root = read_checkpoint(note.encode(), trust, "the receipt's checkpoint")
    read_record(record, int(index), None)
    if root_of_path(sha256(b"\0", record), int(index), size, path) != root: raise Wrong("proof", "it is of another record")
    return f"record {index} of a log of {size} records"
def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    keys = parser.add_mutually_exclusive_group(required=True)
    for name, text in ("--key", "the key that signs the log"), ("--trust", "all its keys"): keys.add_argument(name, help=text)
    parser.add_argument("log", nargs="?", default=".", help="the directory that has `checkpoint` in it")
    parser.add_argument("--checkpoint", action="append", default=[], help="an older checkpoint, which the log must continue")
    for name in "--proof", "--record": parser.add_argument(name)
    given, read = parser.parse_args(arguments), lambda name: pathlib.Path(name or "").read_bytes()
    try:
        trust = read_trust(f"0 - {given.key}" if given.key else read(given.trust).decode())
        heads = [(name, *read_checkpoint(read(name), trust, name)) for name in given.checkpoint]
        done = check_proof(read(given.proof), read(given.record), trust) if given.proof else check_log(given.log, trust, heads)
    except Wrong as wrong: return print("WRONG ({}): {}".format(*wrong.args)) or 1
    except (OSError, ValueError) as error: return print(f"could not be checked: {error}") or 2
    return print(f"verified: {done}") or 0
if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
