"""Our witness and our client against those of the PyPI packages aics-witness 0.1.0 and aics-tlog 0.2.1:
witness.py CEDARPOST SHIP COPY, where COPY is a directory that SHIP exported a log to."""
import json, pathlib, re, socket, subprocess, sys, tempfile, time
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
import aics_tlog as at
from aics_witness.feeder import WitnessAhead, WitnessClient, WitnessConflict, WitnessRejected, merge_cosignatures

cedarpost, ship, copy = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
home = pathlib.Path(tempfile.mkdtemp())
log_key = at.parse_vkey(subprocess.check_output([ship, "key"], text=True).strip())


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port):
    for _ in range(100):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"nobody listens on {port}")


# Their reader, our export: every tile and entry up to the checkpoint.
note = at.parse_note((copy / "checkpoint").read_bytes())
assert at.verify_note(note, [log_key])
checkpoint = at.parse_checkpoint(note.text)
reader = at.FileSystemTileReader(copy)
assert at.tree_root_from_tiles(reader, checkpoint.size) == checkpoint.root
for index in range(checkpoint.size):
    assert json.loads(at.read_entry(reader, index, checkpoint.size))["n"] == index
names = sorted(str(p.relative_to(copy)) for p in copy.glob("tile/**/*") if p.is_file())
print("export: their reader finds the root and all", checkpoint.size, "entries in", len(names), "tiles")

# Our client, their witness.
port = free_port()
config = home / "witness.json"
vkey = subprocess.check_output([sys.executable, "-m", "aics_witness", "init", "-c", config, "--name", "witness.example/foreign", "--listen", f"127.0.0.1:{port}"], text=True).strip()
subprocess.check_call([sys.executable, "-m", "aics_witness", "add-log", "-c", config, "--origin", checkpoint.origin, "--vkey", at.format_vkey(log_key)], stdout=subprocess.DEVNULL)
theirs = subprocess.Popen([sys.executable, "-m", "aics_witness", "serve", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    wait_for(port)
    subprocess.check_call([ship, "witnessed", home / "log", f"http://127.0.0.1:{port}", vkey])
    cosigned = at.parse_note((home / "log/cosigned").read_bytes())
    result = at.verify_checkpoint(cosigned, log_key, policy=at.WitnessPolicy(quorum=1, witnesses=(at.parse_vkey(vkey),)))
    print("our client, their witness:", result)
finally:
    theirs.terminate()
    theirs.wait()

# Their client, our witness.
port = free_port()
key, name = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32), "foreign.example/log"
(home / "policies").mkdir()
(home / "policies/a.cedar").write_text("permit (principal, action, resource);\n")
(home / "cedarpost.toml").write_text(f"""
[listen]
address = "127.0.0.1:0"
[admin]
address = "off"
[identity]
agent = "a"
unattended = true
[policy]
policies = ["policies"]
[audit]
directory = "audit"
[witness]
address = "127.0.0.1:{port}"
name = "witness.example/ours"
directory = "witness"
[[witness.log]]
key = "{at.format_vkey(at.vkey_from_ed25519(name, key.public_key()))}"
[[server]]
name = "nobody"
url = "http://127.0.0.1:1/"
""")
ours = subprocess.Popen([cedarpost, "serve", "--config", home / "cedarpost.toml"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
try:
    wait_for(port)
    vkey = (home / "witness/vkey").read_text().strip()
    tree = at.MerkleTree([str(i).encode() for i in range(3000)])
    sign = lambda size, root=None: at.sign_checkpoint(at.Checkpoint(name, size, root or tree.root(size)), key, name).to_bytes()
    client = WitnessClient(f"http://127.0.0.1:{port}", vkey)
    for size in (1, 255, 256, 256, 1000, 2999):
        merged = merge_cosignatures(sign(size), client.submit(sign(size), tree.consistency_proof))
        at.verify_checkpoint(at.parse_note(merged), at.vkey_from_ed25519(name, key.public_key()), policy=at.WitnessPolicy(quorum=1, witnesses=(at.parse_vkey(vkey),)))
    fresh = WitnessClient(f"http://127.0.0.1:{port}", vkey)
    fresh.submit(sign(3000), tree.consistency_proof)
    refused = []
    stranger = at.sign_checkpoint(at.Checkpoint("other.example", 1, tree.root(1)), key, "other.example").to_bytes()
    for what, arguments in [("a stale checkpoint", (sign(100), tree.consistency_proof)), ("another root", (sign(3000, bytes(32)), tree.consistency_proof)),
                            ("an unknown log", (stranger, tree.consistency_proof))]:
        try:
            WitnessClient(f"http://127.0.0.1:{port}", vkey, max_attempts=1).submit(*arguments)
            raise SystemExit(f"{what} was cosigned")
        except (WitnessAhead, WitnessConflict, WitnessRejected) as error:
            refused.append(f"{what}: {type(error).__name__}")
    print("their client, our witness: cosigned 1, 255, 256, 256, 1000, 2999, 3000 (the last from a conflict); refused", "; ".join(refused))
finally:
    ours.terminate()
    ours.wait()
print("ok")
