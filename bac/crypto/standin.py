"""Stand-in for simulation: keyed hashes with the interface, the sizes and the properties that protocols rely on.

Every identity has a secret that follows from its public key and the driver's master secret; a signature is the keyed
hash (BLAKE2b) of the message under it. Whoever holds a key pair can sign for that identity alone; whoever holds the
suite can check. Hence:

- A signature can be repeated, shown to others and carried in evidence, like a real one.
- It cannot be made without the key pair: an attacker in the simulation is an object that holds its own pairs, and the
  suite offers nothing that signs without a seed.
- An aggregate of the ``bls`` shape is a sum, like the real one: the order of the shares does not matter, a share can be
  added twice and then does not verify, and one bad share spoils the sum.

What it cannot show: two different valid signatures by one key on one message, and anything about real curves. These are
tested on the real suite. `bac.crypto.metered` counts the calls and knows what the real ones would have cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from bac.crypto.suite import PUBLIC_BYTES, SIGNATURE_BYTES, VRF_OUTPUT_BYTES, VRF_PROOF_BYTES, check_seed

# BLAKE2b's personalisation keeps the purposes apart.
_PUBLIC = b"public"
_SECRET = b"secret"
_SIGN = b"sign"
_VRF_OUTPUT = b"vrf-output"
_VRF_PROOF = b"vrf-proof"
_SHARE = b"share"
_POSSESSION = b"possession"


REMEMBERED = 8192
"""Keys that are not derived again: a node signs with one key and is verified by many."""


def _hash(purpose: bytes, key: bytes, data: bytes, size: int = 64) -> bytes:
    return blake2b(data, digest_size=size, key=key, person=purpose).digest()


def _long_hash(purpose: bytes, key: bytes, data: bytes, size: int) -> bytes:
    """A keyed hash of up to 128 bytes: two of BLAKE2b, told apart by one byte."""
    if size <= 64:
        return _hash(purpose, key, data, size)
    return _hash(purpose, key, b"\0" + data) + _hash(purpose, key, b"\1" + data, size - 64)


@lru_cache(maxsize=REMEMBERED)
def _public_of(seed: bytes, scheme: str, size: int) -> bytes:
    return _hash(_PUBLIC, seed, scheme.encode(), size)


@lru_cache(maxsize=REMEMBERED)
def _secret_of(master: bytes, public: bytes) -> bytes:
    return _hash(_SECRET, master, public, 32)


@dataclass(frozen=True, slots=True)
class StandInKeyPair:
    """One identity's public key and secret, and nothing of anybody else's."""

    public: bytes
    secret: bytes

    def sign(self, message: bytes) -> bytes:
        """The keyed hash of `message`, 64 bytes."""
        return _hash(_SIGN, self.secret, message)


@dataclass(frozen=True, slots=True)
class StandInVrfKeyPair:
    """As `StandInKeyPair`, for the random function."""

    public: bytes
    secret: bytes

    def prove(self, alpha: bytes) -> bytes:
        """The keyed hash of `alpha`, 80 bytes."""
        return _long_hash(_VRF_PROOF, self.secret, alpha, VRF_PROOF_BYTES)


@dataclass(frozen=True, slots=True)
class _Shape:
    """Sizes of a real scheme, and whether its aggregate is one sum or the list of the shares."""

    public_size: int
    signature_size: int
    is_sum: bool


_SHAPES = {"ed25519-list": _Shape(32, 64, is_sum=False), "bls": _Shape(48, 96, is_sum=True)}


class StandInQuorum:
    """The six functions, with the sizes of the scheme that it stands for."""

    def __init__(self, master: bytes, scheme: str) -> None:
        """Takes the driver's master secret (32 bytes) and the scheme's name; ValueError for an unknown one."""
        if scheme not in _SHAPES:
            raise ValueError(f"unknown certificate scheme {scheme!r}")
        self.name = scheme
        self._shape = _SHAPES[scheme]
        self._master = check_seed(master)

    @property
    def public_size(self) -> int:
        """As the real scheme's."""
        return self._shape.public_size

    @property
    def signature_size(self) -> int:
        """As the real scheme's."""
        return self._shape.signature_size

    def aggregate_size(self, signers: int) -> int:
        """As the real scheme's."""
        return self._shape.signature_size * (1 if self._shape.is_sum else signers)

    def public_of(self, secret: bytes) -> bytes:
        """The public key of a seed of 32 bytes."""
        return _public_of(check_seed(secret), self.name, self._shape.public_size)

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """The keyed hash of `message` under the seed's identity."""
        return self._keyed(_SHARE, self.public_of(secret), message)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is the keyed hash."""
        return len(public) == self._shape.public_size and signature == self._keyed(_SHARE, public, message)

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """The sum, or the list, of `signatures`; ValueError for none, and for one of wrong size."""
        if not signatures or any(len(signature) != self._shape.signature_size for signature in signatures):
            raise ValueError("an aggregate needs signatures, all of the scheme's size")
        if not self._shape.is_sum:
            return b"".join(signatures)
        total = sum(int.from_bytes(signature, "big") for signature in signatures)
        return (total % (1 << 8 * self._shape.signature_size)).to_bytes(self._shape.signature_size, "big")

    def fast_aggregate_verify(self, publics: Sequence[bytes], message: bytes, aggregate: bytes) -> bool:
        """Whether `aggregate` is made of the shares of all `publics`."""
        if not publics or any(len(public) != self._shape.public_size for public in publics):
            return False
        return aggregate == self.aggregate([self._keyed(_SHARE, public, message) for public in publics])

    def pop_prove(self, secret: bytes) -> bytes:
        """The keyed hash of the public key."""
        public = self.public_of(secret)
        return self._keyed(_POSSESSION, public, public)

    def pop_verify(self, public: bytes, proof: bytes) -> bool:
        """Whether `proof` is that hash."""
        return len(public) == self._shape.public_size and proof == self._keyed(_POSSESSION, public, public)

    def _keyed(self, purpose: bytes, public: bytes, data: bytes) -> bytes:
        secret = _secret_of(self._master, public)
        return _long_hash(purpose, secret, data, self._shape.signature_size)


class StandIn:
    """A whole suite of keyed hashes; the driver makes one per world."""

    def __init__(self, master: bytes, scheme: str) -> None:
        """Takes the master secret (32 bytes, drawn by the driver) and the certificate scheme that it stands for."""
        self._master = check_seed(master)
        self.quorum = StandInQuorum(master, scheme)
        self.name = f"stand-in (keyed BLAKE2b) for Ed25519, ECVRF, {scheme}"

    def key_pair(self, seed: bytes) -> StandInKeyPair:
        """The signing key of a seed."""
        public = _hash(_PUBLIC, check_seed(seed), b"signing", PUBLIC_BYTES)
        return StandInKeyPair(public, self._secret(public))

    def vrf_key_pair(self, seed: bytes) -> StandInVrfKeyPair:
        """The random function's key of a seed."""
        public = _hash(_PUBLIC, check_seed(seed), b"vrf", PUBLIC_BYTES)
        return StandInVrfKeyPair(public, self._secret(public))

    def is_valid_public(self, public: bytes) -> bool:
        """Whether `public` has the size of a key: there are no bad points here."""
        return len(public) == PUBLIC_BYTES

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is the keyed hash of `message` under the secret of `public`."""
        if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
            return False
        return _hash(_SIGN, self._secret(public), message) == signature

    def vrf_output(self, public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """The output for `alpha`, unique per key; None if `proof` is not the keyed hash."""
        if len(public) != PUBLIC_BYTES:
            return None
        secret = self._secret(public)
        if proof != _long_hash(_VRF_PROOF, secret, alpha, VRF_PROOF_BYTES):
            return None
        return _hash(_VRF_OUTPUT, secret, alpha, VRF_OUTPUT_BYTES)

    def _secret(self, public: bytes) -> bytes:
        return _secret_of(self._master, public)
