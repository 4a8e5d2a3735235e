"""What rules R10 to R15 promise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace as change

from bac.errors import Rejected
from bac.finality.calls import Calls
from bac.finality.chain import RIVALS_MAX, Link, Verdict
from bac.finality.newview import rank_of
from bac.finality.records import load_record, load_vote
from bac.ledger.authority import are_retirements_enough
from bac.ledger.block import Retirements
from bac.proofs.confirmation import verify_record
from bac.proofs.merkle import compute_root
from bac.proofs.restart import show_order
from bac.types import Micros, NodeId, Units
from bac.wire.block import Envelope
from bac.wire.codec import encode
from bac.wire.evidence import HiddenCertificate
from bac.wire.header import RETIREMENT_VIEW, Kind
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import Mandate, Order, Reconfigure, Summon
from bac.wire.votes import Acknowledgement, NewView, State, StateAnnouncement, Wish, retirements_digest
from tests.finality.staging import T0, acknowledged, after_blocks, certify, hand, is_refused, published, rival
from tests.finality.table import TABLE_PARAMS, UNITS, Table, seconds

LEFT = (0, 1, 2, 3)
GONE = (4, 5, 6)
Hold = Callable[[int, int, Any], bool]


def call(table: Table, node: int, order: Any, signer: Any = None) -> None:
    """A client hands a node an order of the authority's."""
    transaction = table.trial.call(order, signer)
    verified = table.nodes[node]._verify(encode(transaction.signed))
    table.perform(node, table.nodes[node].on_transaction(verified, table.now))


def without(*gone: int) -> Hold:
    """Nothing reaches them, and nothing comes from them."""
    return lambda sender, receiver, message: sender in gone or receiver in gone


def bereft(blocks: int = 3) -> Table:
    """Seven voters, three of whom are gone for good: no quorum."""
    table = after_blocks(blocks, nodes=7)
    table.queue.clear()
    table.held.clear()
    table.hold = without(*GONE)
    return table


def summoned(blocks: int = 3, epoch: int = 0) -> Table:
    """Those who are left have retired."""
    table = bereft(blocks)
    call(table, 0, Summon(epoch))
    table.pass_time(1000, only=LEFT)
    return table


def order_of(table: Table, *, gone: tuple[int, ...] = GONE, node: int = 0, **changes: Any) -> Reconfigure:
    """What the authority orders once it was shown the statements."""
    shown = table.term(node).retirements()
    assert shown is not None
    top = table.term(node).epoch.base_rank if shown.certificate is None else rank_of(shown.certificate)
    fields: dict[str, Any] = {
        "parent_height": top.height,
        "parent": top.hash,
        "retirements": retirements_digest(shown),
        "removed": tuple(sorted(table.ids[each] for each in gone)),
    }
    return Reconfigure(**(fields | changes))


def restarts(table: Table, node: int) -> list[Link]:
    links = table.term(node).tree.links.values()
    return [link for link in links if link.header.view == RETIREMENT_VIEW and link.header.kind is Kind.OPENING]


def r10() -> None:
    """R10: a summons makes voters retire, durably, before they say so; from then on they acknowledge nothing below."""
    table = bereft()
    before = acknowledged(table, 3)
    call(table, 0, Summon(1))
    assert not table.term(0).is_retired
    assert is_refused(lambda: call(table, 0, Summon(0), table.trial.suite.key_pair(bytes(32))))
    assert not table.term(0).is_retired
    call(table, 0, Summon(0))
    assert {to for sender, to, sent in table.sent if sender == 0 and isinstance(sent, TransactionBatch)} >= {
        *table.ids[1:]
    }
    table.pass_time(1000, only=LEFT)
    assert all(table.term(node).is_retired for node in LEFT)
    for node in LEFT:
        log = [*map(type, table.log[node])]
        record = load_vote(table.disks[node])
        assert record is not None
        assert (record.view, record.last, record.state is not None) == (RETIREMENT_VIEW, None, True)
        said = next(place for place, each in enumerate(table.log[node]) if is_statement(each))
        assert "Persist" in [kind.__name__ for kind in log[:said]]
        assert len(table.term(node).statements) == 4
    assert hand(table, 3, *rival(table, published(table, 0, 3))).verdict is Verdict.VALID
    assert acknowledged(table, 3) == before
    said = len(table.messages(1, StateAnnouncement))
    table.pass_time(2 * TABLE_PARAMS.repeat_us, only=LEFT)
    assert len(table.messages(1, StateAnnouncement)) > said
    assert table.term(2).epoch.number == table.restart(2).finality.term.epoch.number
    assert table.term(2).is_retired
    assert table.ids[2] in table.term(2).statements


