"""Finds contradictions in what one node sees of one epoch (V9). What it finds is evidence for anybody.

Source: docs/spec/finality.md V9.
"""

from __future__ import annotations

from collections.abc import Iterator

from bac.errors import Rejected
from bac.finality.certificates import Tallies
from bac.finality.chain import Link, Tree, Verdict
from bac.finality.epochs import Epoch
from bac.finality.newview import highest
from bac.proofs.certificate import Scope
from bac.proofs.merkle import prove_inclusion
from bac.types import NodeId
from bac.wire.block import Envelope
from bac.wire.evidence import AnyEvidence, DoubleAcknowledgement, DoubleHeader, FalseOpening, HiddenCertificate
from bac.wire.header import Kind
from bac.wire.registry import decode_item
from bac.wire.votes import Acknowledgement, Certificate, NewView, State, ballot_preimage


class Watch:
    """Remembers what leaders signed; compares what voters signed. Each culprit is named once for each kind of deed."""

    def __init__(self, epoch: Epoch, scope: Scope) -> None:
        self._epoch = epoch
        self._scope = scope
        self._signed: dict[tuple[int, int], dict[NodeId, Envelope]] = {}
        self._named: set[tuple[str, bytes]] = set()

    def _is_news(self, kind: str, culprit: bytes) -> bool:
        if (kind, culprit) in self._named:
            return False
        self._named.add((kind, culprit))
        return True

    def headers(self, envelope: Envelope) -> Iterator[AnyEvidence]:
        """Two headers of one view and height, signed by one leader; the signatures were judged good."""
        header = envelope.header
        signed = self._signed.setdefault((header.view, header.height), {})
        for each in envelope.signatures:
            first = signed.setdefault(each.leader, envelope)
            if first is not envelope and first.header != header and self._is_news("header", each.leader):
                signature = next(one for one in first.signatures if one.leader == each.leader)
                yield DoubleHeader(self._scope.shard, header.epoch, first.header, signature, header, each)

    def certificate(self, certificate: Certificate, tree: Tree) -> Iterator[AnyEvidence]:
        """Two certificates of one view whose headers are not on one chain; `certificate` is in the tree already."""
        link = tree.get(certificate.ballot.header_hash)
        if link is None or not tree.is_forked:
            return
        for block_hash, other in list(tree.vouchers.items()):
            rival = tree.get(block_hash)
            if rival is None or other.ballot.view != certificate.ballot.view or block_hash == link.hash:
                continue
            evidence = double(self._scope.shard, (link, certificate), (rival, other))
            if evidence is not None and self._is_news("certificate", link.hash):
                yield evidence

    def acknowledgement(self, given: Acknowledgement, tallies: Tallies, tree: Tree) -> Iterator[AnyEvidence]:
        """What an acknowledgement contradicts: another one in its view, or the new view of its own opening."""
        rivals = tallies.rivals(given)
        link = tree.get(given.ballot.header_hash)
        if link is None:
            return
        for other in rivals:
            rival = tree.get(other.ballot.header_hash)
            if rival is None or link.descends_from(rival):
                continue
            evidence = double(self._scope.shard, (link, given), (rival, other))
            if evidence is not None and self._are_signed(given, other) and self._is_news("double", given.voter):
                yield evidence
        if link.verdict is Verdict.INVALID and link.header.kind is Kind.OPENING:
            yield from self._false_opening(given, link)

    def _false_opening(self, given: Acknowledgement, link: Link) -> Iterator[AnyEvidence]:
        if link.body is None or not link.body.items:
            return
        try:
            new_view = decode_item(link.body.items[0])
        except Rejected:
            return
        if not isinstance(new_view, NewView) or highest(new_view.states) == link.header.justify:
            return
        if self._are_signed(given) and self._is_news("opening", given.voter):
            inclusion = prove_inclusion(link.body.items, 0)
            yield FalseOpening(self._scope.shard, self._epoch.number, given, link.header, link.body.items[0], inclusion)

    def state(self, state: State, tallies: Tallies, tree: Tree) -> Iterator[AnyEvidence]:
        """A state that hides a certificate which its signer acknowledged."""
        for given in tallies.by(state.identity):
            link = tree.get(given.ballot.header_hash)
            if link is None or given.ballot.view >= state.view:
                continue
            justify = link.header.justify
            hides = (justify.view, justify.height) > (state.high.view, state.high.height)
            if hides and self._are_signed(given) and self._is_news("state", state.identity):
                yield HiddenCertificate(self._scope.shard, self._epoch.number, given, link.header, state)

    def _are_signed(self, *given: Acknowledgement) -> bool:
        for each in given:
            member = self._epoch.electorate.find(each.voter)
            message = ballot_preimage(each.ballot, self._scope.network, self._scope.shard)
            if member is None or not self._scope.scheme.verify(member.acknowledgement_key, message, each.signature):
                return False
        return True


def double(
    shard: int,
    one: tuple[Link, Acknowledgement | Certificate],
    other: tuple[Link, Acknowledgement | Certificate],
) -> DoubleAcknowledgement | None:
    """Evidence that two acknowledged headers of one view are not on one chain; None if they are, or it is not known."""
    (low, first), (high, second) = sorted((one, other), key=lambda pair: (pair[0].header.height, pair[0].hash))
    if high.descends_from(low):
        return None
    path = [link for link in high.path() if link.header.height >= low.header.height]
    if path[-1].header.height != low.header.height or path[-1] is low:
        return None
    headers = tuple(link.header for link in reversed(path))
    return DoubleAcknowledgement(shard, low.header.epoch, first, second, headers)
