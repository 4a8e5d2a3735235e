"""Members' announcements of their acknowledgement keys."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from bac.params import MINIMAL
from bac.replica.announcing import KEYS_AHEAD, announce, find_unannounced
from bac.types import Micros
from bac.wire.registry import tag_at, tag_of
from bac.wire.transactions import AcknowledgementKey, SignedTransaction, Transfer
from tests.replica.leaders import Leaders

PARAMS = replace(MINIMAL, acknowledgement_keys_ahead=5, epoch_rounds=6, seed_rounds=3)
"""Genesis brings keys for the first epochs only."""


def announced(stage: Leaders, node: int) -> dict[int, int]:
    """By epoch, how often a key for it was announced by `node` in confirmed blocks."""
    found: dict[int, int] = {}
    for block in stage.commits[0]:
        for item in block.body.items:
            if tag_at(item) == tag_of(SignedTransaction):
                content = stage.verified(item).transaction
                if content.sender == stage.ids[node] and isinstance(content.operation, AcknowledgementKey):
                    assert content.fee == 0
                    found[content.operation.epoch] = found.get(content.operation.epoch, 0) + 1
    return found


def test_keys_for_the_coming_epochs_are_announced() -> None:
    """RP-89: free transactions of the own account, each epoch once, so that voters go on voting."""
    stage = Leaders(params=PARAMS)
    stage.boot()
    stage.run_while(lambda: stage.node(0).finality.term.epoch.number < 6, 60)
    idle_us = 2 * PARAMS.event_max_us - 1_000
    within = [after.header.time_us - before.header.time_us for before, after in pairwise(stage.commits[0])]
    assert sum(each < idle_us for each in within) < len(within) / 10, "nobody waits for announcements (RP-70)"
    for node in range(4):
        made = announced(stage, node)
        assert set(made.values()) == {1}
        assert made.keys() >= {6, 7, 8}
        assert stage.ids[node] in stage.node(0).finality.term.epoch.electorate.places
    member = stage.node(0)._confirmed().ledger.member(stage.ids[0])
    assert member is not None


def test_which_keys_are_missing() -> None:
    """RP-89: for the coming eight epochs, where the parameters allow it; for vehicles that are registered."""
    stage = Leaders(params=replace(MINIMAL, acknowledgement_keys_ahead=20))
    stage.boot()
    site = stage.node(0)._site
    member = stage.node(0)._confirmed().ledger.member(stage.ids[0])
    assert member is not None
    lead = stage.params.acknowledgement_key_lead
    known = {each.epoch for each in member.acknowledgement_keys}
    assert known
    first = max(known)
    assert find_unannounced(member, first, site) == list(range(first + lead + 1, first + lead + KEYS_AHEAD + 1))
    soon = first - lead - KEYS_AHEAD // 2
    assert find_unannounced(member, soon, site) == []
    assert find_unannounced(member, soon + 1, site) == list(range(first + 1, first + KEYS_AHEAD // 2 + 2))
    assert find_unannounced(None, first, site) == []
    assert find_unannounced(member, max(0, first - 30), site) == []


def test_announcements_have_nonces_in_a_row() -> None:
    """RP-89: each is a transaction that anybody would take."""
    stage = Leaders()
    stage.boot()
    site = stage.node(0)._site
    made = list(announce(site, [7, 8, 9], 5, Micros(1000), stage.verified))
    assert [each.transaction.nonce for each in made] == [5, 6, 7]
    assert {each.transaction.sender for each in made} == {stage.ids[0]}
    operations = [each.transaction.operation for each in made]
    assert [each.epoch for each in operations if isinstance(each, AcknowledgementKey)] == [7, 8, 9]


def test_what_a_client_displaces_is_announced_again() -> None:
    """RP-89: in the next epoch, with the next nonce."""
    stage = Leaders(params=PARAMS)
    stage.boot()
    me = stage.seats[0]
    stage.run_while(lambda: stage.node(me).finality.term.epoch.number == 0, 10)
    pool = stage.node(me).mempool
    waiting = [each for each in pool._known.values() if each.transaction.sender == stage.ids[me]]
    assert waiting, "announcements"
    first = min(waiting, key=lambda each: each.transaction.nonce)
    item = stage.transaction(me, first.transaction.nonce, operation=Transfer(stage.ids[0], 7))
    for node in range(4):
        stage.hand_in(node, item)
    assert first.id not in pool
    stage.run_while(lambda: stage.node(me).finality.term.epoch.number < 4, 40)
    assert any(item in block.body.items for block in stage.commits[me])
    made = announced(stage, me)
    assert isinstance(first.transaction.operation, AcknowledgementKey)
    assert first.transaction.operation.epoch in made


def test_a_full_account_is_announced_for_later() -> None:
    """RP-89: a client's own transactions come first; the next epoch is early enough."""
    stage = Leaders(params=PARAMS)
    stage.boot()
    me = next(node for node in range(4) if node != stage.seats[0])
    stage.way = lambda *_: ()
    for _ in range(64):
        stage.pay(me)
    epoch = stage.node(me)._epoch
    before = len(stage.node(me).mempool)
    stage.node(me)._announce_keys(stage.clock(me))
    assert len(stage.node(me).mempool) == before
    assert stage.node(me)._epoch == epoch
