"""A shard's electorate with its keys, and chains of headers with certificates."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bac.crypto.suite import QuorumScheme
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.types import Height, Micros, NodeId, Units
from bac.wire.block import ConfirmationProof, Elector
from bac.wire.header import Header, Kind, Rank, header_hash
from bac.wire.votes import Acknowledgement, Ballot, Certificate, ballot_of, ballot_preimage
from tests.crypto.schemes import SCHEMES, seed
from tests.wire.samples import HEADER, some_id

NETWORK = HEADER.network
SHARD = HEADER.shard
EPOCH = HEADER.epoch


class Shard:
    """Voters named by numbers, each with its units."""

    def __init__(self, units: Iterable[int] = (1, 1, 1, 1), scheme: str = "stand-in bls", epoch: int = EPOCH) -> None:
        self.scheme: QuorumScheme = SCHEMES[scheme]
        self.scope = Scope(NETWORK, SHARD, self.scheme)
        self.epoch = epoch
        self.ids = [some_id(f"voter {number}") for number, _ in enumerate(units)]
        self.seeds = {each: seed(f"{each.hex()} in {epoch}") for each in self.ids}
        self.electorate = Electorate(
            Elector(each, self.scheme.public_of(self.seeds[each]), Units(own))
            for each, own in zip(self.ids, units, strict=True)
        )

    def acknowledge(self, ballot: Ballot, voter: NodeId) -> Acknowledgement:
        message = ballot_preimage(ballot, NETWORK, SHARD)
        return Acknowledgement(ballot, voter, self.scheme.sign(self.seeds[voter], message))

    def certify(self, header: Header, voters: Iterable[NodeId] | None = None) -> Certificate:
        signers = sorted(self.ids if voters is None else voters)
        ballot = ballot_of(header)
        shares = [self.acknowledge(ballot, voter).signature for voter in signers]
        return Certificate(ballot, self.electorate.bitmap(signers), self.scheme.aggregate(shares))

    def header(self, parent: Header | None = None, **changes: object) -> Header:
        """A header on `parent`; of this epoch, and by default of its view and without a new certificate."""
        fields: dict[str, object] = {"epoch": self.epoch, "electorate_root": self.electorate.root, "boundary": None}
        if parent is not None:
            fields |= {
                "parent": header_hash(parent),
                "height": Height(parent.height + 1),
                "view": parent.view,
                "justify": parent.justify,
                "time_us": Micros(parent.time_us + 1),
            }
        return msgspec.structs.replace(HEADER, **(fields | changes))

    def confirm(self, *path: Header, skipped: int = 0) -> ConfirmationProof:
        """The proof that the first of `path` is confirmed, through the last one and `skipped` headers after it."""
        between = path[-1]
        for _ in range(skipped):
            between = self.header(between)
        carrier = self.header(between, justify=rank_of(path[-1]))
        return ConfirmationProof(path, self.certify(path[-1]), carrier, self.certify(carrier), None)


def rank_of(header: Header) -> Rank:
    return Rank(header.view, header.height, header_hash(header))


def closing(header: Header) -> Header:
    """The closing header of a certified one: a pure function of it."""
    return msgspec.structs.replace(
        header,
        kind=Kind.CLOSING,
        height=Height(header.height + 1),
        parent=header_hash(header),
        justify=rank_of(header),
        boundary=None,
    )
