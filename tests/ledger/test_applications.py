"""Applications: a till and a vault show what one may do, and that a refused call leaves nothing behind."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.ledger.applications import ApplicationView, application_key
from bac.ledger.audit import audit
from bac.ledger.block import BlockContext
from bac.ledger.disclosure import VALUE_BYTES_MAX, disclose, prove
from bac.ledger.records import TOTALS_KEY, Held, Totals, held_key, pack
from bac.ledger.state import State
from bac.types import NodeId
from bac.wire.transactions import Call, VerifiedTransaction
from tests.ledger.world import APPLIED, COIN, FEE, World, rejected, signed, who

TILL = 3
AMOUNT_BYTES = 8


class Till:
    """Takes the amount in the payload; pays everything out to who came first, every five blocks."""

    def execute(self, view: ApplicationView, sender: NodeId, payload: bytes, block: BlockContext) -> None:
        amount = int.from_bytes(payload[:AMOUNT_BYTES], "big")
        view.put(b"note", b"a draft")
        view.put(b"note", payload)
        view.put(sender, b"paid")
        view.hold(sender, amount)
        if payload.endswith(b"!"):
            raise Rejected(Code.MALFORMED, "no shouting")
        if view.get(b"first") is None:
            view.put(b"first", sender)

    def end_block(self, view: ApplicationView, block: BlockContext) -> None:
        first = view.get(b"first")
        if first is not None and block.height % 5 == 0:
            assert view.account(NodeId(first)) is not None
            view.release(NodeId(first), view.held())
            view.put(b"first", None)


def put_in(sender: int, nonce: int, amount: int, text: bytes = b"", application: int = TILL) -> VerifiedTransaction:
    payload = amount.to_bytes(AMOUNT_BYTES, "big") + text
    return signed(who(sender), nonce, Call(application, payload))


def world_with_till() -> World:
    return World(applications={TILL: Till()})


def test_an_application_holds_and_releases_coins() -> None:
    """LE-26, LE-20."""
    world = world_with_till()
    assert world.one(put_in(1, 0, 5 * COIN)) == APPLIED
    assert world.one(put_in(2, 0, 2 * COIN)) == APPLIED
    assert world.state.totals().held == 7 * COIN
    assert world.balance(2) == 998 * COIN - FEE
    for _ in range(3):
        world.block()
    assert world.state.totals().held == 0
    assert world.balance(1) == 1002 * COIN - FEE
    assert world.state.trie.get(held_key(TILL)) is None


def test_a_refused_call_leaves_nothing_behind() -> None:
    """LE-13, LE-26."""
    world = world_with_till()
    assert world.one(put_in(1, 0, COIN, b"!")) == rejected(Code.MALFORMED)
    assert world.one(put_in(1, 1, 10**4 * COIN)) == rejected(Code.INSUFFICIENT_BALANCE)
    assert list(world.state.trie.items(128 + TILL)) == []
    assert world.balance(1) == 1000 * COIN - 2 * FEE
    assert world.state.totals().held == 0


def test_a_refused_call_takes_nothing_of_others_back() -> None:
    """LE-13: what was written before it in the block stays."""
    world = world_with_till()
    world.block(put_in(1, 0, COIN, b"good"), put_in(2, 0, COIN, b"better"), put_in(1, 1, COIN, b"bad!"))
    assert world.state.totals().held == 2 * COIN
    assert dict(world.state.trie.items(128 + TILL)) == {
        application_key(TILL, b"note"): COIN.to_bytes(AMOUNT_BYTES, "big") + b"better",
        application_key(TILL, who(1)): b"paid",
        application_key(TILL, who(2)): b"paid",
        application_key(TILL, b"first"): who(1),
    }


def test_an_application_that_is_not_there_is_refused() -> None:
    """LE-26."""
    world = world_with_till()
    assert world.one(put_in(1, 0, COIN, application=TILL + 1)) == rejected(Code.UNKNOWN_APPLICATION)


def test_entries_of_applications_are_proven_like_all_others() -> None:
    """LE-5, LE-26."""
    world = world_with_till()
    world.block(put_in(1, 0, COIN))
    keys = [application_key(TILL, who(1)), application_key(TILL, who(2))]
    shown = disclose(prove(world.state.trie, keys), world.state.root)
    assert [shown.get(key) for key in keys] == [b"paid", None]


class Careless:
    """Does what its payload names."""

    def execute(self, view: ApplicationView, sender: NodeId, payload: bytes, block: BlockContext) -> None:
        match payload:
            case b"key":
                view.put(bytes(128), b"")
            case b"value":
                view.put(b"k", bytes(VALUE_BYTES_MAX + 1))
            case b"hold":
                view.hold(sender, -1)
            case b"release":
                view.release(sender, 1)
            case b"give":
                view.release(sender, -1)

    def end_block(self, view: ApplicationView, block: BlockContext) -> None:
        assert view.member(who(1)) is not None
        if block.height == 13:
            raise Rejected(Code.ZERO_AMOUNT, "there is nobody to blame")


@pytest.mark.parametrize("mistake", [b"key", b"value", b"hold", b"release", b"give"])
def test_a_mistake_of_an_application_is_not_the_clients_fault(mistake: bytes) -> None:
    """LE-26: it is an error of its caller, not a receipt."""
    world = World(applications={0: Careless()})
    with pytest.raises(ValueError, match=r"bytes|held|released"):
        world.block(signed(who(1), 0, Call(0, mistake)))
    assert world.one(signed(who(1), 0, Call(0, b""))) == APPLIED


def test_the_end_of_a_block_cannot_be_refused() -> None:
    """LE-26: there is nobody whose fault it could be."""
    world = World(applications={0: Careless()})
    for _ in range(12):
        world.block()
    with pytest.raises(AssertionError, match="application 0"):
        world.block()


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2 * 10**9), st.sampled_from([b"", b"!"])), max_size=8))
def test_whatever_is_called_coins_are_conserved(calls: list[tuple[int, int, bytes]]) -> None:
    """LE-20, LE-26."""
    world = world_with_till()
    nonces = dict.fromkeys(range(1, 5), 0)
    for sender, amount, text in calls:
        world.block(put_in(sender, nonces[sender], amount, text))
        nonces[sender] += 1
    totals = world.state.totals()
    assert totals.is_conserved
    assert totals.held + sum(world.balance(number) for number in (1, 2, 3, 4, 5, 9)) + totals.burnt == totals.genesis


def test_the_audit_finds_what_running_totals_hide() -> None:
    """LE-20: each law, broken by hand."""
    world = world_with_till()
    world.block(put_in(1, 0, COIN))
    totals = world.state.totals()
    more = Totals(totals.genesis + 1, 0, totals.burnt, totals.balances + 1, totals.held, 0)
    lost = Totals(totals.genesis, 0, totals.burnt + 1, totals.balances, totals.held, 0)
    planted: list[dict[bytes, bytes | None]] = [
        {TOTALS_KEY: pack(more)},
        {TOTALS_KEY: pack(lost)},
        {held_key(TILL): pack(Held(1))},
        {b"\x01" + who(1): None},
        {b"\x02" + who(1): None, b"\x03" + who(1): b"\x97\x00\x00\x00\x00\x00\x00\x00"},
    ]
    for changes in planted:
        assert audit(State(world.state.trie.updated(changes))) != [], changes
    assert audit(world.state) == []