def r10_late() -> None:
    """R10: a summons to an epoch that is over is no news: nothing is kept of it, and nobody told."""
    table, calls = bereft(), Calls()
    assert calls.take(table.trial.call(Summon(2)), 3) is None
    assert calls.summons(2) is None
    assert calls.take(table.trial.call(Summon(3)), 3) is not None
    assert calls.take(table.trial.call(Summon(3)), 3) is None


def is_statement(effect: Any) -> bool:
    sent = getattr(effect, "message", None)
    return isinstance(sent, StateAnnouncement) and sent.state.view == RETIREMENT_VIEW


def r11() -> None:
    """R11: statements of retirement draw nobody along, make no new view, and who has retired wishes for nothing."""
    table = after_blocks(3)
    call(table, 0, Summon(0))
    statements = [table.messages(0, StateAnnouncement)[-1]]
    for node in (1, 2):
        call(table, node, Summon(0))
        statements.append(table.messages(node, StateAnnouncement)[-1])
    for place, statement in enumerate(statements):
        table.give(3, place, statement)
    assert (table.term(3).voter.view, table.term(3).recovery.wish) == (0, 0)
    assert len(table.term(3).statements) == 3
    shown = table.term(3).retirements()
    assert shown is not None
    table.give(3, 0, shown)
    assert table.term(3).voter.view == 0
    table.queue.clear()
    table.hold = lambda sender, receiver, message: True
    table.pass_time(3 * T0)
    assert not any(table.messages(node, Wish) for node in (0, 1, 2))
    assert table.term(3).recovery.wish == 1


def r12() -> None:
    """R12: the highest certificate that any of them knows is the parent, though the others do not know it."""
    table = Table(7)
    table.hold = lambda sender, receiver, message: isinstance(message, Acknowledgement) and message.ballot.height == 4
    while max(link.header.height for link in table.term(3).tree.links.values()) < 4:
        table.pass_time(10_000)
    table.queue.clear()
    table.held.clear()
    table.hold = without(*GONE)
    top = published(table, 3, 4)
    known = max(table.term(node).voter.high_rank_below(RETIREMENT_VIEW).height for node in LEFT)
    assert known < top.header.height
    table.give(3, 6, certify(table, top.header, (0, 3, 4, 5, 6)))
    call(table, 0, Summon(0))
    table.pass_time(1000, only=LEFT)
    shown = [table.term(node).retirements() for node in LEFT]
    assert shown[0] is not None
    assert shown[0].certificate is not None
    assert shown[0].certificate.ballot.header_hash == top.hash
    assert all(each == shown[0] for each in shown)
    assert table.term(0).retired_units() == 4 * UNITS
    digest = retirements_digest(shown[0])
    assert are_retirements_enough(Retirements(digest, Units(4 * UNITS), Units(7 * UNITS)), TABLE_PARAMS)
    assert not are_retirements_enough(Retirements(digest, Units(3 * UNITS), Units(7 * UNITS)), TABLE_PARAMS)


