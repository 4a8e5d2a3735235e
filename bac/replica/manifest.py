"""What the known events of an epoch carry and no block has brought yet: it need not be loaded again.

Source: docs/spec/replica.md RP-79.
"""

from __future__ import annotations

from typing import Final

from bac.errors import Rejected
from bac.finality.validity import tag_at
from bac.ledger.verifications import Verifications
from bac.types import Hash
from bac.wire.codec import decode
from bac.wire.event import Event
from bac.wire.evidence import InvalidItem
from bac.wire.registry import decode_item, tag_of
from bac.wire.transactions import SignedTransaction
from bac.wire.votes import Certificate

_TRANSACTION: Final = tag_of(SignedTransaction)
_CERTIFICATE: Final = tag_of(Certificate)


class Manifest:
    """Cargo on its way.

    Attributes:
        transactions: ids of transactions.
        certified: the greatest height of which a certificate is on its way, or was.
    """

    def __init__(self, shard: int, verify: Verifications) -> None:
        self._shard = shard
        self._verify = verify
        self._others: set[bytes] = set()
        self.transactions: set[Hash] = set()
        self.certified = -1

    def __contains__(self, item: object) -> bool:
        return item in self._others

    def load(self, event: Event) -> list[InvalidItem]:
        """An event has come in; evidence of what in it is invalid by itself (Q1)."""
        wrong: list[InvalidItem] = []
        for index, item in enumerate(event.payload):
            try:
                self._load(item)
            except Rejected:
                wrong.append(InvalidItem(self._shard, event.header.epoch, event, index))
        return wrong

    def _load(self, item: bytes) -> None:
        tag = tag_at(item)
        if tag == _TRANSACTION:
            self.transactions.add(self._verify(item).id)
            return
        if tag == _CERTIFICATE:
            self.certified = max(self.certified, decode(Certificate, item).ballot.height)
            return
        if item not in self._others:
            decode_item(item)
            self._others.add(item)

    def unload(self, items: tuple[bytes, ...]) -> None:
        """A block has brought these."""
        for item in items:
            if tag_at(item) == _TRANSACTION:
                try:
                    self.transactions.discard(self._verify(item).id)
                except Rejected:
                    continue
            else:
                self._others.discard(item)
