"""The shapes of messages: what the rules of finality will ask of them, and what cannot be said at all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from bac.errors import Code, Rejected
from bac.genesis import Genesis
from bac.types import Height, Units
from bac.wire import block, claims, event, evidence, header, sync, transfer, votes
from bac.wire.codec import Message, decode, encode
from bac.wire.registry import ITEMS, MESSAGES, decode_item, decode_message, tag_of
from tests.wire.samples import (
    ACKNOWLEDGEMENT,
    BOUNDARY,
    CERTIFICATE,
    CLAIM,
    CLAIM_LIST,
    EVENT_HEADER,
    HEADER,
    INCLUSION,
    LIST_CERTIFICATE,
    NEW_VIEW,
    PROOF,
    RETIREMENT,
    SAMPLES,
    SIGNATURE,
    STATE,
    some,
    some_hash,
    some_id,
)


def refused(value: Message) -> None:
    """The value does not fit its declaration, so nobody can send it and nobody would read it."""
    with pytest.raises(ValueError, match="does not fit its declaration"):
        encode(value)


def test_an_event_is_known_by_its_header() -> None:
    """WI-9: the id covers the signature; the payload only by its hash."""
    other = msgspec.structs.replace(EVENT_HEADER, signature=some("another", 64))
    assert event.event_id(other) != event.event_id(EVENT_HEADER)
    assert event.payload_hash((b"ab", b"c")) != event.payload_hash((b"a", b"bc"))
    assert encode(event.Event(EVENT_HEADER, ()))[2:].startswith(encode(EVENT_HEADER))
    refused(msgspec.structs.replace(EVENT_HEADER, other_parents=(some_hash("x"),) * 17))
    refused(event.Event(EVENT_HEADER, (b"x",)))
    refused(event.Event(EVENT_HEADER, (b"xx",) * 1025))


def test_a_header_hash_covers_every_field() -> None:
    """WI-10: its bytes follow from the order, and the hash from the bytes; leaders' signatures are outside."""
    changes: list[dict[str, Any]] = [
        {"version": 2}, {"network": some_hash("x")}, {"shard": 8}, {"epoch": 4}, {"view": 1},
        {"kind": header.Kind.CLOSING}, {"height": 257}, {"parent": some_hash("x")}, {"round": 25}, {"time_us": 5},
        {"transaction_root": some_hash("x")}, {"evidence_root": some_hash("x")}, {"state_root": some_hash("x")},
        {"committee_hash": some_hash("x")}, {"electorate_root": some_hash("x")},
        {"justify": header.Rank(0, Height(254), some_hash("certified"))}, {"boundary": BOUNDARY},
    ]  # fmt: skip
    assert [*{name: None for each in changes for name in each}] == [*header.Header.__struct_fields__]
    hashes = {header.header_hash(msgspec.structs.replace(HEADER, **each)) for each in changes}
    assert len(hashes | {header.header_hash(HEADER)}) == len(changes) + 1


def test_the_boundary_before_ranks_below_every_certificate() -> None:
    """WI-11: it counts as view -1; no other negative view can be said."""
    assert decode(header.Rank, encode(header.Rank(-1, Height(7), some_hash("x")))).view == -1
    refused(header.Rank(-2, Height(7), some_hash("x")))


def test_kinds_of_headers() -> None:
    """WI-11: ordered, opening, closing, and nothing else."""
    assert [int(kind) for kind in header.Kind] == [0, 1, 2]
    data, other = encode(HEADER), encode(msgspec.structs.replace(HEADER, kind=header.Kind.OPENING))
    at = next(place for place, pair in enumerate(zip(data, other, strict=True)) if len(set(pair)) == 2)
    with pytest.raises(Rejected):
        decode_message(data[:at] + b"\x03" + data[at + 1 :])


def test_what_is_acknowledged_has_no_voter_in_it() -> None:
    """WI-12: all who acknowledge a header sign the same bytes, so that they aggregate."""
    ballot = votes.ballot_of(HEADER)
    assert ballot == votes.Ballot(HEADER.epoch, HEADER.view, HEADER.height, header.header_hash(HEADER))
    one = votes.Acknowledgement(ballot, some_id("a"), SIGNATURE)
    other = votes.Acknowledgement(ballot, some_id("b"), SIGNATURE)
    network = HEADER.network
    assert votes.ballot_preimage(one.ballot, network, 7) == votes.ballot_preimage(other.ballot, network, 7)


