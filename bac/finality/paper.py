"""The paper's rule, for comparison: one certificate of more than half of the voters, by count, confirms.

It is not safe. A voter gives one vote per height, which keeps no chains together, and one certificate can be undone
by a view change that does not hear of it: `docs/spec/finality.md` C3.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from msgspec.structs import replace

from bac.errors import Code, Rejected
from bac.finality.chain import Link, Tree
from bac.finality.confirmation import TwoBlocks
from bac.proofs.certificate import Scope, verify_certificate
from bac.proofs.electorate import Electorate, compute_committee_hash
from bac.types import Units
from bac.wire.block import BoundaryRecord, ConfirmationProof, Elector
from bac.wire.header import Header, header_hash
from bac.wire.votes import ballot_of


class MajorityByCount(Electorate):
    """Everybody counts the same, and more than half are a quorum."""

    def __init__(self, members: Iterable[Elector]) -> None:
        super().__init__(replace(member, units=Units(1)) for member in members)

    def is_quorum(self, units: int) -> bool:
        """Whether so many are more than half."""
        return 2 * units > self.total_units


class OneCertificate(TwoBlocks):
    """One certificate confirms its own block and all below."""

    def continues(self, link: Link, last: Link) -> bool:
        """One vote per height."""
        return link.header.height > last.header.height

    def find_confirmed(self, tree: Tree, carrier: Link) -> Link | None:  # noqa: ARG002 (nothing but the certificate)
        """What is certified."""
        return None if carrier.certificate is None else carrier

    def prove(self, tree: Tree, block: Link, confirmed: Link, carrier: Link) -> ConfirmationProof:  # noqa: ARG002
        """The path and the certificate; the carrier is the certified block itself."""
        assert carrier.certificate is not None, "it is certified"
        path = [link.header for link in confirmed.path() if link.header.height >= block.header.height]
        return ConfirmationProof(tuple(reversed(path)), carrier.certificate, carrier.header, carrier.certificate, None)

    def verify(self, proof: ConfirmationProof, epoch: int, electorate: Electorate, scope: Scope) -> Header:
        """As the base's."""
        certified = proof.path[-1]
        linked = all(child.parent == header_hash(parent) for parent, child in pairwise(proof.path))
        ours = all(each.epoch == epoch and each.electorate_root == electorate.root for each in proof.path)
        if not linked or not ours or proof.certificate.ballot != ballot_of(certified) or proof.carrier != certified:
            raise Rejected(Code.BAD_PROOF, "not a path to a certified header of this electorate")
        verify_certificate(proof.certificate, electorate, scope)
        return proof.path[0]

    def verify_record(self, record: BoundaryRecord, epoch: int, electorate: Electorate, scope: Scope) -> None:
        """As the base's."""
        header = self.verify(record.proof, epoch, electorate, scope)
        boundary = header.boundary
        if boundary is None or MajorityByCount(record.electorate).root != boundary.next_electorate_root:
            raise Rejected(Code.BAD_PROOF, "the record's electorate is not the one that the header commits to")
        if compute_committee_hash(record.committee) != boundary.next_committee_hash:
            raise Rejected(Code.BAD_PROOF, "the record's committee is not the one that the header commits to")
