"""Ed25519 by libsodium (PyNaCl), the only verifier on the consensus path.

Libraries disagree about which signatures are valid: small-order and non-canonical keys, torsion in the key or in R.
Nodes that disagree about one signature fork. Hence one library, one range of versions, and two rules on top:

- A public key is judged once, when it is registered: it must be a canonical point of the prime-order subgroup. This
  removes the cases in which the answer depends on how a verifier treats a key with a torsion part.
- libsodium before the version in PyNaCl 1.6.2 took points of mixed order for good ones (CVE-2025-69277). `self_test`
  shows the library such a point and the known forgeries, and the process refuses to run on a library that takes one.

Sources: RFC 8032; docs/spec/wire.md WI-22, WI-23.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from nacl import bindings
from nacl.exceptions import BadSignatureError
from nacl.exceptions import RuntimeError as SodiumError

from bac.crypto.suite import PUBLIC_BYTES, SIGNATURE_BYTES, check_seed

_FIELD_PRIME = 2**255 - 19
_IDENTITY = b"\x01" + bytes(31)

# RFC 8032, 7.1, TEST 2.
_KNOWN_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
_KNOWN_MESSAGE = b"\x72"
_KNOWN_SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)


class UnfitLibrary(RuntimeError):
    """The installed library does not judge as the network does. Nothing may run on it."""


@dataclass(frozen=True, slots=True, repr=False)
class Ed25519KeyPair:
    """A signing key; ``expanded`` is libsodium's form of the secret (seed and public key, 64 bytes)."""

    public: bytes
    expanded: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> Ed25519KeyPair:
        """The key pair of a seed of 32 bytes (RFC 8032, 5.1.5); ValueError for another length."""
        public, expanded = bindings.crypto_sign_seed_keypair(check_seed(seed))
        return cls(public, expanded)

    def sign(self, message: bytes) -> bytes:
        """The signature on `message`, 64 bytes, deterministic."""
        return bindings.crypto_sign(message, self.expanded)[:SIGNATURE_BYTES]


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is `public`'s (32 bytes) on `message`. Releases the interpreter's lock."""
    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def is_valid_public(public: bytes) -> bool:
    """Whether `public` is the canonical encoding of a point of the prime-order subgroup, the identity excepted."""
    return len(public) == PUBLIC_BYTES and bindings.crypto_core_ed25519_is_valid_point(public)


def mixed_order_point() -> bytes:
    """5B + T, T the point of order 2: on the curve, outside the prime-order subgroup. T negates both coordinates."""
    encoded = int.from_bytes(bindings.crypto_scalarmult_ed25519_base_noclamp((5).to_bytes(32, "little")), "little")
    y, sign = encoded & (2**255 - 1), encoded >> 255
    return ((_FIELD_PRIME - y) | (1 - sign) << 255).to_bytes(32, "little")


@cache
def self_test() -> None:
    """Runs once per process, before the first use.

    Raises:
        UnfitLibrary: the library signs or judges otherwise than the network.
    """
    pair = Ed25519KeyPair.from_seed(_KNOWN_SEED)
    if pair.sign(_KNOWN_MESSAGE) != _KNOWN_SIGNATURE or not verify(pair.public, _KNOWN_MESSAGE, _KNOWN_SIGNATURE):
        raise UnfitLibrary("libsodium does not reproduce RFC 8032")
    signs_everything = _IDENTITY + bytes(32)
    if verify(_IDENTITY, _KNOWN_MESSAGE, signs_everything) or is_valid_public(_IDENTITY):
        raise UnfitLibrary("libsodium takes the identity for a key")
    mixed = mixed_order_point()
    if is_valid_public(mixed):
        raise UnfitLibrary("libsodium takes a point of mixed order for a key (CVE-2025-69277): PyNaCl >= 1.6.2")
    try:
        bindings.crypto_scalarmult_ed25519_noclamp((3).to_bytes(32, "little"), mixed)
    except SodiumError:
        return
    raise UnfitLibrary("libsodium multiplies a point of mixed order (CVE-2025-69277): PyNaCl >= 1.6.2")