def test_wishes_states_and_new_views() -> None:
    """WI-14: of view 1 at least; a retirement is a state above all views; a new view holds at least one state."""
    refused(votes.Wish(3, 0, Height(1), some_id("a"), SIGNATURE))
    refused(votes.Wish(3, header.RETIREMENT_VIEW, Height(1), some_id("a"), SIGNATURE))
    refused(votes.WishBatch(()))
    refused(msgspec.structs.replace(STATE, view=0))
    assert RETIREMENT.view == header.RETIREMENT_VIEW == 2**32 - 1
    refused(msgspec.structs.replace(STATE, view=2**32))
    refused(votes.NewView((), CERTIFICATE))
    assert decode_item(encode(NEW_VIEW)) == NEW_VIEW
    with pytest.raises(Rejected):
        decode_item(encode(STATE))


def test_claims_and_lists_of_claims() -> None:
    """WI-15: a list names claims by epoch, role and identity; roles are two; what stands in it is ordered by itself."""
    same = msgspec.structs.replace(CLAIM, signature=some("another", 64), proof=some("another", 80))
    assert claims.claim_id(same) == claims.claim_id(CLAIM)
    others = ({"epoch": 9}, {"role": claims.Role(1 - CLAIM.role)}, {"identity": some_id("another")})
    ids = {claims.claim_id(msgspec.structs.replace(CLAIM, **each)) for each in others}
    assert len(ids | {claims.claim_id(CLAIM)}) == 4
    assert CLAIM_LIST.claims == (claims.claim_id(CLAIM),)
    assert [int(role) for role in claims.Role] == [0, 1]
    refused(msgspec.structs.replace(CLAIM, role=2))
    assert {claims.Claim, claims.ClaimList, claims.SeedProof, claims.Departure} <= set(ITEMS.values())


def test_only_items_are_ordered() -> None:
    """WI-16: a body or an event cannot carry what is no item; items keep their bytes and their order."""
    for kind in set(MESSAGES.values()) - set(ITEMS.values()):
        sample = next(each for each in SAMPLES if type(each) is kind)
        with pytest.raises(Rejected):
            decode_item(encode(sample))
    items = tuple(encode(each) for each in SAMPLES if type(each) in ITEMS.values())
    assert decode(block.Body, encode(block.Body(items))).items == items
    assert decode(block.Body, encode(block.Body(items[::-1]))).items == items[::-1]
    assert set(get_args(evidence.AnyEvidence)) <= set(ITEMS.values())


def test_evidence_takes_acknowledgements_alone_or_in_certificates() -> None:
    """WI-19: with aggregated signatures there is no other way; each piece names shard and epoch."""
    for first in (ACKNOWLEDGEMENT, CERTIFICATE, LIST_CERTIFICATE):
        for second in (ACKNOWLEDGEMENT, CERTIFICATE):
            proof = evidence.DoubleAcknowledgement(7, 3, first, second, (HEADER,))
            assert decode_item(encode(proof)) == proof
    for kind in get_args(evidence.AnyEvidence):
        assert kind.__struct_fields__[:2] == ("shard", "epoch")
    refused(evidence.DoubleAcknowledgement(7, 3, ACKNOWLEDGEMENT, CERTIFICATE, ()))


def test_the_largest_electorate_fits() -> None:
    """WI-5: thousands of voters, each with the longest keys, are within the caps of what lists them."""
    states = tuple(
        msgspec.structs.replace(STATE, clock_us=2**62, identity=some_id(str(n))) for n in range(votes.VOTERS_MAX)
    )
    new_view = votes.NewView(states, msgspec.structs.replace(CERTIFICATE, signers=b"\1" * 1024))
    assert decode_item(encode(new_view)) == new_view
    opening = evidence.FalseOpening(7, 3, CERTIFICATE, HEADER, encode(new_view), INCLUSION)
    assert decode_item(encode(opening)) == opening
    electors = tuple(block.Elector(some_id(str(n)), some("key", 48), Units(2**16)) for n in range(votes.VOTERS_MAX))
    leaders = tuple(block.Leader(some_id(str(n)), 2**16) for n in range(block.LEADERS_MAX))
    path = (msgspec.structs.replace(HEADER, boundary=BOUNDARY),) * block.PATH_MAX
    record = block.BoundaryRecord(msgspec.structs.replace(PROOF, path=path), electors, leaders)
    assert decode_item(encode(record)) == record
    listed = tuple(some_hash(str(n)) for n in range(claims.CLAIMS_MAX))
    claim_list = msgspec.structs.replace(CLAIM_LIST, claims=listed)
    announced = votes.StateAnnouncement(STATE, LIST_CERTIFICATE, claim_list)
    assert decode_message(encode(announced)) == announced


