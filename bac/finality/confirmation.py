"""Confirmation: the rule of two certificates in one view (C1), and its proof (C2).

Source: docs/spec/finality.md C1, C2, E3.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Final

from bac.finality.chain import Link, Tree
from bac.proofs.certificate import Scope
from bac.proofs.confirmation import verify_confirmation, verify_record
from bac.proofs.electorate import Electorate
from bac.wire.block import PATH_MAX, BoundaryRecord, ConfirmationProof
from bac.wire.header import Header


class TwoBlocks:
    """The rule of confirmation that a network lives by: C1, C2, and the half of V3 that goes with them."""

    def continues(self, link: Link, last: Link) -> bool:
        """V3: whether who acknowledged `last` may acknowledge `link` in the same view."""
        return link is not last and link.descends_from(last)

    def find_confirmed(self, tree: Tree, carrier: Link) -> Link | None:
        """C1: what the certificate of `carrier` confirms."""
        return find_confirmed(tree, carrier)

    def prove(self, tree: Tree, block: Link, confirmed: Link, carrier: Link) -> ConfirmationProof:
        """C2: that `block`, `confirmed` or an ancestor, is confirmed."""
        return prove(tree, block, confirmed, carrier)

    def verify(self, proof: ConfirmationProof, epoch: int, electorate: Electorate, scope: Scope) -> Header:
        """The header that `proof` shows to be confirmed. Raises Rejected."""
        return verify_confirmation(proof, epoch, electorate, scope)

    def verify_record(self, record: BoundaryRecord, epoch: int, electorate: Electorate, scope: Scope) -> None:
        """Judges the record of the last block of `epoch`. Raises Rejected."""
        verify_record(record, epoch, electorate, scope)


TWO_BLOCKS: Final = TwoBlocks()


def find_confirmed(tree: Tree, carrier: Link) -> Link | None:
    """C1: what the certified header `carrier` confirms: Y, if it carries the certificate of Y, of its own view."""
    if carrier.certificate is None or carrier.header.justify.view != carrier.header.view:
        return None
    confirmed = tree.get(carrier.header.justify.hash)
    if confirmed is None or confirmed.parent is None or confirmed.hash not in tree.vouchers:
        return None
    return confirmed if carrier.header.height > confirmed.header.height else None


def prove(tree: Tree, block: Link, confirmed: Link, carrier: Link) -> ConfirmationProof:
    """C2: shows that `block`, `confirmed` or an ancestor of it, is confirmed."""
    assert carrier.certificate is not None, "the carrier is certified"
    bottom = block.header.height
    path = [link.header for link in takewhile(lambda link: link.header.height >= bottom, confirmed.path())]
    assert len(path) <= PATH_MAX, "an epoch is shorter than a path may be"
    return ConfirmationProof(
        tuple(reversed(path)), tree.vouchers[confirmed.hash], carrier.header, carrier.certificate, confirmed.restart
    )  # fmt: skip
