"""Judges evidence of a shard of BAC 2.0: what finality knows, forks of the hashgraph, and items invalid by themselves.

An item is invalid by itself if no state could make it good: what is not the encoding of an item of events, or a
transaction with a wrong signature, key, network or shard. A transaction that cannot be paid, a claim by a stranger or
a list of unknown claims is no evidence: its orderer may not have known better.

Whom evidence convicts follows from the evidence, the electorates of the last epochs and the members' keys as the last
boundary shows them; so all who execute a block judge alike.

Source: docs/spec/replica.md RP-25 to RP-29; docs/spec/finality.md V9.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bac.errors import Rejected
from bac.finality.evidence import Court
from bac.ledger.membership import signing_key_at
from bac.ledger.state import State
from bac.types import NodeId
from bac.wire.block import RoundRecord
from bac.wire.event import EventHeader, event_id, payload_hash
from bac.wire.evidence import AnyEvidence, Fork, InvalidItem
from bac.wire.registry import decode_item, is_transaction, tag_at, tag_of
from bac.wire.signed import preimage
from bac.wire.transactions import Mandate, VerifiedTransaction
from bac.wire.votes import NewView

_BODIES_ALONE: Final = frozenset((tag_of(RoundRecord), tag_of(NewView), tag_of(Mandate)))
"""Items of bodies that no event may hold."""


def is_invalid_by_itself(item: bytes, verify: Callable[[bytes], VerifiedTransaction]) -> bool:
    """Whether `item` could stand in no event of this shard, whatever the state."""
    try:
        decode_item(item)
        if is_transaction(item):
            verify(item)
    except Rejected:
        return True
    return tag_at(item) in _BODIES_ALONE


@dataclass(frozen=True, slots=True)
class ReplicaCourt(Court):
    """The court of one shard during one epoch.

    Attributes:
        boundary: the state before the epoch, which knows the members' keys.
        verify: judges an encoded transaction; raises Rejected.
    """

    boundary: State
    verify: Callable[[bytes], VerifiedTransaction]

    def convict(self, item: bytes, epoch: int, lifetime: int) -> tuple[tuple[NodeId, int], ...]:
        """Whom encoded evidence convicts in `epoch`, each with the epoch of the deed: `lifetime` epochs old at most."""
        found = self.judge_item(item, epoch)
        if not found:
            return ()
        deed = decode_item(item).epoch
        return tuple((identity, deed) for identity in found) if epoch - deed <= lifetime else ()

    def _key_of(self, identity: NodeId, epoch: int) -> bytes:
        return signing_key_at(identity, self.boundary.member(identity), epoch)

    def _others(self, evidence: AnyEvidence) -> Iterable[NodeId]:
        match evidence:
            case Fork():
                return self._fork(evidence)
            case InvalidItem():
                return self._invalid_item(evidence)
            case _:
                return ()

    def _fork(self, evidence: Fork) -> Iterable[NodeId]:
        first, second = evidence.first, evidence.second
        places = [(each.creator, each.epoch, each.boundary, each.self_parent) for each in (first, second)]
        if places[0] != places[1] or first.epoch != evidence.epoch or event_id(first) == event_id(second):
            return ()
        return (first.creator,) if self._is_signed_event(first) and self._is_signed_event(second) else ()

    def _invalid_item(self, evidence: InvalidItem) -> Iterable[NodeId]:
        header, payload = evidence.event.header, evidence.event.payload
        is_its_own = header.epoch == evidence.epoch and header.payload_hash == payload_hash(payload)
        if not is_its_own or evidence.index >= len(payload) or not self._is_signed_event(header):
            return ()
        return (header.creator,) if is_invalid_by_itself(payload[evidence.index], self.verify) else ()

    def _is_signed_event(self, header: EventHeader) -> bool:
        """By a voter of its epoch, as all leaders are."""
        electorate = self.electorate(header.epoch)
        if electorate is None or electorate.find(header.creator) is None:
            return False
        key = self._key_of(header.creator, header.epoch)
        return self.suite.verify(key, preimage(header, self.scope.network, self.scope.shard), header.signature)
