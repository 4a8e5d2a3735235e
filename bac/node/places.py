"""Which of its clients' transactions a node takes: so many that are not decided yet, and those of an account in order.

Theory of operation. A node that has no place for a transaction says "busy", and the client submits it again. If it took
later ones of the same account meanwhile, these could not be executed and would hold the places for which the first one
waits. So an account to which "busy" was said is served from the nonce on that was refused, and in order, until it has
handed in all that was refused; for `AWAITED` seconds, since it may never come back.

Source: docs/spec/node.md NO-20.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

FORGOTTEN: Final = 30.0
"""Seconds after which a transaction that is not decided makes room: a slow chain needs that for all of a full node."""
AWAITED: Final = 5.0
"""Seconds for which an account that was refused is expected back."""
REFUSED_MAX: Final = 4_096
"""Accounts remembered as refused."""
ACCEPTED_MAX: Final = 8_192
"""Accepted transactions remembered, so that it can be told when one will never be decided."""


@dataclass(slots=True)
class _Refused:
    """An account's refused transactions: from nonce `first` to nonce `last`."""

    first: int
    last: int
    since: float


class Places:
    """The places of one node."""

    def __init__(self, most: int) -> None:
        """`most` transactions have a place at a time."""
        self._most = most
        self._taken: OrderedDict[bytes, float] = OrderedDict()
        self._refused: OrderedDict[bytes, _Refused] = OrderedDict()
        self._accepted: OrderedDict[bytes, Any] = OrderedDict()

    def take(self, transaction_id: bytes, account: bytes, nonce: int, now: float) -> bool:
        """Takes a place for a transaction; False: the client should submit it again later."""
        if transaction_id in self._taken:
            return True
        refused = self._refused.get(account)
        if refused is not None and now - refused.since > AWAITED:
            del self._refused[account]
            refused = None
        if refused is not None and nonce > refused.first:
            refused.last = max(refused.last, nonce)
            return False
        if not self._has_room(now):
            self._refuse(account, nonce, now, refused)
            return False
        if refused is not None and nonce == refused.first:
            refused.first, refused.since = nonce + 1, now
            if refused.first > refused.last:
                del self._refused[account]
        self._taken[transaction_id] = now
        return True

    def free(self, transaction_id: bytes) -> None:
        """A transaction is decided, or the protocol has refused it."""
        self._taken.pop(transaction_id, None)
        self._accepted.pop(transaction_id, None)

    def accept(self, transaction_id: bytes, transaction: Any) -> None:
        """The protocol has taken a transaction."""
        self._accepted[transaction_id] = transaction
        if len(self._accepted) > ACCEPTED_MAX:
            self._accepted.popitem(last=False)

    def find(self, transaction_id: bytes) -> Any | None:
        """A transaction that was accepted and that no commit has decided; None where that is not known."""
        return self._accepted.get(transaction_id)

    def lose_track(self) -> None:
        """Blocks were skipped: what they decided is not known here."""
        self._accepted.clear()

    def _has_room(self, now: float) -> bool:
        if len(self._taken) < self._most:
            return True
        if now - next(iter(self._taken.values())) <= FORGOTTEN:
            return False
        self._taken.popitem(last=False)
        return True

    def _refuse(self, account: bytes, nonce: int, now: float, refused: _Refused | None) -> None:
        if refused is not None:
            refused.first = min(refused.first, nonce)
            return
        self._refused[account] = _Refused(nonce, nonce, now)
        if len(self._refused) > REFUSED_MAX:
            self._refused.popitem(last=False)
