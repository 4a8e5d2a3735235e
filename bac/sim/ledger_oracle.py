"""What the oracles of all engines share that confirm blocks by finality: proofs, evidence, promises, electorates.

An oracle follows the confirmed chain from genesis by executing its bodies; so it knows the electorates that nodes
should have, and judges proofs and evidence by them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final

from bac.errors import Rejected
from bac.finality.epochs import Epoch
from bac.finality.evidence import Court, incriminate
from bac.finality.site import Block
from bac.finality.validity import fits
from bac.intake import Intake
from bac.ledger.audit import audit
from bac.ledger.verifications import Verifications
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.protocol import Protocol
from bac.sim.facts import Committed
from bac.sim.oracle import BlockFacts
from bac.types import NodeId
from bac.wire.block import ConfirmationProof, Envelope
from bac.wire.codec import decode, encode
from bac.wire.header import header_hash
from bac.wire.registry import is_transaction, tag_at, tag_of
from bac.wire.transactions import VerifiedTransaction, decode_transaction
from bac.wire.votes import Acknowledgement, NewView, StateAnnouncement

SHARD: Final = 0
_NEW_VIEW_TAG: Final = tag_of(NewView)


class LedgerOracle(ABC):
    """Judges from outside: executes confirmed bodies anew, with the electorates that follow from them."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial
        suite = trial.suite
        self.scope = Scope(trial.network, SHARD, suite.quorum, trial.genesis_block.authority, suite)
        self._intake = Intake(trial.network, SHARD, trial.genesis_block.authority, suite, self._key)
        self._verify = Verifications(self._intake)
        self.epochs: dict[int, Epoch] = {}
        self._starts: list[tuple[int, Epoch]] = []
        self.court = self._make_court()
        self._first: Epoch = trial.ground.epoch
        self._begin(self._first)

    def _key(self, identity: NodeId) -> bytes | None:
        """The signing key of a member, for messages: here every identity is its own."""
        return identity

    def _make_court(self) -> Court:
        """Who judges evidence."""
        return Court(self.scope, self._trial.suite, self._electorate)

    def _begin(self, epoch: Epoch) -> None:
        if epoch.number not in self.epochs:
            self.epochs[epoch.number] = epoch
            self._starts.append((epoch.base.height, epoch))

    def _electorate(self, epoch: int) -> Electorate | None:
        known = self.epochs.get(epoch)
        return None if known is None else known.electorate

    # ------------------------------------------------------------ blocks

    def block(self, block: Block) -> BlockFacts:
        """As the oracle's."""
        header = block.header
        ids = tuple(decode_transaction(item).id for item in block.body.items if is_transaction(item))
        return BlockFacts(header.shard, header.height, header_hash(header), header.parent, header.state_root, ids)

    def is_proven(self, block: Block, proof: ConfirmationProof) -> bool:
        """As the oracle's."""
        electorate = self._electorate(block.header.epoch)
        if electorate is None:
            return False
        try:
            shown = self._trial.NODE.RULES.verify(proof, block.header.epoch, electorate, self.scope)
        except Rejected:
            return False
        return shown == block.header and fits(block.header, block.body)

    @abstractmethod
    def genesis(self, shard: int) -> tuple[bytes, Any]:
        """As the oracle's."""

    @abstractmethod
    def execute(self, state: Any, block: Block) -> tuple[Any, bytes]:
        """As the oracle's."""

    def imbalance(self, states: Mapping[int, Any]) -> str | None:
        """As the oracle's: the whole state recounted."""
        for _, known in sorted(states.items()):
            wrong = audit(known.post.ledger)
            if wrong:
                return wrong[0]
        return None

    def units(self, shard: int, height: int) -> Mapping[NodeId, int]:  # noqa: ARG002 (there is one)
        """As the oracle's."""
        epoch = next((epoch for start, epoch in reversed(self._starts) if start < height), self._first)
        return {member.identity: member.units for member in epoch.electorate.members}

    # ------------------------------------------------------------ conduct

    def culprits(self, evidence: Any) -> tuple[NodeId, ...]:
        """As the oracle's."""
        return self.court.culprits(evidence)

    def incriminate(self, first: Committed, second: Committed) -> Iterable[Any]:
        """As the oracle's."""
        return incriminate(SHARD, (first.proof, _new_view(first.block)), (second.proof, _new_view(second.block)))

    def promises(self, sender: NodeId, message: Any) -> Iterable[tuple[Hashable, Hashable]]:
        """As the oracle's: one acknowledgement per view and height, one state per view, one header per height."""
        match message:
            case Acknowledgement() if message.voter == sender:
                ballot = message.ballot
                yield ("acknowledgement", ballot.epoch, ballot.view, ballot.height), ballot.header_hash
            case StateAnnouncement() if message.state.identity == sender:
                yield ("state", message.state.epoch, message.state.view), encode(message.state)
            case Envelope() if any(each.leader == sender for each in message.signatures):
                header = message.header
                yield ("header", header.epoch, header.view, header.height), header_hash(header)
            case _:
                return

    def confirmed(self, protocol: Protocol) -> Mapping[int, tuple[int, bytes]]:
        """As the oracle's."""
        assert isinstance(protocol, self._trial.NODE), "only honest nodes are asked"
        return {SHARD: protocol.finality.confirmed()}

    def transaction_id(self, transaction: VerifiedTransaction) -> bytes:
        """As the oracle's."""
        return transaction.id


def _new_view(block: Block) -> NewView | None:
    if not block.body.items or tag_at(block.body.items[0]) != _NEW_VIEW_TAG:
        return None
    return decode(NewView, block.body.items[0])
