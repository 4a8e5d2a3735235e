"""Transactions on their way to the leaders: MP-6 to MP-8."""

from __future__ import annotations

from bac.ledger.forwarding import BATCH_ITEMS, REPEATED_MAX, Forwarding, Told
from bac.ledger.mempool import Mempool
from bac.params import DEFAULT
from bac.types import Micros, NodeId
from bac.wire.codec import encode
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import VerifiedTransaction
from tests.finality.table import Table, seconds
from tests.ledger.world import World, pay

A, B, C = (NodeId(bytes([number]) * 32) for number in range(3))


def said(told: Told) -> tuple[tuple[NodeId, ...], list[bytes]]:
    to, batch = told
    return to, list(batch.transactions)


def encoded(*transactions: VerifiedTransaction) -> list[bytes]:
    return [encode(each.signed) for each in transactions]


def confirmed_from(table: Table, node: int, payment: VerifiedTransaction) -> bool:
    return any(payment.id in table.trial.oracle.block(commit.block).transactions for commit in table.commits[node])


def test_who_hears_of_a_transaction_first_cannot_keep_it_from_the_others() -> None:
    """MP-6: node 3 has it from a peer already when its client hands it in; the silent peer tells nobody else."""
    table = Table()
    table.hold = lambda sender, receiver, message: isinstance(message, TransactionBatch) and sender != 3
    payment = table.pay(1)
    table.deliver()
    table.give(3, 1, TransactionBatch((encode(payment.signed),)))
    assert payment.id in table.nodes[3].mempool
    table.sent.clear()
    table.perform(3, table.nodes[3].on_transaction(payment, table.now))
    table.pass_time(seconds(0.01))
    assert encode(payment.signed) in [
        item for each in table.messages(3, TransactionBatch) for item in each.transactions
    ]
    table.pass_time(seconds(1))
    assert confirmed_from(table, 2, payment)


def test_what_comes_in_together_goes_out_together_and_once() -> None:
    """MP-6: one message, however many handlers were called; and none for what is known."""
    table = Table()
    payments = [table.pay(3, ordinal) for ordinal in range(5)]
    table.perform(3, table.nodes[3].on_transaction(payments[0], table.now))
    table.pass_time(seconds(0.01))
    (batch,) = {id(each): each for each in table.messages(3, TransactionBatch)}.values()
    assert list(batch.transactions) == encoded(*payments)


def test_new_leaders_are_told_what_waits_and_old_ones_only_what_is_new() -> None:
    """MP-7."""
    forwarding = Forwarding()
    one, two, three = (pay(1, nonce, 2, 5) for nonce in range(3))
    forwarding.take(one, Micros(0))
    forwarding.take(one, Micros(1))
    assert [said(each) for each in forwarding.tell((A, B))] == [((A, B), encoded(one))]
    assert list(forwarding.tell((A, B))) == []
    forwarding.take(two, Micros(2))
    assert [said(each) for each in forwarding.tell((B, C))] == [((B,), encoded(two)), ((C,), encoded(one, two))]
    forwarding.take(three, Micros(3))
    assert [said(each) for each in forwarding.tell((C, B))] == [((C, B), encoded(three))]


def test_what_waits_is_said_again_until_it_leaves_the_pool() -> None:
    """MP-8: not before its time, and within a bound."""
    pool, state = Mempool(DEFAULT), World().state
    forwarding = Forwarding()
    one, two = pay(1, 0, 2, 5), pay(2, 0, 1, 5)
    for moment, each in enumerate((one, two)):
        pool.add(each, state)
        forwarding.take(each, Micros(10 * moment))
    assert [said(each) for each in forwarding.repeat((A,), Micros(5), Micros(100))] == [((A,), encoded(one))]
    assert [said(each) for each in forwarding.repeat((A,), Micros(50), Micros(150))] == [((A,), encoded(two))]
    forwarding.settle(pool)
    assert len(forwarding) == 2
    forwarding.settle(Mempool(DEFAULT))
    assert len(forwarding) == 0
    assert list(forwarding.repeat((A,), Micros(500), Micros(500))) == []


def test_while_some_go_through_only_what_they_overtook_is_said_again() -> None:
    """MP-8: repeating what merely waits its turn would slow down those who are behind."""
    pool, state = Mempool(DEFAULT), World().state
    forwarding = Forwarding()
    lost, through, behind = pay(1, 0, 2, 5), pay(2, 0, 1, 5), pay(3, 0, 1, 5)
    for each in (lost, through, behind):
        forwarding.take(each, Micros(0))
    for each in (lost, behind):
        pool.add(each, state)
    forwarding.settle(pool)
    assert [said(each) for each in forwarding.repeat((A,), Micros(9), Micros(10))] == [((A,), encoded(lost))]
    standing = [said(each) for each in forwarding.repeat((A,), Micros(19), Micros(20))]
    assert standing == [((A,), encoded(lost, behind))], "nothing has gone through since"


def test_batches_are_bounded() -> None:
    """MP-6, MP-8: in items and bytes; what is beyond goes into the next, or out with the next repetition."""
    forwarding = Forwarding()
    many = [pay(1, nonce, 2, 5) for nonce in range(REPEATED_MAX + BATCH_ITEMS)]
    for each in many:
        forwarding.take(each, Micros(0))
    batches = [batch for _, batch in forwarding.tell((A,))]
    assert [item for batch in batches for item in batch.transactions] == encoded(*many)
    assert all(len(batch.transactions) <= BATCH_ITEMS for batch in batches)
    again = [item for _, batch in forwarding.repeat((A,), Micros(0), Micros(9)) for item in batch.transactions]
    assert again == encoded(*many[:REPEATED_MAX])
