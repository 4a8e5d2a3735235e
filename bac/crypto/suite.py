"""Everything cryptographic that a protocol can ask for, as one interface with two makers.

A protocol is handed a `Suite` and cannot tell whether it is `bac.crypto.production` or `bac.crypto.standin`. Every
function is pure: its answer depends on its arguments alone, so that drivers may cache, count, or work ahead. Bytes from
outside never raise: what is not a valid signature, key or proof is answered with False or None.

A secret is a seed of 32 bytes, and the same seed is never used for two purposes: see `bac.crypto.keys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol as Interface

SEED_BYTES = 32
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64
VRF_PROOF_BYTES = 80
VRF_OUTPUT_BYTES = 64


class KeyPair(Interface):
    """A signing key. Only its owner holds it."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature on ``message``, 64 bytes; the same one every time."""
        ...


class VrfKeyPair(Interface):
    """A key of the verifiable random function (RFC 9381). Not the signing key."""

    @property
    def public(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def prove(self, alpha: bytes) -> bytes:
        """The proof for input ``alpha``, 80 bytes. Its output is what `Suite.vrf_output` answers for it."""
        ...


class QuorumScheme(Interface):
    """Many signatures on one message, as one value: the six functions behind quorum certificates.

    The shapes depend on the scheme; the scheme is fixed in genesis.
    """

    @property
    def name(self) -> str:
        """As in genesis: ``ed25519-list`` or ``bls``."""
        ...

    @property
    def public_size(self) -> int:
        """Bytes of a public key."""
        ...

    @property
    def signature_size(self) -> int:
        """Bytes of one signature, and of a proof of possession."""
        ...

    def aggregate_size(self, signers: int) -> int:
        """Bytes of an aggregate of ``signers`` signatures."""
        ...

    def public_of(self, secret: bytes) -> bytes:
        """The public key of a seed of 32 bytes."""
        ...

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """One signature on ``message``."""
        ...

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is ``public``'s on ``message``."""
        ...

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """All ``signatures``, in the order of their signers, as one value.

        Raises:
            ValueError: there are none, or one is not even the encoding of a signature.
        """
        ...

    def fast_aggregate_verify(self, publics: Sequence[bytes], message: bytes, aggregate: bytes) -> bool:
        """Whether ``aggregate`` holds a signature of every one of ``publics``, in this order, on ``message``.

        False for no signers. Sound only for keys whose possession was proven.
        """
        ...

    def pop_prove(self, secret: bytes) -> bytes:
        """The proof that the owner of this public key holds its secret."""
        ...

    def pop_verify(self, public: bytes, proof: bytes) -> bool:
        """Whether ``public`` is a valid key and ``proof`` shows that its owner holds the secret."""
        ...


class Suite(Interface):
    """The door: keys, signatures, random function, quorum signatures. Satisfies `bac.protocol.Verifier`."""

    @property
    def name(self) -> str:
        """What was used; every record of a run names it."""
        ...

    @property
    def quorum(self) -> QuorumScheme:
        """The scheme of acknowledgements and certificates."""
        ...

    def key_pair(self, seed: bytes) -> KeyPair:
        """The signing key of a seed of 32 bytes."""
        ...

    def is_valid_public(self, public: bytes) -> bool:
        """Whether ``public`` may be registered: judged once, before the first signature by it counts."""
        ...

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` is ``public``'s on ``message``."""
        ...

    def vrf_key_pair(self, seed: bytes) -> VrfKeyPair:
        """The random function's key of a seed of 32 bytes."""
        ...

    def vrf_output(self, public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """The output (64 bytes) that ``proof`` shows for ``alpha`` under ``public``; None if it shows nothing."""
        ...


def check_seed(seed: bytes) -> bytes:
    """`seed` itself.

    Raises:
        ValueError: it is not 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    return seed
