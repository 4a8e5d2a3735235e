"""Each transaction is judged once, however often it arrives: with a client, in a batch, in an event, in a body.

What was judged is remembered in this epoch and the next, as what waits longer is rare, and in bounded number.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from bac.errors import Rejected
from bac.intake import Intake
from bac.types import NodeId
from bac.wire.block import Body
from bac.wire.codec import encode
from bac.wire.registry import is_transaction
from bac.wire.transactions import VerifiedTransaction, decode_transaction

REMEMBERED: Final = 8192
"""Transactions whose signatures were judged, and that are not judged again."""


def is_awaited(body: Body | None) -> bool:
    """Whether a block's body, where it is here, has a transaction in it for which somebody waits."""
    return body is not None and any(map(_is_awaited, body.items))


def _is_awaited(item: bytes) -> bool:
    try:
        return is_transaction(item) and decode_transaction(item).is_awaited
    except Rejected:
        return False


class Verifications:
    """Judges encoded transactions, and remembers the good ones."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._known: OrderedDict[bytes, VerifiedTransaction] = OrderedDict()
        self._old = 0

    def __len__(self) -> int:
        return len(self._known)

    def turn(self) -> None:
        """A new epoch: what was judged before the last one is forgotten."""
        for _ in range(self._old):
            self._known.popitem(last=False)
        self._old = len(self._known)

    def __call__(self, data: bytes) -> VerifiedTransaction:
        """The transaction that `data` encodes. Raises Rejected."""
        known = self._known.get(data)
        if known is None:
            known = self._intake.transaction(data)
            self._remember(data, known)
        return known

    def learn(self, transaction: VerifiedTransaction) -> None:
        """Remembers one that was judged elsewhere."""
        self._remember(encode(transaction.signed), transaction)

    def senders(self, items: Iterable[bytes]) -> Iterator[NodeId]:
        """Whose transactions stand among the items of a body."""
        for item in items:
            known = self._known.get(item)
            if known is not None:
                yield known.transaction.sender
            else:
                with suppress(Rejected):  # a certificate, evidence
                    yield decode_transaction(item).transaction.sender

    def _remember(self, data: bytes, transaction: VerifiedTransaction) -> None:
        self._known[data] = transaction
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
            self._old = max(0, self._old - 1)
