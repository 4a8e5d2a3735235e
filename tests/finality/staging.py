"""Situations for the rules: blocks on the table, rivals, everybody in view 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bac.errors import Rejected
from bac.finality.chain import Link, header_hash
from bac.types import Hash, Micros
from bac.wire.block import Body, Envelope
from bac.wire.header import Header
from bac.wire.votes import (
    Acknowledgement,
    Certificate,
    Wish,
    ballot_of,
)
from tests.finality.table import TABLE_PARAMS, Table, TableTrial

T0 = TABLE_PARAMS.view_timeout_us
REPEAT = TABLE_PARAMS.repeat_us


class Captured(TableTrial):
    """Node 0 alone is the committee's two thirds."""

    weights = (1000, 1, 1, 1)


def after_blocks(blocks: int, trial: type[TableTrial] = TableTrial, nodes: int = 4) -> Table:
    """A table with so many blocks in epoch 0, all held valid; the next proposal is not made yet."""
    table = Table(nodes, trial)
    while max(link.header.height for link in table.term(1).tree.links.values()) < blocks:
        table.pass_time(10_000)
    table.hold = lambda sender, receiver, message: True
    return table


def published(table: Table, node: int, height: int) -> Link:
    found = [link for link in table.term(node).tree.links.values() if link.header.height == height]
    assert len(found) == 1
    return found[0]


def rival(table: Table, parent: Link, *, items: tuple[bytes, ...] = (), later_us: int = 7) -> tuple[Envelope, Body]:
    """Another block on `parent`, signed by all leaders."""
    derived = table.term(0).validity.order(parent, Micros(parent.header.time_us + later_us), items)
    assert derived is not None
    return sign(table, derived.header), Body(items)


def sign(table: Table, header: Header, nodes: tuple[int, ...] = (0, 1, 2, 3)) -> Envelope:
    signatures = [table.nodes[node].finality.site.sign_header(header) for node in nodes]
    return Envelope(header, tuple(sorted(signatures, key=lambda each: each.leader)), None, None, None)


def hand(table: Table, node: int, envelope: Envelope, body: Body) -> Link:
    """Gives a node a header and its body, as from node 0."""
    finality_ = table.nodes[node].finality
    finality_.term.now = table.now
    finality_.place(envelope, body)
    table.perform(node, finality_.flush())
    link = finality_.term.tree.get(header_hash(envelope.header))
    assert link is not None
    return link


def is_refused(judge: Callable[[], object]) -> bool:
    """Whether what `judge` looks at is rejected."""
    try:
        judge()
    except Rejected:
        return True
    return False


def acknowledged(table: Table, node: int) -> list[Hash]:
    found = [message.ballot.header_hash for message in table.messages(node, Acknowledgement)]
    return list(dict.fromkeys(found))


def to_view_one(table: Table, *, hold: Callable[[int, int, Any], bool] | None = None) -> None:
    """All time out: everybody enters view 1."""
    table.hold = hold or (lambda sender, receiver, message: isinstance(message, Envelope) and message.header.view == 0)
    table.queue.clear()
    table.held.clear()
    table.pass_time(T0 + REPEAT)


def certify(table: Table, header: Header, nodes: tuple[int, ...] = (0, 1, 2, 3)) -> Certificate:
    """What a quorum's acknowledgements make, whoever they are."""
    term_ = table.term(0)
    link = Link(header, header_hash(header))
    shares = sorted((table.term(node).voter.sign(link) for node in nodes), key=lambda each: each.voter)
    scheme = table.trial.suite.quorum
    bitmap = term_.epoch.electorate.bitmap(each.voter for each in shares)
    return Certificate(ballot_of(header), bitmap, scheme.aggregate([each.signature for each in shares]))


def wish(table: Table, node: int, view: int, confirmed: int) -> Wish:
    return Wish(table.term(node).epoch.number, view, confirmed, table.ids[node], bytes(64))  # type: ignore[arg-type]


def muted(nodes: int = 4) -> Table:
    """Headers of view 0 get lost from the beginning: nothing has been delivered yet."""
    table = Table(nodes)
    table.hold = lambda sender, receiver, message: isinstance(message, Envelope) and message.header.view == 0
    return table
