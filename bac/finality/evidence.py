"""Judges evidence: whom it convicts by their own signatures (V9), and finds it in two confirmations that conflict.

Source: docs/spec/finality.md V9; docs/spec/wire.md WI-19.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from bac.crypto.suite import Suite
from bac.errors import Rejected
from bac.finality.newview import highest
from bac.proofs.certificate import Scope, verify_certificate, verify_signers
from bac.proofs.electorate import Electorate
from bac.proofs.merkle import is_included
from bac.types import NodeId
from bac.wire.block import ConfirmationProof, LeaderSignature, leader_preimage
from bac.wire.evidence import (
    AnyEvidence,
    DoubleAcknowledgement,
    DoubleHeader,
    FalseOpening,
    HiddenCertificate,
    SignedBallot,
)
from bac.wire.header import RETIREMENT_VIEW, Header, Kind, header_hash
from bac.wire.registry import decode_item
from bac.wire.signed import preimage
from bac.wire.votes import Certificate, NewView, State, ballot_of, ballot_preimage

LIFETIME = 3
"""Epochs after the deed in which evidence counts."""

Judge: TypeAlias = Callable[[bytes, int], tuple[NodeId, ...]]
"""(encoded evidence, epoch of the block that orders it) -> whom it convicts."""


@dataclass(frozen=True, slots=True)
class Court:
    """Judges evidence of one shard.

    Attributes:
        scope: where signatures hold.
        suite: judges leaders' signatures and states.
        electorate: of an epoch, if it is remembered.
    """

    scope: Scope
    suite: Suite
    electorate: Callable[[int], Electorate | None]

    def judge_item(self, item: bytes, epoch: int) -> tuple[NodeId, ...]:
        """As `Judge`: nobody, if the deed is too old or the evidence proves nothing."""
        try:
            evidence = decode_item(item)
        except Rejected:
            return ()
        if not evidence.epoch <= epoch <= evidence.epoch + LIFETIME:
            return ()
        return self.culprits(evidence)

    def culprits(self, evidence: AnyEvidence) -> tuple[NodeId, ...]:
        """Whom `evidence` convicts, ascending; nobody if it proves nothing."""
        electorate = self.electorate(evidence.epoch)
        if electorate is None or evidence.shard != self.scope.shard:
            return ()
        match evidence:
            case DoubleAcknowledgement():
                found = self._double(evidence, electorate)
            case HiddenCertificate():
                found = self._hidden(evidence, electorate)
            case FalseOpening():
                found = self._false_opening(evidence, electorate)
            case DoubleHeader():
                found = self._double_header(evidence)
            case _:
                found = self._others(evidence)
        return tuple(sorted(found))

    def _key_of(self, identity: NodeId, epoch: int) -> bytes:  # noqa: ARG002 (keys that change belong to others)
        """The signing key of `identity` in `epoch`: here every identity is its own."""
        return identity

    def _others(self, evidence: AnyEvidence) -> Iterable[NodeId]:  # noqa: ARG002 (here there are none)
        """Whom evidence of a kind convicts that only some sources of blocks know."""
        return ()

    def _double(self, evidence: DoubleAcknowledgement, electorate: Electorate) -> Iterable[NodeId]:
        first, second, path = evidence.first.ballot, evidence.second.ballot, evidence.path
        same_view = first.view == second.view and first.epoch == second.epoch == evidence.epoch
        starts = path[0].height == first.height and header_hash(path[0]) != first.header_hash
        if not (same_view and starts and _is_path(path) and ballot_of(path[-1]) == second):
            return ()
        ours = self._signers(evidence.first, electorate)
        return set(ours) & set(self._signers(evidence.second, electorate))

    def _hidden(self, evidence: HiddenCertificate, electorate: Electorate) -> Iterable[NodeId]:
        header, state, given = evidence.header, evidence.state, evidence.acknowledgement
        if given.ballot != ballot_of(header) or not header.epoch == state.epoch == evidence.epoch:
            return ()
        hides = (header.justify.view, header.justify.height) > (state.high.view, state.high.height)
        if not (header.view < state.view and hides and self._is_signed_state(state)):
            return ()
        return {state.identity} & set(self._signers(given, electorate))

    def _false_opening(self, evidence: FalseOpening, electorate: Electorate) -> Iterable[NodeId]:
        opening, given = evidence.opening, evidence.acknowledgement
        if given.ballot != ballot_of(opening) or opening.kind is not Kind.OPENING or opening.epoch != evidence.epoch:
            return ()
        if not is_included(evidence.new_view, evidence.inclusion, opening.transaction_root):
            return ()
        try:
            new_view = decode_item(evidence.new_view)
        except Rejected:
            return ()
        if not isinstance(new_view, NewView) or highest(new_view.states) == opening.justify:
            return ()
        return self._signers(given, electorate)

    def _double_header(self, evidence: DoubleHeader) -> Iterable[NodeId]:
        first, second = evidence.first, evidence.second
        one_place = (first.epoch, first.view, first.height) == (second.epoch, second.view, second.height)
        culprit = evidence.first_signature.leader
        if not one_place or first == second or culprit != evidence.second_signature.leader:
            return ()
        if first.epoch != evidence.epoch:
            return ()
        signed = ((first, evidence.first_signature), (second, evidence.second_signature))
        return (culprit,) if all(self._is_signed_header(*each) for each in signed) else ()

    def _is_signed_header(self, header: Header, signature: LeaderSignature) -> bool:
        message = leader_preimage(header_hash(header), self.scope.network, self.scope.shard)
        return self.suite.verify(self._key_of(signature.leader, header.epoch), message, signature.signature)

    def _is_signed_state(self, state: State) -> bool:
        message = preimage(state, self.scope.network, self.scope.shard)
        return self.suite.verify(self._key_of(state.identity, state.epoch), message, state.signature)

    def _signers(self, given: SignedBallot, electorate: Electorate) -> tuple[NodeId, ...]:
        if isinstance(given, Certificate):
            try:
                judge = verify_signers if given.ballot.view == RETIREMENT_VIEW else verify_certificate  # R14
                return tuple(each.identity for each in judge(given, electorate, self.scope))
            except Rejected:
                return ()
        member = electorate.find(given.voter)
        message = ballot_preimage(given.ballot, self.scope.network, self.scope.shard)
        if member is None or not self.scope.scheme.verify(member.acknowledgement_key, message, given.signature):
            return ()
        return (given.voter,)


def _is_path(path: tuple[Header, ...]) -> bool:
    return all(
        child.parent == header_hash(parent) and child.height == parent.height + 1 for parent, child in pairwise(path)
    )


def incriminate(
    shard: int, first: tuple[ConfirmationProof, NewView | None], second: tuple[ConfirmationProof, NewView | None]
) -> Iterator[AnyEvidence]:
    """The evidence in two confirmations of different blocks of one height of one epoch, each with the opening's NV.

    In one view the signers of both acknowledged headers of two chains. In two views, the higher one began with states
    by signers of the lower one's carrier that hid its certificate.
    """
    (low, _), (high, new_view) = sorted((first, second), key=lambda each: each[0].carrier.view)
    if low.path[0].epoch != high.path[0].epoch:
        return
    if low.carrier.view == high.carrier.view:
        yield from _in_one_view(shard, low, high)
    for state in new_view.states if new_view is not None else ():
        justify = low.carrier.justify
        hides = (justify.view, justify.height) > (state.high.view, state.high.height)
        if hides and low.carrier.view < state.view:
            yield HiddenCertificate(shard, state.epoch, low.carrier_certificate, low.carrier, state)


def _in_one_view(shard: int, one: ConfirmationProof, other: ConfirmationProof) -> Iterator[AnyEvidence]:
    """Each of the two certified headers Y against the path of the other; where they differ they start at one height."""
    low, high = sorted((one, other), key=lambda proof: len(proof.path))
    cut = high.path[len(low.path) - 1 :]
    if low.path[-1] != cut[0]:
        yield DoubleAcknowledgement(shard, low.path[0].epoch, low.certificate, high.certificate, cut)
