"""Transactions that wait: by account in nonce order, by fee between accounts, in bounded number.

Nothing leaves the pool because it stands in a block: only what is confirmed, or can never be executed any more, does.
So what was ordered and not certified is still here (R7).

A pool of thousands is asked after every block. So accounts are remembered for the last states that were asked about, a
block's own senders suffice to settle it, and what expires or pays least is found by heaps; an entry in a heap that does
not hold any more is skipped when it comes up, and all such are swept out before they outnumber the others.

Source: docs/spec/finality.md MP-1 to MP-5.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, TypeAlias

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
STATES: Final = 4
"""States whose accounts are remembered: the confirmed one, the tip, and their successors."""

_Known: TypeAlias = dict[NodeId, tuple[int, int]]
"""Next nonce and balance by account."""


class _Heap:
    """The transaction with the least rank among those for which `holds`."""

    def __init__(self, holds: Callable[[Hash], bool]) -> None:
        self._entries: list[tuple[int, int, Hash]] = []
        self._holds = holds

    def push(self, rank: int, tie: int, transaction_id: Hash, most: int) -> None:
        """Adds an entry; sweeps when there are more than twice as many as could hold (`most`)."""
        heappush(self._entries, (rank, tie, transaction_id))
        if len(self._entries) > 2 * most + 64:
            self._entries = [entry for entry in set(self._entries) if self._holds(entry[2])]
            heapify(self._entries)

    def least(self) -> tuple[int, Hash] | None:
        """(rank, id); None if there is none."""
        while self._entries and not self._holds(self._entries[0][2]):
            heappop(self._entries)
        return (self._entries[0][0], self._entries[0][2]) if self._entries else None


class Mempool:
    """Transactions of one shard that are not confirmed yet."""

    def __init__(self, params: Params, capacity: int = POOL_MAX) -> None:
        self._params = params
        self._capacity = capacity
        self._accounts: dict[NodeId, dict[int, VerifiedTransaction]] = {}
        self._known: dict[Hash, VerifiedTransaction] = {}
        self._arrivals = count()
        self._arrived: dict[Hash, int] = {}
        self._lasts = _Heap(self._is_last)
        self._expiries = _Heap(self._known.__contains__)
        self._read: OrderedDict[Hash, _Known] = OrderedDict()

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
        own = self._accounts.setdefault(transaction.sender, {})
        own[transaction.nonce] = verified
        self._known[verified.id] = verified
        arrived = self._arrived[verified.id] = next(self._arrivals)
        self._expiries.push(transaction.expiry, arrived, verified.id, len(self._known))
        self._note_last(own)
        return True

    def _note_last(self, own: dict[int, VerifiedTransaction]) -> None:
        last = own[max(own)]
        self._lasts.push(last.transaction.fee, -self._arrived[last.id], last.id, len(self._known))

    def _is_last(self, transaction_id: Hash) -> bool:
        known = self._known.get(transaction_id)
        return known is not None and max(self._accounts[known.transaction.sender]) == known.transaction.nonce

    def _accounts_of(self, state: State) -> _Known:
        """Accounts in `state`, as far as they were asked for."""
        known = self._read.get(state.root)
        if known is None:
            known = self._read[state.root] = {}
            if len(self._read) > STATES:
                self._read.popitem(last=False)
        return known

    def _check(self, verified: VerifiedTransaction, state: State) -> None:
        transaction = verified.transaction
        if transaction.fee < compute_minimum_fee(self._params, transaction.operation, verified.size):
            raise Rejected(Code.FEE_TOO_LOW, "the fee is below the minimum")
        if transaction.expiry < state.tip().time_us:
            raise Rejected(Code.EXPIRED, "the transaction has expired")
        nonce = _account(state, transaction.sender, self._accounts_of(state))[0]
        if transaction.nonce < nonce:
            raise Rejected(Code.NONCE_USED, "the nonce is used")
        if transaction.nonce >= nonce + ACCOUNT_MAX:
            raise Rejected(Code.NONCE_AHEAD, f"the nonce is {ACCOUNT_MAX} or more ahead of the account's")

    def _evict_below(self, fee: int) -> None:
        """Makes room: drops the last transaction of the account whose last one pays least; of equal ones the newest."""
        least = self._lasts.least()
        if least is None or least[0] >= fee:
            raise Rejected(Code.FEE_TOO_LOW, "the pool is full of transactions that pay no less")
        self._drop(self._known[least[1]])

    def _drop(self, verified: VerifiedTransaction) -> None:
        own = self._accounts[verified.transaction.sender]
        del own[verified.transaction.nonce], self._known[verified.id], self._arrived[verified.id]
        if not own:
            del self._accounts[verified.transaction.sender]
        elif max(own) < verified.transaction.nonce:
            self._note_last(own)

    def settle(self, state: State, senders: Iterable[NodeId] | None = None) -> None:
        """Forgets what the confirmed `state` has decided, and what has expired by its time.

        Only accounts of `senders` are looked at: those of the blocks since the last call. None: at all.
        """
        known = self._accounts_of(state)
        for sender in list(self._accounts) if senders is None else dict.fromkeys(senders):
            own = self._accounts.get(sender, {})
            nonce = _account(state, sender, known)[0] if own else 0
            for used in sorted(each for each in own if each < nonce):
                self._drop(own[used])
        time_us = state.tip().time_us
        while (first := self._expiries.least()) is not None and first[0] < time_us:
            self._drop(self._known[first[1]])

    def next_nonce(self, sender: NodeId, state: State) -> int:
        """The first nonce of an account that no transaction in `state` or here has used."""
        nonce, _ = _account(state, sender, self._accounts_of(state))
        own = self._accounts.get(sender, {})
        while nonce in own:
            nonce += 1
        return nonce

    def is_ready(self, state: State) -> bool:
        """Whether anything could be executed on `state` for which somebody waits, or for what follows on it."""
        if not self._accounts:
            return False
        time_us = state.tip().time_us
        return any(head.transaction.expiry >= time_us and self._is_awaited(head) for head, _ in self._heads(state))

    def _is_awaited(self, head: VerifiedTransaction) -> bool:
        own = self._accounts[head.transaction.sender]
        return head.is_awaited or (len(own) > 1 and any(each.is_awaited for each in own.values()))

    def _heads(self, state: State) -> Iterator[tuple[VerifiedTransaction, int]]:
        """The next transaction of each account that can pay for it on `state`, and what the account holds."""
        known = self._accounts_of(state)
        for sender, own in self._accounts.items():
            nonce, balance = _account(state, sender, known)
            head = own.get(nonce)
            if head is not None and head.transaction.fee <= balance:
                yield head, balance

    def select(self, state: State, items_max: int, bytes_max: int, taken: Container[Hash] = ()) -> tuple[bytes, ...]:
        """Encoded transactions to execute next on `state`: the highest fee first, each account in nonce order.

        Whose fee its account cannot pay on `state` waits, with all that follow it: it would be ordered for nothing.
        Those whose id is among `taken` are on their way already: not chosen again, and no gap for those that follow.
        """
        time_us = state.tip().time_us
        left: dict[NodeId, int] = {}
        heads: list[tuple[int, int, Hash]] = []
        for head, balance in self._heads(state):
            left[head.transaction.sender] = balance
            heads.append(self._place(head))
        heapify(heads)
        chosen: list[bytes] = []
        size = 0
        while heads and len(chosen) < items_max:
            each = self._known[heappop(heads)[2]]
            transaction = each.transaction
            if transaction.expiry < time_us:
                continue
            if each.id not in taken:
                size += each.size + 5
                if size > bytes_max:
                    break
                chosen.append(encode(each.signed))
            left[transaction.sender] -= transaction.fee
            following = self._accounts[transaction.sender].get(transaction.nonce + 1)
            if following is not None and following.transaction.fee <= left[transaction.sender]:
                heappush(heads, self._place(following))
        return tuple(chosen)

    def _place(self, verified: VerifiedTransaction) -> tuple[int, int, Hash]:
        return -verified.transaction.fee, self._arrived[verified.id], verified.id


def _account(state: State, sender: NodeId, known: _Known) -> tuple[int, int]:
    """Next nonce and balance of an account; `known` is what `state` was asked before, and grows."""
    found = known.get(sender)
    if found is None:
        account = state.account(sender)
        found = known[sender] = (0, 0) if account is None else (account.nonce, account.balance)
    return found
