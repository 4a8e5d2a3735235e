"""The mempool: MP-1 to MP-5."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.ledger.mempool import ACCOUNT_MAX, Mempool
from bac.params import DEFAULT
from bac.wire.codec import encode
from bac.wire.transactions import VerifiedTransaction
from tests.ledger.world import FEE, World, pay


def pool_of(*transactions: VerifiedTransaction, world: World | None = None, capacity: int = 100) -> Mempool:
    pool = Mempool(DEFAULT, capacity)
    for each in transactions:
        pool.add(each, (world or World()).state)
    return pool


def chosen(pool: Mempool, *candidates: VerifiedTransaction, world: World | None = None, **limits: Any) -> list[int]:
    """Which of the candidates the pool hands out, in its order."""
    limits = {"items_max": 100, "bytes_max": 1 << 20} | limits
    items = pool.select((world or World()).state, **limits)
    encodings = [encode(each.signed) for each in candidates]
    return [encodings.index(item) for item in items]


def refused(pool: Mempool, transaction: VerifiedTransaction, world: World | None = None) -> Code:
    before = len(pool)
    with pytest.raises(Rejected) as refusal:
        pool.add(transaction, (world or World()).state)
    assert len(pool) == before
    return refusal.value.code


def test_a_known_transaction_changes_nothing() -> None:
    """MP-1."""
    one = pay(1, 0, 2, 5)
    pool = pool_of(one)
    assert not pool.add(one, World().state)
    assert len(pool) == 1
    assert one.id in pool


def test_one_account_in_nonce_order_without_gaps() -> None:
    """MP-2: whatever the order of arrival and the fees."""
    three, one, two, gap = pay(1, 2, 2, 5, fee=9 * FEE), pay(1, 0, 2, 5), pay(1, 1, 2, 5), pay(1, 4, 2, 5)
    assert chosen(pool_of(three, gap, two, one), one, two, three) == [0, 1, 2]


def test_what_an_account_cannot_pay_for_waits_and_so_does_what_follows() -> None:
    """MP-2: on the state that is built upon; an account without coins fills no blocks."""
    account = World().state.account(pay(1, 0, 2, 5).transaction.sender)
    assert account is not None
    first, second, third = pay(1, 0, 2, 5, fee=account.balance), pay(1, 1, 2, 5), pay(2, 0, 4, 5)
    assert chosen(pool_of(first, second, third), first, second, third) == [0, 2]
    dear = pay(1, 0, 2, 5, fee=account.balance + 1)
    pool = pool_of(dear, second)
    assert chosen(pool, dear, second) == []
    assert not pool.is_ready(World().state)


def test_the_higher_fee_goes_first_then_the_earlier() -> None:
    """MP-3."""
    low, high, late = pay(1, 0, 4, 5), pay(2, 0, 4, 5, fee=2 * FEE), pay(3, 0, 4, 5)
    assert chosen(pool_of(low, high, late), low, high, late) == [1, 0, 2]


def test_what_is_handed_out_is_bounded() -> None:
    """BB-3, MP-3: by number and by bytes."""
    ones = [pay(number, 0, 4, 5) for number in (1, 2, 3)]
    pool = pool_of(*ones)
    assert len(chosen(pool, *ones, items_max=2)) == 2
    assert len(chosen(pool, *ones, bytes_max=ones[0].size + 10)) == 1


def test_a_full_pool_keeps_who_pays_more() -> None:
    """MP-4."""
    ones = [pay(1, 0, 4, 5), pay(1, 1, 4, 5), pay(2, 0, 4, 5, fee=2 * FEE)]
    pool = pool_of(*ones, capacity=3)
    assert refused(pool, pay(3, 0, 4, 5)) is Code.FEE_TOO_LOW
    assert pool.add(pay(3, 0, 4, 5, fee=3 * FEE), World().state)
    assert len(pool) == 3
    assert ones[1].id not in pool
    assert ones[0].id in pool


def test_an_account_is_bounded() -> None:
    """MP-4."""
    assert refused(pool_of(), pay(1, ACCOUNT_MAX, 2, 5)) is Code.NONCE_AHEAD


def test_what_is_decided_or_expired_leaves() -> None:
    """MP-5."""
    world = World()
    done, expiring = pay(1, 0, 2, 5), pay(2, 0, 3, 5, expiry=world.time_us + 1)
    pool = pool_of(done, expiring, world=world)
    world.block(done)
    pool.settle(world.state)
    assert len(pool) == 0
    assert refused(pool, done, world) is Code.NONCE_USED
    assert refused(pool, expiring, world) is Code.EXPIRED


def test_a_nonce_is_replaced_for_a_higher_fee_only() -> None:
    """MP-5."""
    first, same, better = pay(1, 0, 2, 5), pay(1, 0, 2, 6), pay(1, 0, 2, 7, fee=2 * FEE)
    pool = pool_of(first)
    assert refused(pool, same) is Code.NONCE_USED
    assert pool.add(better, World().state)
    assert chosen(pool, first, better) == [1]
    assert len(pool) == 1


def test_a_fee_below_the_minimum_is_refused() -> None:
    """MP-4."""
    assert refused(pool_of(), pay(1, 0, 2, 5, fee=1)) is Code.FEE_TOO_LOW


def test_settling_by_senders_is_settling_at_all() -> None:
    """MP-5: the senders of a block suffice; what expires leaves whoever sent it."""
    world = World()
    done, late, waiting = pay(1, 0, 2, 5), pay(1, 1, 2, 6), pay(3, 0, 2, 5)
    expiring = pay(2, 0, 3, 5, expiry=world.time_us + 1)
    pool = pool_of(done, late, waiting, expiring, world=world)
    world.block(done)
    pool.settle(world.state, [done.transaction.sender])
    assert [each.id in pool for each in (done, late, waiting, expiring)] == [False, True, True, False]
    world.block(late, waiting)
    pool.settle(world.state, [])
    assert len(pool) == 2, "nobody was named"
    pool.settle(world.state)
    assert len(pool) == 0


@given(st.lists(st.tuples(st.sampled_from((1, 2, 3)), st.integers(0, 3), st.integers(1, 3)), max_size=40))
@settings(max_examples=60)
def test_a_full_pool_drops_the_same_as_a_search_through_all(offered: list[tuple[int, int, int]]) -> None:
    """MP-4: the last one of the account whose last one pays least, of equal ones the newest."""
    pool, state = Mempool(DEFAULT, 4), World().state
    held: list[VerifiedTransaction] = []
    for account, nonce, fee in offered:
        each = pay(account, nonce, 4, 5, fee=fee * FEE)
        rivals = [other for other in held if _place(other) == _place(each)]
        lasts = [other for other in held if not any(_place(other) < _place(one) for one in held if _same(one, other))]
        least = min(lasts, key=lambda one: (one.transaction.fee, -held.index(one)), default=None)
        try:
            is_news = pool.add(each, state)
        except Rejected:
            rival = rivals[0] if rivals else least
            assert rival is not None
            assert rival.transaction.fee >= each.transaction.fee
            continue
        if is_news:
            gone = rivals or ([least] if len(held) == 4 and least is not None else [])
            held = [other for other in held if other not in gone] + [each]
        assert sorted(other.id for other in held) == sorted(other.id for other in held if other.id in pool)
        assert len(pool) == len(held)


def _place(one: VerifiedTransaction) -> tuple[bytes, int]:
    return one.transaction.sender, one.transaction.nonce


def _same(one: VerifiedTransaction, other: VerifiedTransaction) -> bool:
    return one.transaction.sender == other.transaction.sender
