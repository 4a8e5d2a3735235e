"""Transactions that wait: by account in nonce order, by fee between accounts, in bounded number.

Nothing leaves the pool because it stands in a block: only what is confirmed, or can never be executed any more, does.
So what was ordered and not certified is still here (R7).

Source: docs/spec/finality.md MP-1 to MP-5.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final

from bac.errors import Code, Rejected
from bac.ledger.fees import compute_minimum_fee
from bac.ledger.state import State
from bac.params import Params
from bac.types import Hash, NodeId
from bac.wire.codec import encode
from bac.wire.transactions import VerifiedTransaction

POOL_MAX: Final = 10_000
"""Most transactions in the pool."""
ACCOUNT_MAX: Final = 64
"""Most transactions of one account, and how far its nonces may be ahead."""


class Mempool:
    """Transactions of one shard that are not confirmed yet."""

    def __init__(self, params: Params, capacity: int = POOL_MAX) -> None:
        self._params = params
        self._capacity = capacity
        self._accounts: dict[NodeId, dict[int, VerifiedTransaction]] = {}
        self._known: dict[Hash, VerifiedTransaction] = {}
        self._arrivals = count()
        self._arrived: dict[Hash, int] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, transaction_id: Hash) -> bool:
        return transaction_id in self._known

    def add(self, verified: VerifiedTransaction, state: State) -> bool:
        """Takes a transaction, judged by the confirmed `state`; whether it is news.

        Another one with the same nonce replaces it only for a higher fee. A full pool drops the last transaction of the
        account that pays least.

        Raises:
            Rejected: `FEE_TOO_LOW` (also for a full pool), `EXPIRED`, `NONCE_USED`, `NONCE_AHEAD` (too far).
        """
        if verified.id in self._known:
            return False
        transaction = verified.transaction
        self._check(verified, state)
        rival = self._accounts.get(transaction.sender, {}).get(transaction.nonce)
        if rival is not None and rival.transaction.fee >= transaction.fee:
            raise Rejected(Code.NONCE_USED, "another transaction of the sender with this nonce waits, for no lower fee")
        if rival is not None:
            self._drop(rival)
        elif len(self._known) >= self._capacity:
            self._evict_below(transaction.fee)
        self._accounts.setdefault(transaction.sender, {})[transaction.nonce] = verified
        self._known[verified.id] = verified
        self._arrived[verified.id] = next(self._arrivals)
        return True

    def _check(self, verified: VerifiedTransaction, state: State) -> None:
        transaction = verified.transaction
        if transaction.fee < compute_minimum_fee(self._params, transaction.operation, verified.size):
            raise Rejected(Code.FEE_TOO_LOW, "the fee is below the minimum")
        if transaction.expiry < state.tip().time_us:
            raise Rejected(Code.EXPIRED, "the transaction has expired")
        account = state.account(transaction.sender)
        nonce = 0 if account is None else account.nonce
        if transaction.nonce < nonce:
            raise Rejected(Code.NONCE_USED, "the nonce is used")
        if transaction.nonce >= nonce + ACCOUNT_MAX:
            raise Rejected(Code.NONCE_AHEAD, f"the nonce is {ACCOUNT_MAX} or more ahead of the account's")

    def _evict_below(self, fee: int) -> None:
        """Makes room: drops the last transaction of the account whose last one pays least; of equal ones the newest."""
        lasts = (own[max(own)] for own in self._accounts.values())
        least = min(lasts, key=lambda each: (each.transaction.fee, -self._arrived[each.id]))
        if least.transaction.fee >= fee:
            raise Rejected(Code.FEE_TOO_LOW, "the pool is full of transactions that pay no less")
        self._drop(least)

    def _drop(self, verified: VerifiedTransaction) -> None:
        own = self._accounts[verified.transaction.sender]
        del own[verified.transaction.nonce], self._known[verified.id], self._arrived[verified.id]
        if not own:
            del self._accounts[verified.transaction.sender]

    def settle(self, state: State) -> None:
        """Forgets what the confirmed `state` has decided, and what has expired by its time."""
        time_us = state.tip().time_us
        for sender, own in list(self._accounts.items()):
            account = state.account(sender)
            nonce = 0 if account is None else account.nonce
            for each in [each for each in own.values() if each.transaction.nonce < nonce]:
                self._drop(each)
            for each in [each for each in own.values() if each.transaction.expiry < time_us]:
                self._drop(each)

    def is_ready(self, state: State) -> bool:
        """Whether anything could be executed on `state`."""
        return bool(self.select(state, 1, 1 << 20))

    def select(self, state: State, items_max: int, bytes_max: int) -> tuple[bytes, ...]:
        """Encoded transactions to execute next on `state`: the highest fee first, each account in nonce order."""
        time_us = state.tip().time_us
        heads: list[tuple[int, int, Hash]] = []
        for sender, own in self._accounts.items():
            account = state.account(sender)
            head = own.get(0 if account is None else account.nonce)
            if head is not None:
                heads.append(self._place(head))
        heapify(heads)
        chosen: list[bytes] = []
        size = 0
        while heads and len(chosen) < items_max:
            each = self._known[heappop(heads)[2]]
            if each.transaction.expiry < time_us:
                continue
            size += each.size + 5
            if size > bytes_max:
                break
            chosen.append(encode(each.signed))
            following = self._accounts[each.transaction.sender].get(each.transaction.nonce + 1)
            if following is not None:
                heappush(heads, self._place(following))
        return tuple(chosen)

    def _place(self, verified: VerifiedTransaction) -> tuple[int, int, Hash]:
        return -verified.transaction.fee, self._arrived[verified.id], verified.id
