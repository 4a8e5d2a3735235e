"""BLS multi-signatures on BLS12-381 with proof of possession, by arkworks.

Keys are points of G1 (48 bytes), signatures points of G2 (96 bytes), the ciphersuite is
BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ of draft-irtf-cfrg-bls-signature-05. Signatures of many on one message add
up to one point, and one pairing equation judges the sum of the keys. What the bare equation would let through:

- A rogue key (a point made from the others' keys, nobody knows its secret): every key is registered with a proof of
  possession, under a domain of its own.
- Infinity, as key, signature or aggregate: the equation holds for infinity on both sides. Refused everywhere, and so
  is a set of keys that adds up to infinity, or no keys at all.
- Points outside the subgroup of prime order: the decoder checks every point from outside.
- A second encoding of a point: the decoder maps 48 bytes of 0xff, and others, to infinity. What does not encode to
  the same bytes again is refused.

Sources: draft-irtf-cfrg-bls-signature-05, 2.3 (KeyGen), 2.7, 3.3; RFC 9380, 8.8.2; docs/spec/wire.md WI-24 to WI-26.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from functools import cache, lru_cache
from hashlib import sha256

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from bac.crypto.ed25519 import UnfitLibrary
from bac.crypto.suite import check_seed

SIGN_DST = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
POP_DST = b"BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_"
_MINUS_GENERATOR = -G1Point()
_INFINITY_1 = G1Point.identity()
_INFINITY_2 = G2Point.identity()

# The key pair of the seed 00 01 … 1f, and its signature on "abc"; another library gives the same (tests/crypto).
_KNOWN_SEED = bytes(range(32))
_KNOWN_SIGNATURE = bytes.fromhex(
    "8aa7045c01536c9a17aeb42fcebb2e77c64317a930d180ac501c12587c8229fd0ba5cf392328f0fe0fd347e6013da748"
    "0457006f3ba2f8988dacad37493cb527658e5d0ca11f4cf5fc610b177df2eafda790aefa8c435726a960a0c7f56cab4b"
)


def key_gen(material: bytes) -> Scalar:
    """The secret scalar that follows from at least 32 bytes of key material (draft, 2.3; never zero)."""
    salt = b"BLS-SIG-KEYGEN-SALT-"
    while True:
        salt = sha256(salt).digest()
        pseudo_random_key = hmac.digest(salt, material + b"\0", "sha256")
        block_1 = hmac.digest(pseudo_random_key, (48).to_bytes(2, "big") + b"\1", "sha256")
        block_2 = hmac.digest(pseudo_random_key, block_1 + (48).to_bytes(2, "big") + b"\2", "sha256")
        scalar = Scalar.from_be_bytes_mod_order(block_1 + block_2[:16])
        if not scalar.is_zero():
            return scalar


# Keys and messages come back within an epoch; their points are functions of the bytes alone. There is room for the keys
# of the largest electorate and of the next: scanned in order, a smaller memory would forget each before it comes back.
KEYS_REMEMBERED = 2**14


@lru_cache(maxsize=KEYS_REMEMBERED)
def _key_point(public: bytes) -> G1Point | None:
    """The point of a public key; None for infinity, a second encoding, or a point outside the subgroup."""
    try:
        point = G1Point.from_compressed_bytes(public)
    except ValueError:
        return None
    return point if point != _INFINITY_1 and point.to_compressed_bytes() == public else None


@lru_cache(maxsize=64)
def _message_point(message: bytes, dst: bytes) -> G2Point:
    return G2Point.hash_to_curve(message, dst)


def _signature_point(signature: bytes) -> G2Point | None:
    """As `_key_point`, for signatures."""
    try:
        point = G2Point.from_compressed_bytes(signature)
    except ValueError:
        return None
    return point if point != _INFINITY_2 and point.to_compressed_bytes() == signature else None


def _judge(key: G1Point | None, message: bytes, dst: bytes, signature: bytes) -> bool:
    """Whether e(key, H(message)) = e(generator, signature)."""
    point = _signature_point(signature)
    if key is None or point is None:
        return False
    return GT.pairing_check([key, _MINUS_GENERATOR], [_message_point(message, dst), point])


class Bls:
    """The six functions over BLS12-381. Keys 48 bytes, signatures, aggregates and proofs of possession 96 bytes."""

    name = "bls"
    public_size = 48
    signature_size = 96

    def aggregate_size(self, signers: int) -> int:  # noqa: ARG002 (the interface's: one point, however many signed)
        """96 bytes for any number."""
        return self.signature_size

    def public_of(self, secret: bytes) -> bytes:
        """The public key of a seed of 32 bytes."""
        return (G1Point() * key_gen(check_seed(secret))).to_compressed_bytes()

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """The signature of a seed of 32 bytes on `message`."""
        return (_message_point(message, SIGN_DST) * key_gen(check_seed(secret))).to_compressed_bytes()

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public`'s on `message`."""
        return _judge(_key_point(public), message, SIGN_DST, signature)

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """The sum of `signatures`. Each is decoded and checked to lie in the subgroup; none is verified.

        Raises:
            ValueError: there are none, one is not the encoding of a signature, or the sum is infinity.
        """
        total = _INFINITY_2
        for signature in signatures:
            point = _signature_point(signature)
            if point is None:
                raise ValueError("not the encoding of a signature")
            total = total + point
        if total == _INFINITY_2:
            raise ValueError("an aggregate of no signatures, or of signatures that cancel out")
        return total.to_compressed_bytes()

    def fast_aggregate_verify(self, publics: Sequence[bytes], message: bytes, aggregate: bytes) -> bool:
        """Whether `aggregate` is the sum of the signatures of all `publics` on `message` (draft, 3.3.4)."""
        total = _INFINITY_1
        for public in publics:
            point = _key_point(public)
            if point is None:
                return False
            total = total + point
        return total != _INFINITY_1 and _judge(total, message, SIGN_DST, aggregate)

    def pop_prove(self, secret: bytes) -> bytes:
        """The signature on the public key itself, under a domain of its own (draft, 3.3.2)."""
        return (_message_point(self.public_of(secret), POP_DST) * key_gen(secret)).to_compressed_bytes()

    def pop_verify(self, public: bytes, proof: bytes) -> bool:
        """Whether `public` is a valid key and its owner has its secret (draft, 3.3.3)."""
        return _judge(_key_point(public), public, POP_DST, proof)


@cache
def self_test() -> None:
    """Runs once per process, before the first use.

    Raises:
        UnfitLibrary: the library signs otherwise than the network, or takes infinity for a key or a signature.
    """
    scheme = Bls()
    public = scheme.public_of(_KNOWN_SEED)
    if scheme.sign(_KNOWN_SEED, b"abc") != _KNOWN_SIGNATURE or not scheme.verify(public, b"abc", _KNOWN_SIGNATURE):
        raise UnfitLibrary("the BLS library does not reproduce a known signature")
    key, signature = _INFINITY_1.to_compressed_bytes(), _INFINITY_2.to_compressed_bytes()
    if scheme.verify(key, b"abc", signature) or scheme.verify(b"\xff" * 48, b"abc", b"\xff" * 96):
        raise UnfitLibrary("the BLS library takes infinity for a key")
