"""ECVRF-EDWARDS25519-SHA512-TAI (RFC 9381, suite 3) on libsodium's primitives.

Theory of operation
-------------------
A key owner maps an input `alpha` to a point H of the prime-order group, and publishes Gamma = x·H with a proof that
Gamma and the public key Y = x·B have the same discrete logarithm x. The output `beta` is a hash of Gamma: unique for
key and input, unpredictable without x, checkable by all. A proof is Gamma (32 bytes) ‖ c (16) ‖ s (32).

Every node must accept exactly the same proofs, so the edges of the RFC are closed by rule (docs/spec/election.md):

* A point is decoded as RFC 8032 5.1.3 says: y < p, and no sign bit on x = 0. libsodium's addition is laxer, so
  try-and-increment checks this itself.
* H is multiplied by the cofactor through three additions: libsodium's multiplication refuses points outside the
  prime-order group, which the decoded point usually is.
* Gamma must lie in the prime-order group. A literal reading of the RFC accepts Gamma plus a small-order point now and
  then, with the same beta. libsodium's multiplication refuses it, but only since the fix of CVE-2025-69277: nodes
  with the older library could be split by one crafted proof. `self_test` finds that library out.
* s is below the group order q and neither c nor s is zero. libsodium ignores the scalar's highest bit, and the zero
  scalar makes it fail.
* Scalars are never clamped, but for x, once, at derivation from the secret.

Whatever depends on the secret x or the nonce is computed by libsodium, in constant time. The number of tries until H
is found depends on the public key and alpha alone: alpha must be public, as an election's seed is. A proof is not
unique (another nonce gives another valid proof of the same beta): never use one as an identifier or as randomness.
"""

from __future__ import annotations

import hashlib
from typing import Self

from nacl import bindings as sodium
from nacl.exceptions import RuntimeError as SodiumError

SECRET_BYTES = 32
PUBLIC_BYTES = 32
PROOF_BYTES = 80
OUTPUT_BYTES = 64

FIELD = 2**255 - 19
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
_IDENTITY = b"\x01" + bytes(31)
_ORDER_TWO = (FIELD - 1).to_bytes(32, "little")
_SUITE = b"\x03"
_ENCODE, _CHALLENGE, _OUTPUT, _BACK = b"\x01", b"\x02", b"\x03", b"\x00"

_multiply = sodium.crypto_scalarmult_ed25519_noclamp
_multiply_base = sodium.crypto_scalarmult_ed25519_base_noclamp
_add = sodium.crypto_core_ed25519_add
_subtract = sodium.crypto_core_ed25519_sub


class InvalidProof(Exception):
    """The proof does not show that its output belongs to the key and the input. Whoever sent it is at fault."""


class UnfitLibrary(Exception):
    """The libsodium at hand does not judge proofs as every other node does: this process must not take part."""


class PublicKey(bytes):
    """A public key, checked once: 32 bytes, canonical, on the curve, in the prime-order group (RFC 9381 5.4.5)."""

    __slots__ = ()

    def __new__(cls, encoded: bytes) -> Self:
        """Takes the encoding; raises ValueError where it is no such key."""
        if len(encoded) != PUBLIC_BYTES:
            raise ValueError(f"a VRF key is {PUBLIC_BYTES} bytes")
        if not sodium.crypto_core_ed25519_is_valid_point(encoded):
            raise ValueError("a VRF key is a canonical point of the prime-order group")
        return super().__new__(cls, encoded)


def public_key(secret: bytes) -> PublicKey:
    """The public key of a 32-byte secret, derived as for Ed25519 (RFC 8032 5.1.5).

    Never use one secret for signatures and for the VRF: derive two, with separated domains.
    """
    return PublicKey(_multiply_base(_expand(secret)[0]))


def prove(secret: bytes, alpha: bytes) -> bytes:
    """The proof (80 bytes) for the public input `alpha` under a 32-byte secret (RFC 9381 5.1)."""
    x, prefix = _expand(secret)
    public = _multiply_base(x)
    h = encode_to_curve(public, alpha)
    gamma = _multiply(x, h)
    k = sodium.crypto_core_ed25519_scalar_reduce(_sha512(prefix, h))
    c = _challenge(public, h, gamma, _multiply_base(k), _multiply(k, h))
    s = sodium.crypto_core_ed25519_scalar_add(k, sodium.crypto_core_ed25519_scalar_mul(c + bytes(16), x))
    return gamma + c + s


