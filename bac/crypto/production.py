"""The real suite: Ed25519 and ECVRF on libsodium, quorum signatures by the scheme that genesis names."""

from __future__ import annotations

from dataclasses import dataclass

from bac.crypto import bls, ed25519
from bac.crypto.bls import Bls
from bac.crypto.ed25519_list import Ed25519List
from bac.crypto.suite import QuorumScheme
from election import vrf


@dataclass(frozen=True, slots=True, repr=False)
class EcvrfKeyPair:
    """A key of the random function (RFC 9381, ECVRF-EDWARDS25519-SHA512-TAI)."""

    public: bytes
    secret: bytes

    def prove(self, alpha: bytes) -> bytes:
        """The proof for `alpha`, 80 bytes."""
        return vrf.prove(self.secret, alpha)


class Production:
    """Real cryptography. Made once per process, after the libraries have passed their tests."""

    def __init__(self, scheme: str) -> None:
        """Takes the certificate scheme of genesis: ``ed25519-list`` or ``bls``.

        Raises:
            ValueError: there is no such scheme.
            UnfitLibrary: an installed library does not judge as the network does (that of
                `bac.crypto.ed25519`, or that of `election.vrf`).
        """
        ed25519.self_test()
        vrf.self_test()
        self.quorum = quorum_scheme(scheme)
        self.name = f"Ed25519, ECVRF (libsodium), {scheme}"

    def key_pair(self, seed: bytes) -> ed25519.Ed25519KeyPair:
        """The signing key of a seed of 32 bytes."""
        return ed25519.Ed25519KeyPair.from_seed(seed)

    def is_valid_public(self, public: bytes) -> bool:
        """Whether `public` is a canonical point of the prime-order subgroup; for signing and random function alike."""
        return ed25519.is_valid_public(public)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Whether `signature` is `public`'s on `message`."""
        return ed25519.verify(public, message, signature)

    def vrf_key_pair(self, seed: bytes) -> EcvrfKeyPair:
        """The random function's key of a seed of 32 bytes."""
        return EcvrfKeyPair(bytes(vrf.public_key(seed)), seed)

    def vrf_output(self, public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """The output (64 bytes), or None."""
        try:
            return vrf.verify(public, alpha, proof)
        except vrf.InvalidProof:
            return None


def quorum_scheme(name: str) -> QuorumScheme:
    """The scheme called `name`, tested.

    Raises:
        ValueError: there is no such scheme.
        UnfitLibrary: its library does not pass the test.
    """
    if name == Ed25519List.name:
        ed25519.self_test()
        return Ed25519List()
    if name == Bls.name:
        bls.self_test()
        return Bls()
    raise ValueError(f"unknown certificate scheme {name!r}")