def r13() -> None:
    """R13: whoever holds order and statements makes the restart, all the same one; others are refused."""
    table = summoned()
    base = table.term(0)
    good = order_of(table)
    shown = base.retirements()
    assert shown is not None
    parent = base.tree.get(good.parent)
    assert parent is not None
    stranger = table.trial.suite.key_pair(bytes(32))
    worse = [
        (order_of(table, parent=parent.header.parent, parent_height=parent.header.height - 1), None),
        (order_of(table, retirements=bytes(32)), None),
        (order_of(table, gone=(3, 4, 5)), None),
        (order_of(table, removed=(*order_of(table).removed, NodeId(bytes([255]) * 32))), None),
        (order_of(table, removed=good.removed[::-1]), None),
        (good, stranger),
    ]
    for order, signer in worse:
        assert derived_by(table, parent, shown, order, signer) is None
    three = statements_of(table, shown, 3)
    few = order_of(table, retirements=retirements_digest(three), removed=tuple(sorted(table.ids[3:])))
    assert derived_by(table, parent, three, few) is None, "fewer than four would be left"
    assert derived_by(table, parent, shown, good) is not None
    call(table, 2, good)
    table.deliver()
    assert {restarts(table, node)[0].hash for node in LEFT} == {restarts(table, 0)[0].hash}


def r13_flood() -> None:
    """R13: one who tells everybody another statement, and makes headers without end, holds nobody up."""
    table = bereft()
    table.hold = lambda sender, receiver, message: sender in GONE or receiver in GONE or sender == 3
    call(table, 0, Summon(0))
    table.pass_time(1000, only=LEFT)
    own = table.term(3).statements[table.ids[3]]
    for node in (0, 1, 2):
        told = change(own.state, clock_us=Micros(own.state.clock_us + node))
        signed = table.nodes[3].finality.site.sign(told)
        table.give(node, 3, StateAnnouncement(signed, own.certificate, None))
    order = order_of(table)
    operation = table.trial.call(order).transaction.operation
    assert isinstance(operation, Order)
    mandate = encode(Mandate(operation.order, operation.signature))
    parent, shown = table.term(0).tree.get(order.parent), table.term(0).retirements()
    assert parent is not None
    assert shown is not None
    good = table.term(0).validity.restart(parent, (encode(shown), mandate))
    assert good is not None
    for number in range(RIVALS_MAX):
        items = (b"%d" % number, mandate)
        fake = change(good.header, transaction_root=compute_root(items))
        for node in (1, 2):
            table.give(node, 3, Envelope(fake, (), None, None, show_order(items)))
    call(table, 0, order)
    table.pass_time(seconds(5), only=LEFT)
    assert all(table.term(node).epoch.number > 0 for node in (0, 1, 2))


def statements_of(table: Table, shown: NewView, count: int) -> NewView:
    """The statements of the first nodes only."""
    chosen = {table.ids[node] for node in range(count)}
    states = tuple(state for state in shown.states if state.identity in chosen)
    return NewView(states, shown.certificate)


def derived_by(table: Table, parent: Link, shown: NewView, order: Reconfigure, signer: Any = None) -> Any:
    """What follows from that order, by any node; None if nothing does."""
    operation = table.trial.call(order, signer).transaction.operation
    assert isinstance(operation, Order)
    try:
        return table.term(0).validity.restart(
            parent,
            (encode(shown), encode(Mandate(operation.order, operation.signature))),
        )
    except Rejected:
        return None


def r14() -> None:
    """R14: those who are left confirm the restart, of whose units a quorum is one; the record shows it."""
    table = summoned()
    waiting = table.pay(2)
    call(table, 1, order_of(table))
    table.pass_time(seconds(2), only=LEFT)
    for node in LEFT:
        assert table.term(node).epoch.number >= 1
    record = load_record(table.disks[0], 0)
    assert record is not None
    assert record.proof.restart is not None
    assert record.proof.path[0].view == RETIREMENT_VIEW
    site = table.nodes[0].finality.site
    verify_record(record, 0, site.epochs[0].electorate, site.scope)
    ids = [each for commit in table.commits[3] for each in table.trial.oracle.block(commit.block).transactions]
    assert ids.count(waiting.id) == 1


