"""Places for clients' transactions: bounded, and in the order of each account."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bac.node.driver import Driver
from bac.node.inbox import FromClient, Inbox
from bac.node.places import ACCEPTED_MAX, AWAITED, FORGOTTEN, REFUSED_MAX, Places
from tests.node.member import EchoMember
from tests.sim.echo import Word

A, B = b"a", b"b"


def take(places: Places, account: bytes, nonce: int, now: float = 0.0) -> bool:
    return places.take(account + b"%d" % nonce, account, nonce, now)


def test_a_place_is_held_until_the_transaction_is_decided() -> None:
    """NO-20: and no longer than some seconds, since it may wait for another that never came."""
    places = Places(2)
    assert [take(places, b"%d" % account, 0) for account in range(3)] == [True, True, False]
    assert take(places, b"1", 0), "the same one again"
    places.free(b"00")
    assert [take(places, b"%d" % account, 0, 1.0) for account in (2, 3)] == [True, False]
    assert take(places, b"4", 0, FORGOTTEN + 1.5)


def test_what_no_block_decides_frees_its_place_at_once() -> None:
    """NO-20, R10: voters heed a call, and no commit ever frees the place of the transaction that brought it."""
    world: Any = SimpleNamespace(
        places=Places(1), clock=SimpleNamespace(now=lambda: 0), inbox=Inbox(1024, 4), aside=None
    )
    driver = Driver(EchoMember(2, 0, []), SimpleNamespace(on_transaction=lambda *_: ()), world, 1)
    for text, is_free in (("heed", True), ("say", False)):
        assert world.places.take(text.encode(), A, 0, 0.0)
        driver._call(FromClient(Word(text), lambda _: None), Word(text))
        assert take(world.places, B, 0) is is_free
        world.places.free(B + b"0")


def test_what_was_accepted_is_found_until_it_is_decided_or_out_of_sight() -> None:
    """NO-18: within a bound."""
    places = Places(2)
    for number in range(ACCEPTED_MAX + 1):
        places.accept(b"%d" % number, number)
    assert [places.find(b"%d" % number) for number in (0, 1, ACCEPTED_MAX)] == [None, 1, ACCEPTED_MAX]
    places.free(b"1")
    assert places.find(b"1") is None
    places.lose_track()
    assert places.find(b"2") is None


def test_an_account_that_was_refused_is_served_in_order() -> None:
    """NO-20: what comes after a refused nonce is refused, until all that was refused has come again."""
    places = Places(1)
    assert take(places, B, 0)
    assert not take(places, A, 5)
    places.free(B + b"0")
    assert [take(places, A, nonce) for nonce in (7, 6)] == [False, False]
    for nonce in (5, 6, 7):
        assert not any(take(places, A, later) for later in range(nonce + 1, 8))
        assert take(places, A, nonce)
        places.free(A + b"%d" % nonce)
    assert take(places, A, 9), "nothing that was refused is missing"


def test_who_never_comes_back_is_not_waited_for() -> None:
    """NO-20: neither by itself nor in memory."""
    places = Places(1)
    assert take(places, B, 0)
    assert not take(places, A, 5)
    places.free(B + b"0")
    assert not take(places, A, 6, AWAITED)
    assert take(places, A, 6, AWAITED + 0.1)
    for account in range(REFUSED_MAX + 1):
        assert not take(places, b"%d" % account, 0, AWAITED + 0.1)
    places.free(A + b"6")
    assert take(places, b"0", 1, AWAITED + 0.2), "the first was forgotten for the last"


@given(st.integers(1, 5), st.lists(st.tuples(st.sampled_from((A, B)), st.integers(1, 6)), max_size=30))
@settings(max_examples=100)
def test_pipelines_that_submit_again_in_order_leave_no_gap(most: int, bursts: list[tuple[bytes, int]]) -> None:
    """NO-20: whatever is refused, the taken nonces of an account have no gap, and everything is taken in the end."""
    places = Places(most)
    handed, taken = Counter[bytes](), Counter[bytes]()

    def offer(account: bytes, nonces: range) -> None:
        for nonce in nonces:
            if take(places, account, nonce) and nonce >= taken[account]:
                assert nonce == taken[account], "no gap"
                taken[account] += 1

    for account, count in bursts:
        offer(account, range(handed[account], handed[account] + count))  # without waiting for answers
        handed[account] += count
    for _ in range(sum(handed.values())):
        for account in (A, B):
            for nonce in range(taken[account]):
                places.free(account + b"%d" % nonce)
            offer(account, range(taken[account], handed[account]))
    assert taken == handed
