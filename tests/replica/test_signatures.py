"""Leaders' signatures on the headers that they all make alike."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace as change

from bac.errors import Code
from bac.finality.records import load_signed, save_signed
from bac.replica.signatures import Signatures
from bac.types import Hash, Micros
from bac.wire.block import Envelope, LeaderSignature, leader_preimage
from bac.wire.evidence import DoubleHeader
from bac.wire.header import Header, header_hash
from bac.wire.sync import EventBatch, EventPull, TipAnswer
from bac.wire.votes import Wish
from tests.replica.leaders import Leaders


def sign(stage: Leaders, header: Header, *nodes: int) -> Envelope:
    """`header` as these leaders sign it, whether they made it or not."""
    message = leader_preimage(header_hash(header), stage.ground.network, 0)
    signatures = [LeaderSignature(stage.ids[node], stage.pairs[node].sign(message)) for node in nodes]
    return Envelope(header, tuple(sorted(signatures, key=lambda each: each.leader)), None, None, None)


def first_header(stage: Leaders) -> Header:
    """Of the first block, as the leaders make it if nothing comes in between."""
    twin = Leaders()
    twin.boot()
    twin.run_while(lambda: not twin.messages(Envelope), 5)
    header: Header = twin.messages(Envelope)[0].message.header
    assert twin.ids == stage.ids
    return header


def own_signatures(stage: Leaders, node: int) -> dict[tuple[int, int], set[Hash]]:
    """By epoch and height, the headers that a node signed, as it was heard alone on them."""
    found: dict[tuple[int, int], set[Hash]] = {}
    for each in stage.messages(Envelope, node):
        envelope = each.message
        if [one.leader for one in envelope.signatures] == [stage.ids[node]] and envelope.header.view == 0:
            place = envelope.header.epoch, envelope.header.height
            found.setdefault(place, set()).add(header_hash(envelope.header))
    return found


def test_a_signature_is_durable_before_it_is_sent_to_all_leaders() -> None:
    """RP-75: one per height and epoch, to all other leaders."""
    stage = Leaders()
    kept: list[bool] = []

    def look(sender: int, _: int, message: Any) -> tuple[int, ...]:
        if isinstance(message, Envelope) and [each.leader for each in message.signatures] == [stage.ids[sender]]:
            header = message.header
            kept.append(load_signed(stage.disks[sender], header.epoch).get(header.height) == header_hash(header))
        return (4_000,)

    stage.way = look
    stage.boot()
    stage.run(6)
    assert len(kept) > 20
    assert all(kept)
    for node in range(4):
        signed = own_signatures(stage, node)
        assert len(signed) >= 8
        assert {len(each) for each in signed.values()} == {1}
    first = [each for each in stage.messages(Envelope, 0) if each.message.header.height == 1]
    assert {each.to for each in first if len(each.message.signatures) == 1} == {1, 2, 3}


def test_after_a_restart_a_leader_signs_the_same_again() -> None:
    """RP-75: and nothing where it signed another header of that height before."""
    stage = Leaders()
    stage.boot()
    me = stage.seats[0]
    drawn = stage.way
    stage.way = lambda sender, to, message: (
        () if isinstance(message, Envelope) else drawn(sender, to, message)
    )  # fmt: skip
    stage.run_while(lambda: len(own_signatures(stage, me)) < 2, 3)
    before = own_signatures(stage, me)
    stage.crash(me)
    stage.disks[me].keep(save_signed(0, 2, Hash(b"o" * 32)))
    stage.sent.clear()
    stage.boot(me)
    stage.run_while(lambda: (0, 3) not in own_signatures(stage, me), 3.5)
    again = own_signatures(stage, me)
    assert again[0, 1] == before[0, 1]
    assert (0, 2) not in again
    assert (0, 3) in again


def test_a_leader_signs_only_what_it_made_itself() -> None:
    """RP-75: what others sign is no reason."""
    stage = Leaders()
    stage.boot()
    me, *others = stage.seats
    stage.way = lambda *_: ()
    strange = change(first_header(stage), time_us=Micros(77))
    stage.deliver(others[0], me, sign(stage, strange, *others[:2]))
    stage.run(1)
    assert own_signatures(stage, me) == {}
    assert stage.refused == []


def test_signatures_come_before_the_header_was_made() -> None:
    """RP-76: they are kept; who makes the header then has enough at once."""
    stage = Leaders()
    last = stage.seats[3]

    def slow(_: int, to: int, message: Any) -> tuple[int, ...]:
        if to != last or isinstance(message, TipAnswer):
            return (2_000,)
        if isinstance(message, Envelope) and len(message.signatures) == 1:
            return (2_000,)
        return (300_000,) if isinstance(message, EventBatch) else ()

    stage.way = slow
    stage.boot()
    stage.run_while(lambda: not own_signatures(stage, stage.seats[0]), 5)
    first = header_hash(first_of(stage, stage.seats[0]))
    stage.run(stage.now / 1e6 + 0.02)
    gathering = stage.lead(last)._signatures.get(first)
    assert gathering is not None
    assert len(gathering.signatures) == 3
    assert first not in stage.node(last).finality.term.tree.links
    stage.run_while(lambda: stage.node(last).finality.term.tree.get(first) is None, 5)
    link = stage.node(last).finality.term.tree.get(first)
    assert link is not None
    assert link.envelope is not None


def first_of(stage: Leaders, node: int) -> Header:
    header: Header = stage.messages(Envelope, node)[0].message.header
    return header


def test_one_header_per_leader_and_height_is_kept() -> None:
    """RP-76: two are evidence against that leader; the second is not counted."""
    stage = Leaders()
    stage.boot()
    stage.way = lambda *_: ()
    me, liar = stage.seats[:2]
    one = first_header(stage)
    two = change(one, time_us=Micros(one.time_us + 1))
    stage.deliver(liar, me, sign(stage, one, liar))
    assert stage.accused == []
    stage.deliver(liar, me, sign(stage, two, liar))
    assert stage.lead(me)._signatures.get(header_hash(two)) is None
    ((node, evidence),) = stage.accused
    assert node == me
    assert isinstance(evidence, DoubleHeader)
    assert stage.node(me).court.culprits(evidence) == (stage.ids[liar],)


@pytest.mark.parametrize("count", [0, 40])
def test_many_headers_of_many_heights_stay_bounded(count: int) -> None:
    """RP-76: whatever a leader signs: one per height, and no height beyond the end of the epoch."""
    stage = Leaders()
    stage.boot()
    stage.way = lambda *_: ()
    me, liar = stage.seats[:2]
    header = first_header(stage)
    for place in range(count):
        stage.deliver(liar, me, sign(stage, change(header, height=place + 1, time_us=Micros(place)), liar))
        stage.deliver(liar, me, sign(stage, change(header, height=place + 1), liar))
    last = stage.params.epoch_rounds + stage.params.epoch_grace_rounds
    assert len(stage.lead(me)._signatures._all) == min(count, last)
    assert len(stage.refused) == 2 * max(count - last, 0)


def test_signatures_by_others_than_leaders_are_refused() -> None:
    """RP-76: and false ones."""
    stage = Leaders((4000,) * 5)
    stage.boot()
    stage.way = lambda *_: ()
    me, other = stage.seats[:2]
    (stranger,) = set(range(5)) - set(stage.seats)
    header = stage.node(me).leadership
    assert header is not None
    made = change(first_header(Leaders()), network=stage.ground.network)
    stage.deliver(other, me, sign(stage, made, stranger))
    forged = sign(stage, made, other)
    stage.deliver(other, me, change(forged, signatures=(LeaderSignature(stage.ids[other], bytes(64)),)))
    assert [each[3].code for each in stage.refused] == [Code.NOT_A_MEMBER, Code.BAD_SIGNATURE]
    assert stage.lead(me)._signatures._all == {}


def test_enough_is_more_than_two_thirds_of_the_weight() -> None:
    """RP-77: not of the number."""
    stage = Leaders()
    header = first_header(stage)
    for weights, signers, is_enough in (
        ((1, 1, 1, 1), (0, 1), False),
        ((1, 1, 1, 1), (0, 1, 2), True),
        ((4, 1, 1, 1), (1, 2, 3), False),
        ((4, 1, 1, 1), (0, 1), True),
        ((2, 1, 0, 0), (0,), False),
    ):
        gathered = Signatures({stage.ids[node]: weights[node] for node in range(4)})
        for each in sign(stage, header, *signers).signatures:
            gathered.add(header, header_hash(header), each)
        gathering = gathered.get(header_hash(header))
        assert gathering is not None
        assert gathered.is_enough(gathering) is is_enough
        assert gathered.ready() == ([header_hash(header)] if is_enough else [])


def test_enough_signatures_make_the_envelope() -> None:
    """RP-77: it has all of them, ascending; leaders are not sent what they make themselves."""
    stage = Leaders()
    stage.boot()
    stage.run_while(lambda: stage.node(0).finality.term.height < 2, 5)
    term = stage.node(0).finality.term
    envelopes = [link.envelope for link in term.tree.links.values() if link.parent is not None and link.envelope]
    assert len(envelopes) >= 2
    for envelope in envelopes:
        signers = [each.leader for each in envelope.signatures]
        assert len(signers) >= 3
        assert signers == sorted(signers)
    whole = [each for each in stage.messages(Envelope) if len(each.message.signatures) >= 3]
    assert len(whole) < len(stage.messages(Envelope)) / 2


def test_a_leader_in_a_later_view_only_answers() -> None:
    """RP-77: no events, no signatures; what peers ask is answered."""
    stage = Leaders()
    drawn = stage.way
    stage.boot()
    stage.run(1)
    me, other = stage.seats[:2]
    stage.way = lambda sender, to, message: drawn(sender, to, message) if isinstance(message, Wish) else ()
    stage.run_while(lambda: stage.node(me).finality.term.voter.view == 0, 30)
    stage.sent.clear()
    stage.way = lambda *_: ()
    stage.pay(me)
    stage.run(stage.now / 1e6 + 2)
    assert not stage.lead(me).is_active
    assert stage.messages(EventBatch, me) == []
    assert own_signatures(stage, me) == {}
    stage.deliver(other, me, EventPull(0, ()))
    (answer,) = stage.messages(EventBatch, me)
    assert answer.to == other
