"""Counts the cryptographic work that a suite is asked for, and knows what it costs on a real machine.

A simulator wraps each node's suite, and after every handler call moves that node's clock by what the call cost. The
costs are data: medians of CPU time of one core (AMD EPYC, Zen 5; CPython 3.11, PyNaCl 1.6.2, py-arkworks-bls12381
0.5.0; 200-byte messages), in whole nanoseconds. ``bench crypto`` measures them again beside this table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from bac.crypto.suite import KeyPair, QuorumScheme, Suite, VrfKeyPair


@dataclass(frozen=True, slots=True)
class Cost:
    """Nanoseconds of one call, and of each signer or share in it."""

    call_ns: int
    each_ns: int = 0


_ED25519 = {"sign": Cost(15_600), "verify": Cost(40_400), "key-check": Cost(31_100)}
_ECVRF = {"vrf-prove": Cost(185_000), "vrf-verify": Cost(304_000)}
_LIST = {
    "ed25519-list.sign": Cost(15_600),
    "ed25519-list.verify": Cost(40_400),
    "ed25519-list.aggregate": Cost(300, 30),
    "ed25519-list.fast-aggregate-verify": Cost(300, 40_400),
    "ed25519-list.pop-prove": Cost(15_600),
    "ed25519-list.pop-verify": Cost(71_500),  # one verification and one check of the key
}
_BLS = {
    "bls.sign": Cost(837_000),
    "bls.verify": Cost(1_581_000),
    "bls.aggregate": Cost(0, 125_000),  # decompression and subgroup check of each share
    "bls.fast-aggregate-verify": Cost(1_640_000, 650),
    "bls.pop-prove": Cost(837_000),
    "bls.pop-verify": Cost(1_581_000),
}
MEASURED: Final[Mapping[str, Cost]] = MappingProxyType(_ED25519 | _ECVRF | _LIST | _BLS)


@dataclass(slots=True)
class Meter:
    """How often each kind of call was made, and the nanoseconds that are not yet charged."""

    costs: Mapping[str, Cost] = field(default_factory=lambda: MEASURED)
    counts: Counter[str] = field(default_factory=Counter)
    due_ns: int = 0

    def charge(self, kind: str, items: int = 0) -> None:
        """One call of `kind` with `items` signers or shares."""
        cost = self.costs[kind]
        self.counts[kind] += 1
        self.due_ns += cost.call_ns + cost.each_ns * items

    def take_ns(self) -> int:
        """What was charged since the last call of this method."""
        due, self.due_ns = self.due_ns, 0
        return due


@dataclass(frozen=True, slots=True)
class _MeteredKeyPair:
    inner: KeyPair
    meter: Meter

    @property
    def public(self) -> bytes:
        return self.inner.public

    def sign(self, message: bytes) -> bytes:
        self.meter.charge("sign")
        return self.inner.sign(message)


@dataclass(frozen=True, slots=True)
class _MeteredVrfKeyPair:
    inner: VrfKeyPair
    meter: Meter

    @property
    def public(self) -> bytes:
        return self.inner.public

    def prove(self, alpha: bytes) -> bytes:
        self.meter.charge("vrf-prove")
        return self.inner.prove(alpha)


@dataclass(frozen=True, slots=True)
class MeteredQuorum:
    """A quorum scheme whose calls are counted."""

    inner: QuorumScheme
    meter: Meter

    @property
    def name(self) -> str:
        """The scheme's own."""
        return self.inner.name

    @property
    def public_size(self) -> int:
        """The scheme's own."""
        return self.inner.public_size

    @property
    def signature_size(self) -> int:
        """The scheme's own."""
        return self.inner.signature_size

    def aggregate_size(self, signers: int) -> int:
        """The scheme's own."""
        return self.inner.aggregate_size(signers)

    def public_of(self, secret: bytes) -> bytes:
        """Not counted: a node keeps its public keys."""
        return self.inner.public_of(secret)

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """Counted."""
        self._charge("sign")
        return self.inner.sign(secret, message)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Counted."""
        self._charge("verify")
        return self.inner.verify(public, message, signature)

    def aggregate(self, signatures: Sequence[bytes]) -> bytes:
        """Counted, per share."""
        self._charge("aggregate", len(signatures))
        return self.inner.aggregate(signatures)

    def fast_aggregate_verify(self, publics: Sequence[bytes], message: bytes, aggregate: bytes) -> bool:
        """Counted, per signer."""
        self._charge("fast-aggregate-verify", len(publics))
        return self.inner.fast_aggregate_verify(publics, message, aggregate)

    def pop_prove(self, secret: bytes) -> bytes:
        """Counted."""
        self._charge("pop-prove")
        return self.inner.pop_prove(secret)

    def pop_verify(self, public: bytes, proof: bytes) -> bool:
        """Counted."""
        self._charge("pop-verify")
        return self.inner.pop_verify(public, proof)

    def _charge(self, function: str, items: int = 0) -> None:
        self.meter.charge(f"{self.inner.name}.{function}", items)


class Metered:
    """A suite whose calls are counted in ``meter``; the answers are those of the suite inside."""

    def __init__(self, inner: Suite, meter: Meter) -> None:
        self._inner = inner
        self.meter = meter
        self.name = inner.name
        self.quorum: QuorumScheme = MeteredQuorum(inner.quorum, meter)

    def key_pair(self, seed: bytes) -> KeyPair:
        """A pair whose signatures are counted."""
        return _MeteredKeyPair(self._inner.key_pair(seed), self.meter)

    def is_valid_public(self, public: bytes) -> bool:
        """Counted."""
        self.meter.charge("key-check")
        return self._inner.is_valid_public(public)

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Counted."""
        self.meter.charge("verify")
        return self._inner.verify(public, message, signature)

    def vrf_key_pair(self, seed: bytes) -> VrfKeyPair:
        """A pair whose proofs are counted."""
        return _MeteredVrfKeyPair(self._inner.vrf_key_pair(seed), self.meter)

    def vrf_output(self, public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """Counted."""
        self.meter.charge("vrf-verify")
        return self._inner.vrf_output(public, alpha, proof)
