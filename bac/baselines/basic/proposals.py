"""Proposals of basic BAC on their way to enough leaders' signatures: what was proposed, who signed, who publishes when.

The primary proposes and gathers; so does every other leader, and candidate primary number k publishes what has enough
signatures k · T_publish after it could, if nobody has (R8). A leader signs one header per height of an epoch, durably
(H7), so two blocks of one height cannot both get two thirds of an honest committee.

Source: docs/spec/finality.md R8, BB-1 to BB-5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bac.finality.chain import Link
from bac.types import Hash, Micros, NodeId
from bac.wire.block import ConfirmationProof, Envelope, LeaderSignature
from bac.wire.header import Header

PROPOSALS_MAX = 2
"""Most proposals of one height by one leader that a leader looks at."""


@dataclass(slots=True)
class Proposal:
    """A header that leaders are asked to sign.

    Attributes:
        link: in the tree, unsigned at first.
        proposer: who signed it first.
        signatures: by leader, judged good.
        ready_us: when they became enough; None before.
    """

    link: Link
    proposer: NodeId
    signatures: dict[NodeId, LeaderSignature] = field(default_factory=dict)
    ready_us: Micros | None = None

    def envelope(self, proof: ConfirmationProof | None) -> Envelope:
        """The header with all signatures that are here."""
        ascending = tuple(self.signatures[leader] for leader in sorted(self.signatures))
        return Envelope(self.link.header, ascending, None, proof, None)


class Proposals:
    """The proposals of one epoch."""

    def __init__(self) -> None:
        self._all: dict[Hash, Proposal] = {}
        self._counts: dict[tuple[int, NodeId], int] = {}

    def get(self, block_hash: Hash) -> Proposal | None:
        """The proposal of this header, if known."""
        return self._all.get(block_hash)

    def has_room(self, header: Header, proposer: NodeId) -> bool:
        """Whether one more of its height by `proposer`, whose signature it bears, may be looked at."""
        return self._counts.get((header.height, proposer), 0) < PROPOSALS_MAX

    def add(self, link: Link, proposer: NodeId) -> Proposal:
        """A new proposal."""
        place = (link.header.height, proposer)
        self._counts[place] = self._counts.get(place, 0) + 1
        proposal = self._all[link.hash] = Proposal(link, proposer)
        return proposal

    def open(self) -> Iterator[Proposal]:
        """Those that nobody has published yet, in the order in which they came."""
        return (proposal for proposal in list(self._all.values()) if proposal.link.envelope is None)
