"""What the known events of an epoch carry and no block has brought yet: it need not be loaded again.

Only what will be ordered counts. What stands in an event whose payload is void, or in one of a leader that was seen
forking, which nobody may ever name, is on its way to nowhere: nobody could be allowed to keep it from the others by
loading it there. The same is true of a certificate that is none.

Source: docs/spec/replica.md RP-79.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from bac.errors import Code, Rejected
from bac.ledger.verifications import Verifications
from bac.replica.court import is_invalid_by_itself
from bac.types import Hash, NodeId
from bac.wire.codec import decode
from bac.wire.event import Event
from bac.wire.evidence import InvalidItem
from bac.wire.registry import is_transaction, tag_at, tag_of
from bac.wire.votes import Certificate

K = TypeVar("K")
_CERTIFICATE: Final = tag_of(Certificate)


class Manifest:
    """Cargo on its way.

    Attributes:
        transactions: ids of transactions, with those who carry them.
        certified: the greatest height of which a certificate is on its way, or was.
    """

    def __init__(self, shard: int, verify: Verifications, is_good: Callable[[Certificate], bool]) -> None:
        """`is_good` judges a certificate of the epoch."""
        self._shard = shard
        self._verify = verify
        self._is_good = is_good
        self._others: dict[bytes, dict[NodeId, None]] = {}
        self._certificates: dict[int, dict[NodeId, None]] = {}
        self.transactions: dict[Hash, dict[NodeId, None]] = {}
        self._patient: dict[Hash, None] = {}

    def __contains__(self, item: object) -> bool:
        return item in self._others

    @property
    def certified(self) -> int:
        """See the head of the class."""
        return max(self._certificates, default=-1)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for one of the transactions."""
        return len(self.transactions) > len(self._patient)

    def load(self, event: Event, *, counts: bool) -> list[InvalidItem]:
        """An event has come in, whose payload may be void; evidence of what in it is invalid by itself (Q1)."""
        wrong: list[InvalidItem] = []
        for index, item in enumerate(event.payload):
            try:
                self._load(item, event.header.creator, counts=counts)
            except Rejected:
                wrong.append(InvalidItem(self._shard, event.header.epoch, event, index))
        return wrong

    def _load(self, item: bytes, carrier: NodeId, *, counts: bool) -> None:
        tag = tag_at(item)
        if is_transaction(item):
            verified = self._verify(item)
            if counts:
                self.transactions.setdefault(verified.id, {})[carrier] = None
                if not verified.is_awaited:
                    self._patient[verified.id] = None
        elif tag == _CERTIFICATE:
            certificate = decode(Certificate, item)
            height = certificate.ballot.height
            if counts and height > self.certified and self._is_good(certificate):
                self._certificates.setdefault(height, {})[carrier] = None
        else:
            if item not in self._others and is_invalid_by_itself(item, self._verify):
                raise Rejected(Code.MALFORMED, "an item that no event may hold")
            if counts:
                self._others.setdefault(item, {})[carrier] = None

    def distrust(self, carrier: NodeId) -> None:
        """What this leader alone carries is not on its way any more."""
        _remove(self.transactions, carrier)
        self._patient = {each: None for each in self._patient if each in self.transactions}
        _remove(self._others, carrier)
        _remove(self._certificates, carrier)

    def unload(self, items: tuple[bytes, ...]) -> None:
        """A block has brought these."""
        for item in items:
            if is_transaction(item):
                try:
                    identifier = self._verify(item).id
                except Rejected:
                    continue
                self.transactions.pop(identifier, None)
                self._patient.pop(identifier, None)
            else:
                self._others.pop(item, None)


def _remove(cargo: dict[K, dict[NodeId, None]], carrier: NodeId) -> None:
    for key in [each for each, carriers in cargo.items() if carrier in carriers]:
        del cargo[key][carrier]
        if not cargo[key]:
            del cargo[key]
