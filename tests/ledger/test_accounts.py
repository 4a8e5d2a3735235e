"""Transfers, nonces, fees, answers: what an account holder meets."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from bac.errors import Code
from bac.ledger.block import BlockContext, Roles
from bac.ledger.execution import in_nonce_order
from bac.ledger.fees import compute_minimum_fee, split_fees
from bac.ledger.receipts import Outcome
from bac.ledger.records import Answer
from bac.ledger.state import initial_state
from bac.params import DEFAULT
from bac.types import Hash, Height, Micros, Units
from bac.wire.transactions import Call, Leave, Transfer
from tests.ledger.world import APPLIED, COIN, FEE, FOREVER, START, World, deferred, hash_number, pay, rejected, who


def test_a_transfer_moves_coins_and_costs_its_fee() -> None:
    """LE-15, LE-19."""
    world = World()
    (receipt,) = world.block(pay(1, 0, 2, 5 * COIN))
    assert (receipt.outcome, receipt.code, receipt.fee) == (Outcome.APPLIED, None, FEE)
    assert (world.balance(1), world.balance(2)) == (995 * COIN - FEE, 1005 * COIN)
    assert world.state.totals().burnt == FEE, "nobody was there to be paid"


def test_a_transfer_to_oneself_costs_the_fee_only() -> None:
    """LE-15."""
    world = World()
    assert world.one(pay(1, 0, 1, 5 * COIN)) == APPLIED
    assert world.balance(1) == 1000 * COIN - FEE


@pytest.mark.parametrize(
    ("recipient", "amount", "code"),
    [
        (2, 0, Code.ZERO_AMOUNT),
        (2, 1000 * COIN - FEE + 1, Code.INSUFFICIENT_BALANCE),
        (2, 2**63 - 1, Code.INSUFFICIENT_BALANCE),
        (77, DEFAULT.account_minimum - 1, Code.ACCOUNT_MINIMUM),
    ],
)
def test_a_refused_transfer_moves_nothing_but_uses_nonce_and_fee(recipient: int, amount: int, code: Code) -> None:
    """LE-13, LE-15."""
    world = World()
    assert world.one(pay(1, 0, recipient, amount)) == rejected(code)
    assert world.balance(1) == 1000 * COIN - FEE
    assert world.balance(recipient) == (1000 * COIN if recipient == 2 else 0)
    assert world.state.account(who(77)) is None
    account = world.state.account(who(1))
    assert account is not None
    assert account.nonce == 1


def test_the_last_coin_can_be_moved() -> None:
    """LE-15."""
    world = World()
    assert world.one(pay(1, 0, 77, 1000 * COIN - FEE)) == APPLIED
    assert (world.balance(1), world.balance(77)) == (0, 1000 * COIN - FEE)
    assert world.one(pay(77, 0, 1, COIN)) == APPLIED


def test_transactions_of_one_account_apply_in_nonce_order() -> None:
    """LE-12: in the places that the account has in the body."""
    world = World()
    late, early, other = pay(1, 1, 2, COIN), pay(1, 0, 2, COIN), pay(3, 0, 2, COIN)
    receipts = world.block(late, other, early)
    assert [receipt.transaction for receipt in receipts] == [early.id, other.id, late.id]
    assert all(receipt.outcome is Outcome.APPLIED for receipt in receipts)


def test_nobody_moves_anothers_transaction_with_a_key_of_its_own() -> None:
    """LE-12."""
    world = World()
    genuine, other = pay(1, 0, 2, COIN), pay(3, 0, 2, COIN)
    world.block(genuine)
    genuine = pay(1, 1, 2, COIN)
    forged = pay(1, 0, 9, COIN, key=who(9))
    receipts = world.block(genuine, other, forged)
    assert [receipt.transaction for receipt in receipts] == [genuine.id, other.id, forged.id]


def test_any_order_of_the_body_gives_one_account_the_same_answers() -> None:
    """LE-12."""
    transactions = [pay(1, nonce, 2, COIN) for nonce in range(4)]
    roots = set()
    for order in itertools.permutations(transactions):
        world = World()
        world.block(*order)
        roots.add(world.state.root)
    assert len(roots) == 1


def test_among_equal_nonces_the_first_of_the_body_counts() -> None:
    """LE-12, LE-13."""
    world = World()
    first, second = pay(1, 0, 2, COIN), pay(1, 0, 3, COIN)
    receipts = world.block(second, first)
    assert [(receipt.transaction, receipt.code) for receipt in receipts] == [
        (second.id, None),
        (first.id, Code.NONCE_USED),
    ]


def test_duplicates_are_dropped_without_a_receipt() -> None:
    """LE-12: within a block and across blocks, whatever the first answer was."""
    world = World()
    good, refused = pay(1, 0, 2, COIN), pay(2, 0, 3, 0)
    assert len(world.block(good, refused, good, refused)) == 2
    before = (world.balance(1), world.balance(2))
    assert world.block(good, refused) == []
    assert (world.balance(1), world.balance(2)) == before


def test_a_nonce_is_answered_the_same_for_ever() -> None:
    """LE-14: another transaction with a used nonce is never executed, and changes nothing."""
    world = World()
    good, rival = pay(1, 0, 2, COIN), pay(1, 0, 3, 2 * COIN)
    world.block(good)
    answer = Answer(good.id, None)
    before = world.state.account(who(1))
    assert before is not None
    assert before.answer(0) == answer
    for _ in range(2):
        assert world.one(rival) == rejected(Code.NONCE_USED)
        assert world.state.account(who(1)) == before


def test_answers_are_kept_for_the_last_nonces_only() -> None:
    """LE-14: beyond them a transaction is dropped, neither executed nor answered otherwise."""
    world = World()
    history = [pay(1, nonce, 2, COIN if nonce % 2 else 0) for nonce in range(11)]
    for transaction in history:
        world.block(transaction)
    account = world.state.account(who(1))
    assert account is not None
    kept = DEFAULT.answers_kept
    assert len(account.answers) == kept
    for nonce, transaction in enumerate(history):
        code = None if nonce % 2 else Code.ZERO_AMOUNT
        assert account.answer(nonce) == (Answer(transaction.id, code) if nonce >= 11 - kept else None)
    assert account.answer(11) is None
    assert world.block(history[0], pay(1, 1, 3, COIN)) == []


def test_the_number_of_answers_is_a_parameter() -> None:
    """LE-14."""
    world = World(replace(DEFAULT, answers_kept=1))
    for nonce in range(3):
        world.block(pay(1, nonce, 2, COIN))
    account = world.state.account(who(1))
    assert account is not None
    assert [account.answer(nonce) is None for nonce in range(4)] == [True, True, False, True]


def test_expiry_is_judged_by_block_time() -> None:
    """LE-13: the last moment included; what has expired costs nothing and uses nothing."""
    world = World()
    assert world.one(pay(1, 0, 2, COIN, expiry=START + 10), after_us=10) == APPLIED
    assert world.one(pay(1, 1, 2, COIN, expiry=START + 10), after_us=1) == rejected(Code.EXPIRED)
    assert world.one(pay(1, 1, 2, COIN)) == APPLIED


def test_a_duplicate_of_an_expired_transaction_does_not_change_its_answer() -> None:
    """LE-14."""
    world = World()
    transaction = pay(1, 0, 2, COIN, expiry=START + 10)
    assert world.one(transaction, after_us=10) == APPLIED
    assert world.block(transaction) == []


def test_what_may_yet_happen_is_deferred() -> None:
    """LE-13: nothing changed, and the same transaction is executed once its time has come."""
    world = World()
    ahead, poor = pay(1, 1, 2, COIN), pay(77, 0, 1, 1)
    assert world.one(ahead) == deferred(Code.NONCE_AHEAD)
    assert world.one(poor) == deferred(Code.NO_ACCOUNT)
    assert world.one(pay(1, 0, 77, 2 * FEE)) == APPLIED
    assert world.one(ahead) == APPLIED
    assert world.one(poor) == APPLIED
    assert world.balance(77) == FEE - 1
    assert world.one(pay(77, 1, 1, 1)) == deferred(Code.UNFUNDED)


def test_a_signature_by_another_key_touches_nobody() -> None:
    """LE-13."""
    world = World()
    assert world.one(pay(1, 0, 9, COIN, key=who(9))) == deferred(Code.WRONG_KEY)
    assert world.balance(1) == 1000 * COIN
    assert world.one(pay(1, 0, 9, COIN)) == APPLIED


@pytest.mark.parametrize(
    ("elsewhere", "code"), [({"network": Hash(b"x" * 32)}, Code.WRONG_NETWORK), ({"shard": 8}, Code.WRONG_SHARD)]
)
def test_a_transaction_of_another_chain_is_rejected(elsewhere: dict[str, object], code: Code) -> None:
    """LE-13."""
    world = World()
    assert world.one(pay(1, 0, 2, COIN, **elsewhere)) == rejected(code)
    assert world.balance(1) == 1000 * COIN


def test_the_minimum_fee_grows_with_the_size() -> None:
    """LE-19."""
    world = World()
    size = pay(1, 0, 2, COIN).size
    minimum = compute_minimum_fee(DEFAULT, Transfer(who(2), COIN), size)
    assert minimum == DEFAULT.fee_base + DEFAULT.fee_per_byte * size
    assert compute_minimum_fee(DEFAULT, Call(0, b""), 100) == DEFAULT.fee_base + 100 * DEFAULT.fee_per_byte
    assert compute_minimum_fee(DEFAULT, Leave(), 100) == 0
    cheap = pay(1, 0, 2, COIN, fee=minimum - 1)
    assert cheap.size == size
    assert world.one(cheap) == rejected(Code.FEE_TOO_LOW)
    assert world.balance(1) == 1000 * COIN
    assert world.one(pay(1, 0, 2, COIN, fee=minimum)) == APPLIED


def test_fees_are_split_by_role_weight_and_units() -> None:
    """LE-19: 40 % to P, 40 % to the CPs by weight, 20 % to the voters by units; what is left over is burnt."""
    roles = Roles(who(1), ((who(2), 3), (who(3), 1)), ((who(4), Units(2)), (who(1), Units(1))))
    split = split_fees(DEFAULT, 1003, roles)
    assert split.payments == ((who(1), 401), (who(2), 300), (who(3), 100), (who(4), 133), (who(1), 66))
    assert split.burnt == 1003 - 1000
    world = World()
    world.block(pay(9, 0, 2, COIN, fee=10_030), roles=roles)
    assert world.balance(1) == 1000 * COIN + 4012 + 668
    assert world.state.totals().burnt == 10_030 - 4012 - 3009 - 1003 - 1337 - 668


def test_the_shares_are_parameters() -> None:
    """LE-19."""
    params = replace(DEFAULT, fee_primary_percent=10, fee_candidates_percent=20, fee_voters_percent=30)
    split = split_fees(params, 1000, Roles(who(1), ((who(2), 1),), ((who(3), Units(1)),)))
    assert split.payments == ((who(1), 100), (who(2), 200), (who(3), 300))
    assert split.burnt == 400


@pytest.mark.parametrize("total", [0, 1, 2, 99, 10**12])
def test_nothing_is_lost_in_the_split(total: int) -> None:
    """LE-19."""
    for roles in (
        Roles(),
        Roles(who(1)),
        Roles(None, ((who(1), 0),)),
        Roles(None, (), tuple((who(number), Units(number)) for number in range(50))),
    ):
        split = split_fees(DEFAULT, total, roles)
        assert sum(amount for _, amount in split.payments) + split.burnt == total
        assert all(amount > 0 for _, amount in split.payments)
        assert split.burnt >= 0


def test_who_has_no_account_forfeits_the_fee() -> None:
    """LE-19."""
    world = World()
    world.block(pay(1, 0, 2, COIN), roles=Roles(who(77)))
    assert world.state.account(who(77)) is None
    assert world.state.totals().burnt == FEE


def test_a_block_follows_the_last() -> None:
    """LE-12."""
    world = World()
    world.epoch = 3
    world.block()
    for epoch, height, time_us in ((3, 3, 10**9), (3, 1, 10**9), (3, 2, world.time_us), (2, 2, 10**9)):
        with pytest.raises(ValueError, match="does not follow"):
            world.ledger.apply(world.state, BlockContext(epoch, Height(height), Micros(time_us), hash_number(0)), ())


def test_executing_leaves_the_parent_state_as_it_was() -> None:
    """LE-4."""
    world = World()
    parent, root = world.state, world.state.root
    world.block(pay(1, 0, 2, COIN))
    assert (parent.root, parent.tip().height) == (root, 0)
    assert world.state.root != root


def test_the_order_of_execution_keeps_every_transaction_once() -> None:
    """LE-12."""
    transactions = [pay(sender, nonce, 9, COIN) for nonce in (2, 0, 1) for sender in (1, 2)]
    ordered = in_nonce_order([*transactions, *transactions])
    assert {each.id for each in ordered} == {each.id for each in transactions}
    assert len(ordered) == 6
    assert [each.transaction.sender for each in ordered] == [each.transaction.sender for each in transactions]
    assert [each.transaction.nonce for each in ordered] == [0, 0, 1, 1, 2, 2]


def test_first_coins_must_be_countable() -> None:
    """LE-20."""
    with pytest.raises(ValueError, match="balances"):
        initial_state({who(1): -1}, {}, START)
    with pytest.raises(ValueError, match="balances"):
        initial_state({who(1): 2**62, who(2): 2**62}, {}, START)
    assert initial_state({who(1): FOREVER}, {}, START).totals().genesis == FOREVER
