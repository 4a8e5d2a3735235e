"""ECVRF suite 3 straight from RFC 9381 and RFC 8032, in plain integers: the naive twin of `election.vrf`.

It takes the RFC literally: no subgroup check of Gamma, no key validation. So it also forges what must be refused.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def recover_x(y: int, sign: int) -> int | None:
    """RFC 8032 5.1.3, steps 2 to 4."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def decode(encoded: bytes) -> Point | None:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x = recover_x(y, sign)
    return None if x is None else (x, y)


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2
    return ((x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P)


def negate(point: Point) -> Point:
    return (-point[0] % P, point[1])


def times(n: int, point: Point) -> Point:
    total = IDENTITY
    while n:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


_BASE_Y = 4 * pow(5, -1, P) % P
_BASE_X = recover_x(_BASE_Y, 0)
assert _BASE_X is not None
BASE: Point = (_BASE_X, _BASE_Y)


def torsion() -> list[Point]:
    """The eight points of small order; entry i is i times a point of order eight."""
    y = 2
    while True:
        point = decode(y.to_bytes(32, "little"))
        if point is not None:
            small = times(Q, point)
            if times(4, small) != IDENTITY:
                return [times(i, small) for i in range(8)]
        y += 1


def sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).digest()


def scalars(secret: bytes) -> tuple[int, bytes]:
    digest = sha512(secret)
    x = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return x, digest[32:]


def hash_to_curve(public: bytes, alpha: bytes) -> Point:
    for counter in range(256):
        point = decode(sha512(b"\x03\x01", public, alpha, bytes([counter]), b"\x00")[:32])
        if point is not None and times(8, point) != IDENTITY:
            return times(8, point)
    raise ValueError


def challenge(*points: Point) -> int:
    return int.from_bytes(sha512(b"\x03\x02", *map(encode, points), b"\x00")[:16], "little")


def prove(secret: bytes, alpha: bytes, *, nonce: int | None = None, shift: Point = IDENTITY) -> bytes:
    """The RFC's proof; with another `nonce`, or with Gamma moved by `shift`, a proof that nobody should make."""
    x, prefix = scalars(secret)
    public = times(x, BASE)
    h = hash_to_curve(encode(public), alpha)
    return prove_with(x, public, h, nonce or int.from_bytes(sha512(prefix, encode(h)), "little") % Q, shift)


def prove_with(x: int, public: Point, h: Point, nonce: int, shift: Point = IDENTITY) -> bytes:
    gamma = add(times(x, h), shift)
    c = challenge(public, h, gamma, times(nonce, BASE), times(nonce, h))
    return encode(gamma) + c.to_bytes(16, "little") + ((nonce + c * x) % Q).to_bytes(32, "little")


def verify(public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
    """The RFC's verification without validation of the key: beta, or None."""
    key, gamma = decode(public), decode(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), int.from_bytes(proof[48:], "little")
    if key is None or gamma is None or s >= Q:
        return None
    h = hash_to_curve(public, alpha)
    u = add(times(s, BASE), negate(times(c, key)))
    v = add(times(s, h), negate(times(c, gamma)))
    if challenge(key, h, gamma, u, v) != c:
        return None
    return sha512(b"\x03\x03", encode(times(8, gamma)), b"\x00")
