"""Who is told of wishes and states: the proposer of the view first, then two more, then everybody (R2, R3)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bac.errors import Rejected
from bac.wire.votes import StateAnnouncement, Wish, WishBatch
from tests.finality.staging import REPEAT, T0, after_blocks, muted, wish
from tests.finality.table import Table, seconds

NODES = 7


def proposers(table: Table, views: range) -> list[int]:
    return [table.ids.index(table.term(0).epoch.proposer(view)) for view in views]


def test_a_good_proposer_saves_the_others_what_they_would_say_to_all() -> None:
    """R2, R3: each wish and state goes to the view's proposer, who forwards the wishes; nobody else is told."""
    table = muted(NODES)
    (proposer,) = proposers(table, range(1, 2))
    table.pass_time(T0 + 10_000)
    for kind in (Wish, StateAnnouncement):
        told = [(sender, to) for sender, to, message in table.sent if isinstance(message, kind)]
        assert {to for _, to in told} == {table.ids[proposer]}
        assert len(told) <= NODES - 1
    batches = [(sender, to) for sender, to, message in table.sent if isinstance(message, WishBatch)]
    assert len(batches) == NODES - 1
    assert {sender for sender, _ in batches} == {proposer}
    assert [table.term(node).epoch.number for node in range(NODES)] == [1] * NODES


def test_without_the_first_proposers_everybody_is_told_by_the_third_time() -> None:
    """R2, R3: nobody who gathers wishes is there; all others enter the view within three repetitions."""
    table = muted(10)
    absent = set(proposers(table, range(1, 4)))
    assert 3 * (10 - len(absent)) > 2 * 10
    is_late = table.hold

    def hold(sender: int, receiver: int, message: Any) -> bool:
        return is_late(sender, receiver, message) or sender in absent or receiver in absent

    table.hold = hold
    present = [node for node in range(10) if node not in absent]
    table.pass_time(T0 + 3 * (REPEAT + REPEAT // 4))
    assert [table.term(node).voter.view for node in present] == [1] * len(present)
    told = [{to for sender, to, each in table.sent if sender == node and isinstance(each, Wish)} for node in present]
    assert max(len(each) for each in told) == 9


def test_a_dead_proposer_costs_a_view_and_no_more() -> None:
    """R1, R5: the epoch is closed by the next proposer that is there."""
    table = muted(NODES)
    (dead,) = proposers(table, range(1, 2))
    is_late = table.hold
    table.hold = lambda sender, receiver, message: is_late(sender, receiver, message) or dead in (sender, receiver)
    following = proposers(table, range(2, 12))
    views = next(place for place, node in enumerate(following, 2) if node != dead)
    table.pass_time(sum(T0 * 2**view for view in range(views)) + seconds(3) * views)
    others = [node for node in range(NODES) if node != dead]
    assert min(table.term(node).epoch.number for node in others) >= 1
    assert table.nodes[others[0]].finality.site.epochs[1].base.view == views


def test_a_batch_with_one_bad_wish_changes_nothing() -> None:
    """R3, FB-5: wishes that others have signed are judged one by one, and counted together or not at all."""
    table = after_blocks(4)
    height = table.term(0).height
    good = [table.nodes[node].finality.site.sign(wish(table, node, 1, height)) for node in (1, 2, 3)]
    site = table.nodes[0].finality.site
    before = site.epochs[0], table.term(0).recovery.wishes_for(1, 0)
    for bad in (replace(good[2], signature=bytes(64)), replace(good[2], epoch=1)):
        with pytest.raises(Rejected):
            table.nodes[0].on_message(table.ids[1], WishBatch((*good[:2], bad)), table.now)
    assert (site.epochs[0], table.term(0).recovery.wishes_for(1, 0)) == before
    assert table.term(0).voter.view == 0
    table.give(0, 1, WishBatch(tuple(good)))
    assert table.term(0).voter.view == 1