def test_a_proof_has_at_least_the_header_that_it_proves() -> None:
    """WI-18: and at most as many as a path may have."""
    refused(msgspec.structs.replace(PROOF, path=()))
    refused(msgspec.structs.replace(PROOF, path=(HEADER,) * (block.PATH_MAX + 1)))
    assert len(encode(msgspec.structs.replace(PROOF, path=(HEADER,) * block.PATH_MAX))) < block.ConfirmationProof.CAP


def test_questions_and_answers_are_bounded() -> None:
    """WI-20: every question is small, and no answer exceeds a mebibyte but those that hold whole electorates."""
    questions = (transfer.BodyPull, transfer.StatePull, sync.EventRequest, sync.TipPull, sync.EnvelopePull,
                 sync.RecordPull, sync.Hello)  # fmt: skip
    assert all(kind.CAP <= 2**16 for kind in questions)
    above = {kind for kind in MESSAGES.values() if kind.CAP > 2**20}
    assert above == {block.Body, block.BoundaryRecord, block.ItemProof, votes.NewView, evidence.FalseOpening}
    assert all(kind.CAP <= event.ITEM_BYTES_MAX for kind in ITEMS.values())
    largest = sync.EventRequest(3, tuple(some_hash(str(each)) for each in range(sync.IDS_MAX)))
    assert decode_message(encode(largest)) == largest
    refused(sync.EventRequest(3, ()))
    refused(sync.EventBatch(3, ()))
    refused(sync.EnvelopeBatch(()))


def test_bodies_travel_in_chunks() -> None:
    """WI-21: each chunk, full and with the largest numbers, is within its cap."""
    chunk = transfer.BodyChunk(
        some_hash("header"), block.BODY_BYTES_MAX, block.BODY_BYTES_MAX, bytes(transfer.CHUNK_BYTES)
    )
    assert len(encode(chunk)) <= transfer.BodyChunk.CAP
    state = transfer.StateChunk(some_hash("root"), bytes(2**18))
    assert len(encode(state)) <= transfer.StateChunk.CAP


def test_the_specification_lists_every_message() -> None:
    """WI-5: tag, type, cap, whether it is an item, and the fields in order."""
    text = (Path(__file__).parent.parent.parent / "docs" / "spec" / "wire.md").read_text()
    listed = [
        [cell.strip(" `") for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")
    ]
    kinds: list[tuple[int, type[Message]]] = [*sorted(MESSAGES.items()), (tag_of(Genesis), Genesis)]
    assert listed[1:] == [
        [str(tag), kind.__name__, str(kind.CAP), "yes" if tag in ITEMS else "", ", ".join(kind.__struct_fields__)]
        for tag, kind in kinds
    ]


def test_every_code_is_written_down() -> None:
    """WI-39: a code that is renamed, or new, or gone, is one that a client does not know."""
    folder = Path(__file__).parent.parent.parent / "docs" / "spec"
    wire, ledger = ((folder / name).read_text() for name in ("wire.md", "ledger.md"))
    own = set(re.findall(r"`([a-z-]+)`", wire.partition("**WI-39**")[2].partition("LE-13")[0]))
    theirs = set(re.findall(r"`([a-z-]+)`", ledger.partition("**LE-13**")[2].partition("**LE-14**")[0]))
    clients = set(re.findall(r"`([a-z-]+)`", ledger.partition("**LE-28**")[2].partition("## Figures")[0]))
    codes = {code.value for code in Code}
    assert own <= codes
    assert codes == own | {word for word in theirs | clients if "-" in word or word in {"expired", "unfunded"}}
