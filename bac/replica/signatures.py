"""Leaders' signatures on the headers that they all make alike (CP-validate), until they weigh enough to publish (R8).

A leader signs one header per height of an epoch, durably (H7). Signatures may come before this leader has made the
header itself; what is kept of each leader is one signature per height.

Source: docs/spec/replica.md RP-75 to RP-77; docs/spec/finality.md V4, R8.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bac.types import Hash, NodeId
from bac.wire.block import ConfirmationProof, Envelope, LeaderSignature
from bac.wire.header import Header


@dataclass(slots=True)
class Gathering:
    """The signatures on one header.

    Attributes:
        header: once this leader has made it, or a peer has shown it.
        signatures: by leader, judged good.
        weight: of the signers.
    """

    header: Header
    signatures: dict[NodeId, LeaderSignature] = field(default_factory=dict)
    weight: int = 0

    def envelope(self, proof: ConfirmationProof | None) -> Envelope:
        """The header with all signatures that are here."""
        ascending = tuple(self.signatures[leader] for leader in sorted(self.signatures))
        return Envelope(self.header, ascending, None, proof, None)


class Signatures:
    """All gatherings of one epoch."""

    def __init__(self, weights: dict[NodeId, int]) -> None:
        self._weights = weights
        self._total = sum(weights.values())
        self._all: dict[Hash, Gathering] = {}
        self._given: dict[tuple[int, NodeId], Hash] = {}
        self._ready: dict[Hash, int] = {}

    def get(self, block_hash: Hash) -> Gathering | None:
        """What there is on a header."""
        return self._all.get(block_hash)

    def has_room(self, header: Header, leader: NodeId, block_hash: Hash) -> bool:
        """Whether this leader has signed no other header of the height, as far as it is known here."""
        return self._given.get((header.height, leader), block_hash) == block_hash

    def add(self, header: Header, block_hash: Hash, signature: LeaderSignature) -> Gathering:
        """Takes a signature that was judged good, and for which there is room."""
        gathering = self._all.get(block_hash)
        if gathering is None:
            gathering = self._all[block_hash] = Gathering(header)
        self._given[header.height, signature.leader] = block_hash
        if signature.leader not in gathering.signatures:
            gathering.signatures[signature.leader] = signature
            gathering.weight += self._weights[signature.leader]
            if self.is_enough(gathering):
                self._ready[block_hash] = header.height
        return gathering

    def is_enough(self, gathering: Gathering) -> bool:
        """Whether the signers have more than two thirds of the committee's weight."""
        return 3 * gathering.weight > 2 * self._total

    def ready(self) -> list[Hash]:
        """The headers with enough signatures, the lowest first."""
        return sorted(self._ready, key=lambda each: (self._ready[each], each))

    def forget(self, height: int) -> None:
        """Drops what is known of headers up to `height`."""
        for block_hash in [each for each, found in self._all.items() if found.header.height <= height]:
            del self._all[block_hash]
            self._ready.pop(block_hash, None)
        for place in [each for each in self._given if each[0] <= height]:
            del self._given[place]
