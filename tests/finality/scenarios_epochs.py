"""What rules E promise."""

from __future__ import annotations

from typing import Any

from bac.finality import finality
from bac.finality.chain import header_hash
from bac.proofs.merkle import compute_root
from bac.types import Micros
from bac.wire.block import BoundaryRecord, ConfirmationProof, Envelope
from bac.wire.header import Kind
from bac.wire.sync import EnvelopeBatch, RecordPull
from bac.wire.votes import (
    Acknowledgement,
    Certificate,
    Wish,
)
from tests.finality.staging import (
    REPEAT,
)
from tests.finality.table import TABLE_PARAMS, Table, TableTrial, seconds


def e1() -> None:
    """E1: all headers of an epoch carry its electorate; the last names the next."""

    class Smaller(TableTrial):
        electors = (0, 1, 2, 3)

    table = Table(5, Smaller)
    table.pass_time(seconds(3))
    first, second = table.nodes[0].finality.site.epochs[0], table.nodes[0].finality.site.epochs[1]
    assert len(first.electorate.members) == 5
    assert len(second.electorate.members) == 4
    headers = [commit.block.header for commit in table.commits[0]]
    for header in headers:
        if header.epoch < 2:
            assert header.electorate_root == (first, second)[header.epoch].electorate.root
    last = next(header for header in headers if header.epoch == 0 and header.boundary is not None)
    assert last.boundary.next_electorate_root == second.electorate.root


def e2() -> None:
    """E2: the block of round R_len is the last; view 0 has no header after it."""
    table = Table()
    table.pass_time(seconds(4))
    rounds = [commit.block.header.round for commit in table.commits[2] if commit.block.header.epoch == 0]
    assert rounds == list(range(1, TABLE_PARAMS.epoch_rounds + 1))
    assert [c.block.header.boundary is not None for c in table.commits[2]][: len(rounds)].index(True) == len(rounds) - 1


def e3() -> None:
    """E3: the closing header is a pure function of the last block: all build the same, unsigned."""
    table = Table()
    table.pass_time(seconds(4))
    closing = {
        header_hash(message.header)
        for _, _, message in table.sent
        if isinstance(message, Envelope) and message.header.kind is Kind.CLOSING and message.header.epoch == 0
    }
    base = next(proof for _, _, proof in table.sent if isinstance(proof, ConfirmationProof) and proof.path[0].boundary)
    assert base.carrier.kind is Kind.CLOSING
    assert closing <= {header_hash(base.carrier)}
    assert base.carrier.transaction_root == compute_root(())
    assert base.carrier.state_root == base.path[-1].state_root


def e4() -> None:
    """E4: nobody acts in the next epoch without the proof of the last block; its first block brings it."""
    table = Table()

    def hold(sender: int, receiver: int, message: Any) -> bool:
        shows = isinstance(message, ConfirmationProof | BoundaryRecord | Certificate | Acknowledgement | EnvelopeBatch)
        return receiver == 3 and (shows or (isinstance(message, Envelope) and message.header.epoch > 0))

    table.hold = hold
    table.pass_time(seconds(2))
    assert table.term(0).epoch.number >= 1
    assert table.term(3).epoch.number == 0
    assert not [m for m in table.messages(3, Acknowledgement) if m.ballot.epoch > 0]
    first = [
        message
        for _, _, message in table.sent
        if isinstance(message, Envelope) and message.header.height == 7 and message.header.kind is Kind.ORDERED
    ]
    assert all(each.proof is not None for each in first if len(each.signatures) > 1)
    assert first


def e5() -> None:
    """E5: who holds the proof of the last block says nothing in its epoch but that."""
    table = Table()
    table.pass_time(seconds(2))
    number = table.term(0).epoch.number
    assert number >= 1
    table.hold = lambda sender, receiver, message: True
    table.queue.clear()
    table.sent.clear()
    table.now = Micros(table.now + REPEAT)
    old = Wish(0, 1, 0, table.ids[3], bytes(64))  # type: ignore[arg-type]
    table.give(1, 3, table.nodes[3].finality.site.sign(old))
    said = [message for sender, to, message in table.sent if sender == 1 and to == table.ids[3]]
    assert [each.proof.path[0].epoch for each in said if isinstance(each, BoundaryRecord)] == [0]
    assert not [each for each in said if finality.epoch_of(each) == 0]


def e7() -> None:
    """E7: an electorate that does not qualify does not open an epoch: the old one stays."""

    class TooFew(TableTrial):
        electors = (0, 1, 2)

    table = Table(4, TooFew)
    table.pass_time(seconds(4))
    assert table.term(0).epoch.number >= 1
    assert len(table.term(0).epoch.electorate.members) == 4


def e8() -> None:
    """E8, V7: a node that is epochs behind asks for records, judges each, and fetches the state."""
    table = Table(5)
    table.hold = lambda sender, receiver, message: receiver == 4 or sender == 4
    table.pass_time(seconds(4))
    ahead = table.term(0).epoch.number
    assert ahead >= 2
    table.held.clear()
    table.hold = lambda sender, receiver, message: False
    table.pass_time(seconds(4))
    assert table.term(4).epoch.number >= ahead
    assert table.messages(4, RecordPull)
    assert table.term(4).tree.root.state is not None
    assert table.messages(4, Acknowledgement)[-1].ballot.epoch >= ahead
