#!/usr/bin/env python3
"""Writes handshakes.json: Stratum V2 Noise handshakes with every intermediate value.

A second implementation, on purpose: it shares no code with the Swift one. Field arithmetic for the encodings is plain
Python; key agreement, decoding and Schnorr signatures are libsecp256k1's own (coincurve); ChaCha20-Poly1305 is the
`cryptography` package's. Run: pip install coincurve cryptography && python3 generate.py
"""
import hashlib
import hmac
import json
import os
import struct

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

P = 2**256 - 2**32 - 977
NAME = b"Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256"
BLOCK = 65519


def sha256(data):
    return hashlib.sha256(data).digest()


def tagged(tag, *parts):
    return sha256(sha256(tag) * 2 + b"".join(parts))


# ElligatorSwift, after BIP324's formulas.

def sqrt(a):
    root = pow(a, (P + 1) // 4, P)
    return root if root * root % P == a % P else None


MINUS_3_SQRT = sqrt(P - 3)


def valid_x(x):
    return sqrt((pow(x, 3, P) + 7) % P) is not None


def xswiftec_inv(x, u, case):
    if case & 2 == 0:
        if valid_x((-x - u) % P):
            return None
        v = x
        s = -(u**3 + 7) * pow(u * u + u * v + v * v, -1, P) % P
    else:
        s = (x - u) % P
        if s == 0:
            return None
        r = sqrt(-s * (4 * (u**3 + 7) + 3 * s * u * u) % P)
        if r is None or (case & 1 and r == 0):
            return None
        v = (-u + r * pow(s, -1, P)) * pow(2, -1, P) % P
    w = sqrt(s)
    if w is None:
        return None
    c = MINUS_3_SQRT if case & 1 else -MINUS_3_SQRT
    t = w * (u * (1 + c) * pow(2, -1, P) + v) % P
    return -t % P if case & 5 in (0, 5) else t


def encode(secret, randomness):
    """u and the case come from SHA256(randomness || x || LE32 counter); the lab's own rule, any other is as good."""
    x = x_of(secret)
    counter = 0
    while True:
        u = int.from_bytes(sha256(randomness + x + struct.pack("<I", counter)), "big") % P
        case = sha256(randomness + x + struct.pack("<I", counter + 1))[0] & 7
        if u:
            t = xswiftec_inv(int.from_bytes(x, "big"), u, case)
            if t is not None:
                return u.to_bytes(32, "big") + t.to_bytes(32, "big")
        counter += 2


def encode_beyond_p(secret):
    """An encoding whose u is written as u + p: legal, and the hashes must take the bytes as they are."""
    x = int.from_bytes(x_of(secret), "big")
    for u in range(1, 2**32):
        for case in range(8):
            t = xswiftec_inv(x, u, case)
            if t is not None:
                return (u + P).to_bytes(32, "big") + t.to_bytes(32, "big")


def point(secret):
    return PrivateKey(secret).public_key.format(compressed=True)


def x_of(secret):
    return point(secret)[1:]


def decode(encoding):
    key = ffi.new("secp256k1_pubkey *")
    assert lib.secp256k1_ellswift_decode(GLOBAL_CONTEXT.ctx, key, encoding)
    out, size = ffi.new("unsigned char [33]"), ffi.new("size_t *", 33)
    lib.secp256k1_ec_pubkey_serialize(GLOBAL_CONTEXT.ctx, out, size, key, lib.SECP256K1_EC_COMPRESSED)
    return bytes(ffi.buffer(out))[1:]


def ecdh(initiator, responder, secret, party):
    """libsecp256k1's BIP324 key agreement; party 0 is the initiator."""
    out = ffi.new("unsigned char [32]")
    assert lib.secp256k1_ellswift_xdh(
        GLOBAL_CONTEXT.ctx, out, initiator, responder, secret, party,
        lib.secp256k1_ellswift_xdh_hash_function_bip324, ffi.NULL)
    return bytes(ffi.buffer(out))


# Noise.

def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(ck, material):
    temporary = hmac256(ck, material)
    first = hmac256(temporary, b"\x01")
    return first, hmac256(temporary, first + b"\x02")


def nonce(counter):
    return b"\0\0\0\0" + struct.pack("<Q", counter)


def seal(key, counter, ad, plain):
    return ChaCha20Poly1305(key).encrypt(nonce(counter), plain, ad)


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def base58check(payload):
    data = payload + sha256(sha256(payload))[:4]
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def secret_with(label, odd=None):
    """The first SHA256(label || counter) whose public key has the wanted parity."""
    for counter in range(256):
        secret = sha256(b"lab noise vector " + label.encode() + bytes([counter]))
        if odd is None or (point(secret)[0] == 3) == odd:
            return secret


def pattern(length):
    return bytes(i % 251 for i in range(length))


class Sender:
    def __init__(self, key):
        self.key, self.counter = key, 0

    def frame(self, direction, extension_type, message_type, payload):
        first = self.counter
        header = struct.pack("<HB", extension_type, message_type) + struct.pack("<I", len(payload))[:3]
        out = seal(self.key, self.counter, b"", header)
        self.counter += 1
        for start in range(0, len(payload), BLOCK):
            out += seal(self.key, self.counter, b"", payload[start:start + BLOCK])
            self.counter += 1
        entry = {
            "direction": direction, "first_counter": first, "extension_type": extension_type,
            "message_type": message_type, "payload_length": len(payload)}
        if len(payload) <= 256:
            entry |= {"payload": payload.hex(), "encrypted": out.hex()}
        else:
            entry |= {"payload_sha256": sha256(payload).hex()}
        return entry | {"encrypted_length": len(out), "encrypted_sha256": sha256(out).hex()}


def handshake(name, description, *, odd=None, beyond_p=False, unix_time=1_700_000_000,
              valid=(1_699_999_000, 1_700_003_600), forged=False, expect="accept"):
    authority = secret_with(name + " authority", odd)
    static = secret_with(name + " static", odd)
    e_i, e_r = secret_with(name + " initiator", odd), secret_with(name + " responder", odd)
    rand_i, rand_r, rand_s = (sha256(f"lab noise randomness {name} {who}".encode()) for who in "irs")
    act1 = encode_beyond_p(e_i) if beyond_p else encode(e_i, rand_i)
    ours, static_encoding = encode(e_r, rand_r), encode(static, rand_s)
    for secret, encoding in ((e_i, act1), (e_r, ours), (static, static_encoding)):
        assert decode(encoding) == x_of(secret)

    fields = struct.pack("<HII", 0, *valid)
    message = sha256(fields + x_of(static))
    signer = secret_with(name + " forger") if forged else authority
    signature = PrivateKey(signer).sign_schnorr(message, bytes(32))
    certificate = fields + signature

    steps = {}
    ck = sha256(NAME)
    h = sha256(ck)
    steps["ckStart"], steps["hStart"] = ck, h
    h = steps["hAfterInitiatorKey"] = sha256(h + act1)
    h = steps["hAfterAct1"] = sha256(h)
    h = steps["hAfterResponderKey"] = sha256(h + ours)
    ee = steps["ecdhEphemeral"] = ecdh(act1, ours, e_r, 1)
    assert ee == ecdh(act1, ours, e_i, 0)
    ck, k = hkdf(ck, ee)
    steps["ckAfterEphemeral"], steps["kAfterEphemeral"] = ck, k
    sealed_static = steps["encryptedStatic"] = seal(k, 0, h, static_encoding)
    h = steps["hAfterStatic"] = sha256(h + sealed_static)
    es = steps["ecdhStatic"] = ecdh(act1, static_encoding, static, 1)
    assert es == ecdh(act1, static_encoding, e_i, 0)
    ck, k = hkdf(ck, es)
    steps["ckAfterStatic"], steps["kAfterStatic"] = ck, k
    sealed_certificate = steps["encryptedCertificate"] = seal(k, 0, h, certificate)
    h = steps["hAfterCertificate"] = sha256(h + sealed_certificate)
    steps["c1"], steps["c2"] = hkdf(ck, b"")
    act2 = ours + sealed_static + sealed_certificate
    assert len(act2) == 234

    setup = (b"\0" + struct.pack("<HHI", 2, 2, 0) + b"\x09127.0.0.1" + struct.pack("<H", 34254)
             + b"\x03lab" + b"\x00" * 2 + b"\x08device-1")
    i_to_r, r_to_i = Sender(steps["c1"]), Sender(steps["c2"])
    there, back = "initiator to responder", "responder to initiator"
    transport = [] if expect != "accept" else [
        i_to_r.frame(there, 0, 0x00, setup),
        r_to_i.frame(back, 0, 0x01, struct.pack("<HI", 2, 0)),
        i_to_r.frame(there, 0x4001, 0x07, b""),
        r_to_i.frame(back, 0x8000, 0x1f, pattern(BLOCK)),
        r_to_i.frame(back, 0x8000, 0x1f, pattern(BLOCK + 1)),
        r_to_i.frame(back, 0, 0x74, pattern(200_000)),
        r_to_i.frame(back, 0x8000, 0x21, pattern(36)),
    ]

    def party(secret, randomness, encoding):
        return {
            "secret": secret.hex(), "public_x": x_of(secret).hex(), "public_y_is_odd": point(secret)[0] == 3,
            "randomness": randomness, "ellswift": encoding.hex()}

    return {
        "name": name, "description": description, "expect": expect, "unix_time": unix_time,
        "authority": {
            "secret": authority.hex(), "secret_text": base58check(authority),
            "public_x": x_of(authority).hex(), "public_text": base58check(b"\x01\x00" + x_of(authority))},
        "initiator_ephemeral": party(e_i, None if beyond_p else rand_i.hex(), act1),
        "responder_ephemeral": party(e_r, rand_r.hex(), ours),
        "responder_static": party(static, rand_s.hex(), static_encoding),
        "certificate": {
            "version": 0, "valid_from": valid[0], "not_valid_after": valid[1], "message": message.hex(),
            "signature": signature.hex(), "bytes": certificate.hex()},
        "act1": act1.hex(), "act2": act2.hex(),
        "steps": {key: value.hex() for key, value in steps.items()},
        "transport": transport,
    }


def main():
    after = 1_700_000_000
    expired = dict(valid=(after - 3600, after - 11))
    vectors = {
        "provenance": "generated by generate.py of this folder; see README.md",
        "protocol_name": NAME.decode(),
        "payload_rule": "payloads over 256 bytes: byte i is i mod 251",
        "handshakes": [
            handshake("normal", "any keys, valid certificate"),
            handshake("odd parity", "every public key has an odd y: nothing may depend on it", odd=True),
            handshake("even parity", "every public key has an even y", odd=False),
            handshake("encoding beyond p", "act 1's u is written as u + p; hashes take the bytes, the field u",
                      beyond_p=True),
            handshake("clock skew", "expired 10 seconds ago: inside the tolerance",
                      valid=(after - 3600, after - 10)),
            handshake("expired", "expired 11 seconds ago; only the certificate is wrong", expect="expired",
                      **expired),
            handshake("not yet valid", "valid in 11 seconds", expect="not yet valid",
                      valid=(after + 11, after + 3600)),
            handshake("forged", "signed by another key than the authority's", expect="bad signature",
                      forged=True),
        ],
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "handshakes.json")
    with open(path, "w") as file:
        json.dump(vectors, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