def verify(public: PublicKey | bytes, alpha: bytes, proof: bytes) -> bytes:
    """The output (64 bytes) that `proof` shows for `alpha` under `public` (RFC 9381 5.3).

    Raises:
        InvalidProof: the key is not valid, the proof is malformed, or it does not belong to key and input.
    """
    if len(public) != PUBLIC_BYTES or len(proof) != PROOF_BYTES:
        raise InvalidProof(f"a VRF key is {PUBLIC_BYTES} bytes and a proof {PROOF_BYTES}")
    gamma, c, s = proof[:32], proof[32:48] + bytes(16), proof[48:]
    if not any(c) or not 0 < int.from_bytes(s, "little") < GROUP_ORDER:
        raise InvalidProof("a scalar of the VRF proof is zero or not reduced")
    try:  # multiplying makes the very checks of PublicKey, on the key and on Gamma
        u = _subtract(_multiply_base(s), _multiply(c, public))
        h = encode_to_curve(public, alpha)
        v = _subtract(_multiply(s, h), _multiply(c, gamma))
    except SodiumError as error:
        raise InvalidProof("the VRF key or proof holds a point outside the prime-order group") from error
    if _challenge(public, h, gamma, u, v) != c[:16]:
        raise InvalidProof("the VRF proof does not belong to this key and input")
    return _sha512(_SUITE, _OUTPUT, _times_cofactor(gamma), _BACK)


def encode_to_curve(public: bytes, alpha: bytes) -> bytes:
    """The point H of the prime-order group for key and input, by try and increment (RFC 9381 5.4.1.1)."""
    for counter in range(256):
        candidate = _sha512(_SUITE, _ENCODE, public, alpha, bytes((counter,)), _BACK)[:32]
        if not _is_canonical(candidate):
            continue
        try:
            point = _times_cofactor(candidate)
        except SodiumError:
            continue  # not on the curve, as every second candidate
        if point != _IDENTITY:
            return point
    raise AssertionError("no point of the curve in 256 tries")  # chance 2^-256


def self_test() -> None:
    """Checks at start-up that this process accepts and rejects as every other node does.

    Raises:
        UnfitLibrary: libsodium takes a point of mixed order for one of prime order, or misses a known answer.
    """
    mixed = _add(_multiply_base((5).to_bytes(32, "little")), _ORDER_TWO)
    if sodium.crypto_core_ed25519_is_valid_point(mixed):
        raise UnfitLibrary("libsodium takes 5B + T2 for a valid point: PyNaCl 1.6.2 or newer is needed")
    if _is_multiplied(mixed):
        raise UnfitLibrary("libsodium multiplies 5B + T2: PyNaCl 1.6.2 or newer is needed")
    try:
        known = prove(_KNOWN_SECRET, b"") == _KNOWN_PROOF
        known = known and verify(public_key(_KNOWN_SECRET), b"", _KNOWN_PROOF) == _KNOWN_OUTPUT
    except (InvalidProof, SodiumError, ValueError) as error:
        raise UnfitLibrary("the VRF fails on RFC 9381, example 16") from error
    if not known:
        raise UnfitLibrary("the VRF misses the known answer of RFC 9381, example 16")


def _is_multiplied(point: bytes) -> bool:
    try:
        _multiply((3).to_bytes(32, "little"), point)
    except SodiumError:
        return False
    return True


def _expand(secret: bytes) -> tuple[bytes, bytes]:
    """The clamped scalar x and the nonce prefix (RFC 8032 5.1.5)."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a VRF secret is {SECRET_BYTES} bytes")
    digest = bytearray(_sha512(secret))
    digest[0] &= 248
    digest[31] = digest[31] & 127 | 64
    return bytes(digest[:32]), bytes(digest[32:])


def _challenge(*points: bytes) -> bytes:
    """The challenge c, 16 bytes, over key, H, Gamma, U, V (RFC 9381 5.4.3)."""
    return _sha512(_SUITE, _CHALLENGE, *points, _BACK)[:16]


def _times_cofactor(point: bytes) -> bytes:
    for _ in range(3):
        point = _add(point, point)
    return point


def _is_canonical(encoded: bytes) -> bool:
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    return y < FIELD and not (sign and y in (1, FIELD - 1))


def _sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).digest()


_KNOWN_SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
_KNOWN_PROOF = bytes.fromhex(
    "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee1b190bed1f479d97"
    "27d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805"
)
_KNOWN_OUTPUT = bytes.fromhex(
    "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff"
    "66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae"
)
