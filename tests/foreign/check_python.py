"""Checks with the PyPI packages aics-tlog 0.2.1, aics-witness 0.1.0 and pymerkle 7.0.0 what the example `emit` wrote, and writes
vectors of their making: check_python.py DIR [VECTORS.json]"""
import json, sys, pathlib
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import aics_tlog as at
from aics_tlog import tiles as att
from aics_witness import protocol as ap
import pymerkle

out = pathlib.Path(sys.argv[1])
keys = json.loads((out / "keys.json").read_text())
log, nxt, witness = (at.parse_vkey(keys[k]) for k in ("log", "next", "witness"))
assert all(at.format_vkey(at.parse_vkey(k)) == k for k in keys.values())

raw = (out / "checkpoint").read_bytes()
note = at.parse_note(raw)
assert note.to_bytes() == raw and at.verify_note(note, [log])
policy = at.WitnessPolicy(quorum=1, witnesses=(witness,))
result = at.verify_checkpoint(note, log, policy=policy)
print("checkpoint and cosignature:", result)
cp = at.parse_checkpoint(note.text)
rotated = at.parse_note((out / "rotated").read_bytes())
assert at.verify_note(rotated, [log]) and at.verify_note(rotated, [nxt])

reader = at.FileSystemTileReader(out)
assert at.tree_root_from_tiles(reader, cp.size) == cp.root
for index in (0, 255, 256, 41234, cp.size - 1):
    assert at.read_entry(reader, index, cp.size) == str(index).encode()
    path = at.inclusion_proof_from_tiles(reader, index, cp.size)
    text = (out / f"proofs/{index}.tlog-proof").read_text() if (out / f"proofs/{index}.tlog-proof").exists() else None
    if text:
        head, _, rest = text.partition("\n\n")
        assert head.split("\n")[0] == "c2sp.org/tlog-proof@v1" and head.split("\n")[1] == f"index {index}"
        assert [at.note.b64_decode(x) for x in head.split("\n")[2:]] == path and rest.encode() == raw
names = sorted(str(p.relative_to(out)) for p in out.glob("tile/**/*") if p.is_file())
theirs = at.tiles.materialise_tiles([str(i).encode() for i in range(cp.size)])
assert names == sorted(theirs), (len(names), len(theirs))
assert all((out / n).read_bytes() == theirs[n] for n in names)
print("tiles: root, entries, proofs, all", len(names), "files byte for byte")

inclusion = consistency = 0
for v in json.loads((out / "proofs.json").read_text()):
    old, new = (bytes.fromhex(r) for r in v["roots"])
    path, cons = ([bytes.fromhex(h) for h in v[k]] for k in ("inclusion", "consistency"))
    assert at.verify_leaf_inclusion(str(v["index"]).encode(), v["index"], v["size"], path, new)
    assert at.verify_consistency(v["index"], v["size"], old, new, cons)
    inclusion += 1; consistency += 1
print("proofs:", inclusion, "inclusion", consistency, "consistency")

from aics_witness.service import Witness, WitnessError
from aics_witness import store as ast, config as acfg
import tempfile
state = ast.WitnessStore(tempfile.mkdtemp() + "/w.db", create=True)
seed = Ed25519PrivateKey.from_private_bytes(bytes([2]) * 32)
logs = [acfg.LogConfig(origin="audit.example/sidecar/test", vkeys=(log,))]
clock = [0]
w = Witness("witness.example/w1", seed, state, logs, clock=lambda: clock[0])
assert w.vkey_text == keys["witness"]
same = 0
for body in sorted((out / "requests").glob("[0-9][0-9]")):
    request = ap.parse_add_checkpoint_request(body.read_bytes())
    assert ap.format_add_checkpoint_request(request.old_size, request.proof, request.checkpoint) == body.read_bytes()
    size = at.parse_checkpoint(at.parse_note(request.checkpoint).text).size
    clock[0] = 1_700_000_000 + size
    assert w.add_checkpoint(body.read_bytes()) == body.with_suffix(".answer").read_bytes(), body
    same += 1
print("witness: accepts our", same, "requests and answers byte for byte as ours")
def status(body):
    try:
        w.add_checkpoint(body)
        return 200
    except WitnessError as e:
        return e.status, e.body.decode() if e.status == 409 else ""

last = (out / "requests/09").read_bytes()
print("stale:", status(last), "garbage:", status(b"x"), "other log:", status(last.replace(b"audit.", b"other.")))

if len(sys.argv) > 2:
    n = 300
    tree = at.MerkleTree([str(i).encode() for i in range(n)])
    py = pymerkle.InmemoryTree(algorithm="sha256")
    for i in range(n):
        py.append_entry(str(i).encode())
    vectors = []
    for size in (1, 2, 3, 6, 7, 64, 100, 255, 256, 257, 300):
        assert py.get_state(size) == tree.root(size)
        for index in sorted({i for i in (0, 1, 4, 63, 99, 255, size - 1) if i < size}):
            path, cons = tree.inclusion_proof(index, size), tree.consistency_proof(index, size)
            roots = [tree.root(index).hex(), tree.root(size).hex()]
            vectors.append({"index": index, "size": size, "roots": roots, "inclusion": [h.hex() for h in path], "consistency": [h.hex() for h in cons]})
    key, wkey = (Ed25519PrivateKey.from_private_bytes(bytes([b]) * 32) for b in (21, 22))
    name = "python.example/log"
    signed = at.sign_checkpoint(at.Checkpoint(name, n, tree.root()), key, name)
    wname = "python.example/witness"
    _, cosig = at.sign_cosignature(wkey, wname, 1_700_000_123, name, n, tree.root())
    request = ap.format_add_checkpoint_request(100, tree.consistency_proof(100, n), signed.to_bytes())
    both = at.Note(text=signed.text, signatures=tuple(signed.signatures) + (cosig,))
    doc = {"vkey": at.format_vkey(at.vkey_from_ed25519(name, key.public_key())), "witness": at.format_vkey(at.cosignature_vkey(wname, wkey.public_key())),
           "checkpoint": both.serialise(), "answer": ap.format_signature_line(cosig), "request": request.decode(), "root100": tree.root(100).hex(),
           "proofs": vectors, "tiles": sorted(at.tiles.materialise_tiles([str(i).encode() for i in range(n)]))}
    pathlib.Path(sys.argv[2]).write_text(json.dumps(doc, indent=1, ensure_ascii=False) + "\n")
print("ok")
