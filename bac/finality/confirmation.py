"""Confirmation: the rule of two certificates in one view (C1), and its proof (C2).

Source: docs/spec/finality.md C1, C2, E3.
"""

from __future__ import annotations

from bac.finality.chain import Link, Tree
from bac.wire.block import PATH_MAX, ConfirmationProof


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
    path = [link.header for link in confirmed.path() if link.header.height >= block.header.height]
    assert len(path) <= PATH_MAX, "an epoch is shorter than a path may be"
    return ConfirmationProof(tuple(reversed(path)), tree.vouchers[confirmed.hash], carrier.header, carrier.certificate)
