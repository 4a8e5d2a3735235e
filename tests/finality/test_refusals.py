"""What is refused has changed nothing, and what honest peers send twice is not refused: FB-5, FB-6."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from bac.errors import Rejected
from bac.finality.chain import header_hash
from bac.ledger.snapshot import cut_chunk
from bac.wire.block import BoundaryRecord, ConfirmationProof, Envelope
from bac.wire.codec import encode
from bac.wire.header import Kind
from bac.wire.sync import EnvelopeBatch
from bac.wire.transfer import BodyChunk, StateChunk
from bac.wire.votes import Acknowledgement, Certificate
from tests.finality.staging import after_blocks, published, rival
from tests.finality.table import Table, seconds


def an_epoch_behind() -> tuple[Table, Envelope]:
    """Node 3 holds all of epoch 0 but the proof of its end; and the first header of epoch 1, which brings it."""
    table = Table()

    def hold(sender: int, receiver: int, message: Any) -> bool:
        shows = isinstance(message, ConfirmationProof | BoundaryRecord | Certificate | Acknowledgement | EnvelopeBatch)
        return receiver == 3 and (shows or (isinstance(message, Envelope) and message.header.epoch > 0))

    table.hold = hold
    table.pass_time(seconds(2))
    assert table.term(3).epoch.number == 0
    envelopes = [
        message for _, _, message in table.sent if isinstance(message, Envelope) and len(message.signatures) > 2
    ]
    return table, next(
        each for each in envelopes
        if each.header.epoch == 1 and each.header.kind is Kind.ORDERED and each.proof is not None
    )  # fmt: skip


def test_a_good_proof_with_a_bad_header_is_taken_once_and_refused_after_that() -> None:
    """FB-5: the proof counts, the header does not; when the proof is no news, the refused message changes nothing."""
    table, envelope = an_epoch_behind()
    first, *others = envelope.signatures
    bad = replace(envelope, signatures=(replace(first, signature=bytes(64)), *others))
    table.perform(3, table.nodes[3].on_message(table.ids[0], bad, table.now))
    assert table.term(3).epoch.number == 1
    assert table.term(3).tree.get(header_hash(envelope.header)) is None
    effects, links = len(table.log[3]), dict(table.term(3).tree.links)
    with pytest.raises(Rejected):
        table.nodes[3].on_message(table.ids[0], bad, table.now)
    assert (table.nodes[3].finality.flush(), table.term(3).tree.links) == ([], links)
    assert len(table.log[3]) == effects
    table.give(3, 0, envelope)
    assert table.term(3).tree.get(header_hash(envelope.header)) is not None


def test_a_bad_proof_leaves_the_node_where_it_is() -> None:
    """FB-5: nothing of the message is taken, and it is refused."""
    table, envelope = an_epoch_behind()
    assert envelope.proof is not None
    false = replace(envelope.proof.carrier_certificate, aggregate=bytes(96))
    bad = replace(envelope, proof=replace(envelope.proof, carrier_certificate=false))
    vouchers, links = dict(table.term(3).tree.vouchers), dict(table.term(3).tree.links)
    with pytest.raises(Rejected):
        table.nodes[3].on_message(table.ids[0], bad, table.now)
    assert table.nodes[3].finality.flush() == []
    assert (table.term(3).tree.vouchers, table.term(3).tree.links) == (vouchers, links)
    assert table.term(3).epoch.number == 0


def test_a_false_body_does_not_disturb_the_one_that_is_coming() -> None:
    """FB-6: pieces of a body come from one peer; what another sends is refused, or left alone."""
    table = after_blocks(2)
    envelope, body = rival(table, published(table, 0, 2), items=(b"\x01" * 40,))
    table.term(3).add_envelope(table.ids[0], envelope)
    block_hash, data = header_hash(envelope.header), encode(body)
    link = table.term(3).tree.get(block_hash)
    assert link is not None
    give = partial(table.nodes[3].on_message, now=table.now)
    give(table.ids[0], BodyChunk(block_hash, 0, len(data), data[:10]))
    with pytest.raises(Rejected):
        give(table.ids[1], BodyChunk(block_hash, 0, len(data), bytes(len(data))))
    give(table.ids[1], BodyChunk(block_hash, 10, len(data), bytes(len(data) - 10)))
    assert link.body is None
    give(table.ids[0], BodyChunk(block_hash, 10, len(data), data[10:]))
    assert link.body == body


class Noted(Table):
    """Remembers what was refused."""

    def __init__(self, nodes: int) -> None:
        self.refused: list[Any] = []
        super().__init__(nodes)

    def give(self, receiver: int, sender: int, message: Any) -> None:
        try:
            effects = self.nodes[receiver].on_message(self.ids[sender], message, self.now)
        except Rejected:
            self.refused.append(message)
        else:
            self.perform(receiver, effects)


def test_the_slower_of_two_answers_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """FB-6: a node that fetches a state asks two peers; each piece is taken once, nobody is blamed."""
    monkeypatch.setattr("bac.baselines.basic.machine.cut_chunk", partial(cut_chunk, size=300))
    table = Noted(5)
    table.hold = lambda sender, receiver, message: 4 in (sender, receiver)
    table.pass_time(seconds(4))
    table.held.clear()
    table.hold = lambda sender, receiver, message: False
    table.sent.clear()
    table.pass_time(seconds(4))
    pieces = [(to, message.chunk) for _, to, message in table.sent if isinstance(message, StateChunk)]
    assert len(pieces) > len(set(pieces)) > 2
    assert table.term(4).tree.root.state is not None
    assert not [each for each in table.refused if isinstance(each, StateChunk)]
