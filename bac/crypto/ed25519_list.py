"""Quorum signatures as a plain list of Ed25519 signatures: for shards of up to about twenty voters.

Verification costs one signature per signer and the list has 64 bytes per signer; above about 22 signers one pairing
equation is cheaper, and smaller from two on (`bac.crypto.bls`).
"""

from __future__ import annotations

from collections.abc import Sequence

from bac.crypto import ed25519
from bac.crypto.suite import PUBLIC_BYTES, SIGNATURE_BYTES

_POSSESSION = b"\x0ebac/possession"


class Ed25519List:
    """The six functions over Ed25519. Keys 32 bytes, signatures 64; an aggregate is the list of the signatures."""

    name = "ed25519-list"
    public_size = PUBLIC_BYTES
    signature_size = SIGNATURE_BYTES

    def aggregate_size(self, signers: int) -> int:
        """64 bytes per signer."""
        return SIGNATURE_BYTES * signers

    def public_of(self, secret: bytes) -> bytes:
        """The public key of a seed of 32 bytes."""
        return ed25519.Ed25519KeyPair.from_seed(secret).public

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """The signature of a seed of 32 bytes on `message`."""
        return ed25519.Ed25519KeyPair.from_seed(secret).sign(message)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public`'s on `message`."""
        return ed25519.verify(public, message, signature)

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """The list of `signatures`; ValueError for none, and for one that is not 64 bytes."""
        if not signatures or any(len(signature) != SIGNATURE_BYTES for signature in signatures):
            raise ValueError("an aggregate needs signatures, each of 64 bytes")
        return b"".join(signatures)

    def fast_aggregate_verify(self, publics: Sequence[bytes], message: bytes, aggregate: bytes) -> bool:
        """Whether `aggregate` lists a signature of each of `publics` on `message`, in this order."""
        if not publics or len(aggregate) != SIGNATURE_BYTES * len(publics):
            return False
        return all(
            self.verify(public, message, aggregate[SIGNATURE_BYTES * place : SIGNATURE_BYTES * (place + 1)])
            for place, public in enumerate(publics)
        )

    def pop_prove(self, secret: bytes) -> bytes:
        """The signature on the public key itself, under a domain of its own."""
        pair = ed25519.Ed25519KeyPair.from_seed(secret)
        return pair.sign(_POSSESSION + pair.public)

    def pop_verify(self, public: bytes, proof: bytes) -> bool:
        """Whether `public` is a valid key and its owner has its secret."""
        return ed25519.is_valid_public(public) and ed25519.verify(public, _POSSESSION + public, proof)
