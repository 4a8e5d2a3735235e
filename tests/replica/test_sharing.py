"""How a block gets to those who do not lead."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bac.finality.chain import Link
from bac.replica.sharing import Sharing
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.block import Envelope
from bac.wire.sync import EventBatch
from bac.wire.transfer import BodyChunk, BodyPull
from bac.wire.votes import Acknowledgement, Ballot, Certificate
from tests.replica.leaders import Leaders

OTHERS = tuple(NodeId(bytes([place]) * 32) for place in range(11))
LEADERS = tuple(NodeId(bytes([100 + place]) * 32) for place in range(4))


def block() -> Link:
    """A block without a certificate."""
    stage = Leaders()
    return Link(stage.epoch.base, Hash(b"h" * 32))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_others_are_shared_out_between_the_leaders_that_are_there(count: int) -> None:
    """RP-78: at first each gets the block from one leader; at every turn from another, from all in the end."""
    there = LEADERS[:count]
    shares = {leader: Sharing(block(), there) for leader in there}
    had: dict[NodeId, list[NodeId]] = {each: [] for each in OTHERS}
    for turn in range(count):
        for leader, sharing in shares.items():
            share = sharing.take(leader, OTHERS)
            assert abs(len(share) - len(OTHERS) / count) < 1
            for each in share:
                had[each].append(leader)
        assert {len(senders) for senders in had.values()} == {turn + 1}
    assert all(set(senders) == set(there) for senders in had.values())
    assert all(sharing.is_over() for sharing in shares.values())


def test_the_next_share_is_that_of_the_leader_before() -> None:
    """RP-78: T_publish later, and so on."""
    sharing, before = Sharing(block(), LEADERS), Sharing(block(), LEADERS)
    assert sharing.due_us(100, Micros(5000)) == 5000
    sharing.take(LEADERS[2], OTHERS)
    assert sharing.due_us(100, Micros(5001)) == 5100
    assert sharing.take(LEADERS[2], OTHERS) == before.take(LEADERS[1], OTHERS)
    assert sharing.due_us(100, Micros(5300)) == 5200


def test_nothing_more_is_sent_once_there_is_a_certificate() -> None:
    """RP-78: but the first share is, as those who acknowledged are a quorum, not all."""
    link = block()
    link.certificate = Certificate(Ballot(0, 0, Height(1), link.hash), b"\x0f", bytes(256))
    sharing = Sharing(link, LEADERS)
    assert not sharing.is_over()
    assert sharing.take(LEADERS[0], OTHERS)
    assert sharing.is_over()
    assert sharing.due_us(100, Micros(0)) > 2**60, "not any more"


def test_a_leader_that_was_not_there_shares_nothing() -> None:
    """RP-78: the others do not count on it."""
    assert Sharing(block(), LEADERS[:3]).take(LEADERS[3], OTHERS) == ()


def bodies(stage: Leaders, to: int) -> Counter[Hash]:
    """How often `to` was sent the first piece of each body."""
    return Counter(each.message.header_hash for each in stage.messages(BodyChunk) if each.to == to)


def test_those_who_do_not_lead_get_each_block_once() -> None:
    """RP-78: where everybody is there, and the certificates come in time."""
    stage = Leaders((4000,) * 8)
    stage.way = lambda *_: (3_000,)
    stage.boot()
    stage.run(3)
    others = set(range(8)) - set(stage.seats)
    assert len(others) == 4
    for node in others:
        got = bodies(stage, node)
        assert len(got) >= 4
        assert sum(got.values()) <= len(got) + 3, "one each, but where the first rounds did not show all leaders"
    senders = {each.sender for each in stage.messages(BodyChunk)}
    assert senders == set(stage.seats)


def test_a_leader_that_withholds_delays_its_share() -> None:
    """RP-78: the next one sends it, without being asked, as long as there is no certificate."""
    stage = Leaders((4000,) * 8)
    liar = stage.seats[0]

    def withhold(sender: int, to: int, message: Any) -> tuple[int, ...]:
        if isinstance(message, Certificate | Acknowledgement | BodyPull):
            return ()
        if sender == liar and isinstance(message, BodyChunk):
            return ()
        return () if to not in stage.seats and isinstance(message, Envelope) else (3_000,)

    stage.way = withhold
    stage.boot()
    stage.run_while(lambda: not any(len(bodies(stage, node)) >= 3 for node in range(8)), 3)
    start = stage.now
    stage.run(start / 1e6 + 4 * stage.params.publish_us / 1e6)
    first = next(iter(bodies(stage, next(iter(set(range(8)) - set(stage.seats))))))
    for node in set(range(8)) - set(stage.seats):
        sent = [
            each
            for each in stage.messages(BodyChunk)
            if (each.to, each.message.header_hash) == (node, first) and each.sender != liar
        ]
        assert sent, "from somebody else"
        times = sorted(each.time for each in sent)
        assert times[-1] - times[0] <= 4 * stage.params.publish_us
    assert stage.messages(EventBatch)
