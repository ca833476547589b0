"""Commitments and kept texts by the standard library alone (hmac, hashlib; ChaCha20-Poly1305 written out after RFC 8439, and held
against the vector of its section 2.8.2): kept.py prints the vectors in src/audit/private/vectors/kept.json"""
import hashlib, hmac, json, struct


def commitment(salt, text):
    return hmac.digest(salt, hashlib.sha256(text).digest(), "sha256")


def seal(salt, seq, text):
    return aead(hmac.digest(salt, b"cedarpost kept v1", "sha256"), bytes(12), struct.pack(">Q", seq), text)


def quarter(s, a, b, c, d):
    for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) & 0xFFFFFFFF
        s[z] ^= s[x]
        s[z] = (s[z] << n | s[z] >> (32 - n)) & 0xFFFFFFFF


def block(key, counter, nonce):
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce)
    s = list(start)
    for _ in range(10):
        for i in range(4):
            quarter(s, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(start, s)))


def poly1305(key, message):
    r, s, a = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF, int.from_bytes(key[16:], "little"), 0
    for i in range(0, len(message), 16):
        a = (a + int.from_bytes(message[i : i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((a + s) % (1 << 128)).to_bytes(16, "little")


def aead(key, nonce, aad, text):
    stream = b"".join(block(key, 1 + i, nonce) for i in range(len(text) // 64 + 1))
    cipher = bytes(a ^ b for a, b in zip(text, stream))
    pad = lambda data: data + bytes(-len(data) % 16)
    tail = struct.pack("<QQ", len(aad), len(cipher))
    return cipher + poly1305(block(key, 0, nonce)[:32], pad(aad) + pad(cipher) + tail)


rfc = aead(
    bytes(range(0x80, 0xA0)),
    bytes.fromhex("070000004041424344454647"),
    bytes.fromhex("50515253c0c1c2c3c4c5c6c7"),
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
)
assert rfc[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"

CASES = [
    (bytes(range(1, 33)), 0, b""),
    (bytes(range(1, 33)), 7421, b'{"order":"A-10045","amount":25}'),
    (b"\xff" * 32, (1 << 64) - 1, bytes(range(256))),
    (hashlib.sha256(b"salt").digest(), 65536, b"63 bytes are the longest that fit into one block with another.."),
    (hashlib.sha256(b"salt").digest(), 65537, b"64 bytes are as long as a block, and 65 need a byte of another.."),
]
print(
    json.dumps(
        [
            {
                "salt": salt.hex(),
                "seq": str(seq),
                "text": text.hex(),
                "commitment": commitment(salt, text).hex(),
                "sealed": seal(salt, seq, text).hex(),
            }
            for salt, seq, text in CASES
        ],
        indent=1,
    )
)