def r14_one() -> None:
    """R14: who has acknowledged one restart acknowledges no other, whatever the authority signs."""
    table = summoned()
    table.hold = lambda sender, receiver, message: (
        sender in GONE or receiver in GONE or (isinstance(message, TransactionBatch) and sender % 2 != receiver % 2)
    )
    call(table, 0, order_of(table))
    call(table, 1, order_of(table, gone=(5, 6)))
    table.pass_time(seconds(1), only=LEFT)
    table.hold = lambda sender, receiver, _: sender in GONE or receiver in GONE
    table.pass_time(seconds(4), only=LEFT)
    for node in LEFT:
        given = [
            message.ballot
            for message in table.messages(node, Acknowledgement)
            if message.ballot.view == RETIREMENT_VIEW
        ]
        first = {ballot.header_hash for ballot in given if ballot.height == min(each.height for each in given)}
        assert len(first) == 1


def r15() -> None:
    """R15: the next electorate is without the removed; one of them that comes back follows, and does not vote."""
    table = summoned()
    call(table, 1, order_of(table))
    table.pass_time(seconds(2), only=LEFT)
    following = table.nodes[0].finality.site.epochs[1].electorate
    assert {*following.places} == {table.ids[node] for node in LEFT}
    table.hold = lambda sender, receiver, message: False
    table.pass_time(seconds(3))
    assert table.term(5).epoch.number >= 1
    first = table.nodes[5].finality.site.epochs.get(1)
    assert first is not None
    assert table.ids[5] not in first.electorate.places
    given = [message.ballot for message in table.messages(5, Acknowledgement)]
    assert not any(ballot.epoch == 1 or ballot.view == RETIREMENT_VIEW for ballot in given)


def v9_retired() -> None:
    """V9: who retires, hides what it knows, and acknowledges on is accused."""
    table = summoned(4)
    state = table.term(0).statements[table.ids[3]]
    assert state.state.high.height > 0
    low = table.nodes[3].finality.site.sign(
        State(0, RETIREMENT_VIEW, table.term(0).epoch.base_rank, state.state.clock_us, table.ids[3], bytes(64))
    )
    fresh = after_blocks(4, nodes=7)
    fresh.give(0, 3, StateAnnouncement(low, None, None))
    given = [message for message in fresh.messages(3, Acknowledgement) if message.ballot.height == 4]
    link = fresh.term(0).tree.get(given[0].ballot.header_hash)
    assert link is not None
    assert link.header.justify.height > 0
    fresh.give(0, 3, given[0])
    assert any(isinstance(each, HiddenCertificate) and each.state == low for each in fresh.accused)


def closed() -> tuple[Table, Link]:
    """Voters have retired that know the last block of the epoch to be certified."""
    table = Table(7)

    def hold(sender: int, receiver: int, message: Any) -> bool:
        is_closing = isinstance(message, Envelope) and message.header.kind is Kind.CLOSING
        return is_closing or (isinstance(message, Acknowledgement) and message.ballot.height > 6)

    table.hold = hold
    while not any(link.header.boundary and link.certificate for link in table.term(1).tree.links.values()):
        table.pass_time(10_000)
    last = next(link for link in table.term(1).tree.links.values() if link.header.boundary and link.certificate)
    table.queue.clear()
    table.held.clear()
    table.hold = without(*GONE)
    call(table, 0, Summon(0))
    table.pass_time(1000, only=LEFT)
    return table, last


def r13_closed() -> None:
    """R13, R6: where the highest certificate is of the last block, the restart changes nothing, and confirms that."""
    table, last = closed()
    order = order_of(table)
    assert order.parent_height >= last.header.height
    call(table, 0, order)
    table.pass_time(seconds(2), only=LEFT)
    assert all(table.term(node).epoch.number == 1 for node in LEFT)
    assert table.nodes[0].finality.site.epochs[1].base == last.header
