"""What rules R promise."""

from __future__ import annotations

from typing import Any

from bac.finality.chain import Verdict
from bac.finality.records import load_vote
from bac.wire.block import ConfirmationProof, Envelope
from bac.wire.header import Kind
from bac.wire.votes import (
    Acknowledgement,
    NewView,
    Wish,
)
from tests.finality.staging import (
    T0,
    acknowledged,
    after_blocks,
    hand,
    muted,
    published,
    rival,
    to_view_one,
    wish,
)
from tests.finality.table import TABLE_PARAMS, Table, seconds


def r1() -> None:
    """R1: a view lasts T0, the next one twice as long; after an epoch ended by recovery T0 is doubled."""
    table = muted()
    start = table.now
    table.pass_time(T0 - 1)
    assert all(not table.messages(node, Wish) for node in range(4))
    table.pass_time(2)
    assert sum(bool(table.messages(node, Wish)) for node in range(4)) >= 3  # the proposer tells itself
    assert table.now - start <= T0 + 2
    epoch = table.term(0).epoch
    assert epoch.view_timeout_us(1, TABLE_PARAMS) == 2 * epoch.view_timeout_us(0, TABLE_PARAMS)
    table.pass_time(seconds(1))
    assert table.term(0).epoch.number == 1
    assert table.term(0).epoch.timeout_us == 2 * T0


def r2() -> None:
    """R2: more than a third of the units draws a node along; less does not, and what knows less does not count."""
    table = after_blocks(4)
    height = table.term(0).height
    wishes = [table.nodes[node].finality.site.sign(wish(table, node, 1, height)) for node in (1, 2)]
    low = table.nodes[3].finality.site.sign(wish(table, 3, 1, height - 1))
    table.give(0, 1, wishes[0])
    table.give(0, 3, low)
    assert table.term(0).recovery.wish == 0
    assert any(isinstance(message, ConfirmationProof) and to == table.ids[3] for _, to, message in table.sent)
    table.give(0, 2, wishes[1])
    assert table.term(0).recovery.wish == 1


def r3() -> None:
    """R3: the view is durable before the state is sent, and nothing below it is acknowledged any more."""
    table = after_blocks(3)
    before = acknowledged(table, 3)
    height = table.term(3).height
    for node in (0, 1, 2):
        table.give(3, node, table.nodes[node].finality.site.sign(wish(table, node, 1, height)))
    assert table.term(3).voter.state is not None
    record = load_vote(table.disks[3])
    assert hand(table, 3, *rival(table, published(table, 0, 3))).verdict is Verdict.VALID
    assert acknowledged(table, 3) == before
    assert record is not None
    assert (record.view, record.last) == (1, None)


def r4() -> None:
    """R4: NV brings in whoever sees it."""
    table, node, new_view = behind()
    table.give(node, 0, new_view)
    assert table.term(node).voter.view == 1
    assert table.term(node).recovery.highest_new_view() == 1


def r4_claims() -> None:
    """R4: states that claim a higher certificate than NV shows are no NV."""
    table, node, new_view = behind()
    assert new_view.certificate is not None
    table.give(node, 0, NewView(new_view.states, None))
    assert table.term(node).recovery.highest_new_view() == 0
    assert table.term(node).voter.view == 0


def behind() -> tuple[Table, int, NewView]:
    """All but one node are in view 1: that node, and NV of the view."""
    table = after_blocks(3)
    proposer = table.ids.index(table.term(0).epoch.proposer(1))
    node = (proposer + 1) % 4
    table.hold = lambda sender, receiver, message: receiver == node or isinstance(message, Envelope)
    table.queue.clear()
    table.held.clear()
    others = tuple(each for each in range(4) if each != node)
    while 1 not in table.term(proposer).recovery.new_views:
        table.pass_time(10_000, only=others)
        assert table.now < 3 * T0
    assert table.term(node).voter.view == 0
    return table, node, table.term(proposer).recovery.new_views[1]


def r5() -> None:
    """R5: the proposer of a view is drawn by tickets, and a view of its own closes the epoch."""
    table = muted()
    epoch = table.term(0).epoch
    assert len({epoch.proposer(view) for view in range(1, 60)}) == 4
    table.pass_time(T0 + seconds(1))
    last = table.term(0).epoch.base
    assert (last.view, last.kind) == (1, Kind.OPENING)
    assert all(table.term(node).epoch.number == 1 for node in range(4))


def r6() -> None:
    """R6: once the last block is certified, an opening above it changes nothing."""
    table = Table()
    table.hold = lambda sender, receiver, message: isinstance(message, Envelope) and message.header.kind is Kind.CLOSING

    def hold(sender: int, receiver: int, message: Any) -> bool:
        is_closing = isinstance(message, Envelope) and message.header.kind is Kind.CLOSING
        return is_closing or (isinstance(message, Acknowledgement) and message.ballot.height > 6)

    table.hold = hold
    while not any(link.header.boundary and link.certificate for link in table.term(1).tree.links.values()):
        table.pass_time(10_000)
    last = next(link for link in table.term(1).tree.links.values() if link.header.boundary and link.certificate)
    table.hold = lambda sender, receiver, message: isinstance(message, Acknowledgement) and message.ballot.view == 0
    table.pass_time(2 * T0 + seconds(1))
    openings = [
        message.header
        for _, _, message in table.sent
        if isinstance(message, Envelope) and message.header.kind is Kind.OPENING and message.header.epoch == 0
    ]
    assert openings
    assert all(each.state_root == last.header.state_root and each.boundary is None for each in openings)
    assert table.nodes[1].finality.site.epochs[1].base == last.header


def r7() -> None:
    """R7: what was ordered and not certified is still in the mempool, and is confirmed after recovery."""
    table = Table()
    transaction = table.pay(2)
    table.deliver()
    to_view_one(table)
    table.hold = lambda sender, receiver, message: False
    table.pass_time(seconds(3))
    ids = [table.trial.oracle.block(commit.block).transactions for commit in table.commits[1]]
    assert sum(transaction.id in each for each in ids) == 1


def r8() -> None:
    """R8: a header that the primary keeps to itself is published by the next leader."""
    table = Table()
    table.hold = lambda sender, receiver, message: (
        sender == 0 and isinstance(message, Envelope) and len(message.signatures) > 1
    )
    table.pass_time(seconds(1.5))
    assert table.term(3).tree.links
    by_others = {
        sender for sender, _, message in table.sent if isinstance(message, Envelope) and len(message.signatures) > 2
    }
    assert table.term(3).height > 0
    assert 1 in by_others


def r9() -> None:
    """R9: without a quorum nothing is confirmed, and it is said how many units are missing."""
    table = Table()
    table.pass_time(400_000)
    height = table.term(0).height
    table.hold = lambda sender, receiver, message: receiver in (2, 3) or sender in (2, 3)
    table.pass_time(seconds(1))
    assert table.term(0).height <= height + 3
    fresh = Table()
    assert fresh.nodes[0].finality.missing_units() == 4000
    assert table.nodes[0].finality.missing_units() < 4000
    table.pass_time(T0 + 4 * TABLE_PARAMS.repeat_us)
    assert table.term(0).voter.view == 0
    assert table.nodes[0].finality.missing_units() == 2000, "once it waits in vain: whom it does not hear"
