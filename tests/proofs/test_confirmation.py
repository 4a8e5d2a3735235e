"""WI-18: the proof of confirmation, boundary records, proofs of items."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bac.errors import Code, Rejected
from bac.proofs.confirmation import verify_confirmation, verify_item, verify_record
from bac.proofs.electorate import compute_committee_hash
from bac.proofs.merkle import compute_root, prove_inclusion
from bac.wire.block import BoundaryRecord, ConfirmationProof, ItemProof, Leader
from bac.wire.codec import decode, encode
from bac.wire.header import Kind, Rank
from tests.proofs.chain import EPOCH, Shard, closing, rank_of
from tests.wire.samples import BOUNDARY, some, some_hash, some_id

SHARD = Shard()
B1 = SHARD.header()
B2 = SHARD.header(B1)
B3 = SHARD.header(B2)


def refuse(code: Code, proof: ConfirmationProof, shard: Shard = SHARD) -> None:
    with pytest.raises(Rejected) as caught:
        verify_confirmation(proof, shard.epoch, shard.electorate, shard.scope)
    assert caught.value.code is code


@pytest.mark.parametrize("scheme", ["list", "bls", "stand-in list", "stand-in bls"])
def test_two_certificates_confirm(scheme: str) -> None:
    """WI-18: of the header, and of one that carries its certificate in the same view."""
    shard = Shard((1,) * 4, scheme)
    header = shard.header()
    proof = decode(ConfirmationProof, encode(shard.confirm(header)))
    assert verify_confirmation(proof, EPOCH, shard.electorate, shard.scope) == header


def test_ancestors_are_confirmed_too() -> None:
    """WI-18: with the path of headers; the carrier need not be the next header."""
    for path in ((B1,), (B1, B2), (B1, B2, B3)):
        for skipped in (0, 3):
            proof = SHARD.confirm(*path, skipped=skipped)
            assert verify_confirmation(proof, EPOCH, SHARD.electorate, SHARD.scope) == B1


def test_a_path_through_views() -> None:
    """WI-18: the header proven may be of a lower view; certificate and carrier are of one."""
    opening = SHARD.header(B1, view=2, kind=Kind.OPENING)
    assert verify_confirmation(SHARD.confirm(B1, opening), EPOCH, SHARD.electorate, SHARD.scope) == B1
    refuse(Code.BAD_PROOF, SHARD.confirm(opening, SHARD.header(opening, view=1)))


def test_one_certificate_confirms_nothing() -> None:
    """WI-18: a carrier with an older justify, or of a later view, hides a rival."""
    good = SHARD.confirm(B1)
    older = SHARD.header(B1)
    later = SHARD.header(B1, view=1, justify=rank_of(B1))
    for carrier in (older, later):
        proof = msgspec.structs.replace(good, carrier=carrier, carrier_certificate=SHARD.certify(carrier))
        refuse(Code.BAD_PROOF, proof)
    itself = msgspec.structs.replace(good, carrier=B1, carrier_certificate=SHARD.certify(B1))
    refuse(Code.BAD_PROOF, itself)


@pytest.mark.parametrize(
    "justify",
    [
        Rank(1, B1.height, rank_of(B1).hash),
        Rank(0, B2.height, rank_of(B1).hash),
        Rank(0, B1.height, some_hash("rival")),
    ],
    ids=["view", "height", "hash"],
)
def test_the_carrier_names_this_certificate(justify: Rank) -> None:
    """WI-18: by view, height and hash."""
    carrier = SHARD.header(B1, justify=justify)
    refuse(Code.BAD_PROOF, ConfirmationProof((B1,), SHARD.certify(B1), carrier, SHARD.certify(carrier), None))


def test_the_carrier_is_higher() -> None:
    """WI-18: its signers acknowledged it after the certificate was there."""
    carrier = SHARD.header(justify=rank_of(B1), round=99)
    refuse(Code.BAD_PROOF, ConfirmationProof((B1,), SHARD.certify(B1), carrier, SHARD.certify(carrier), None))


def test_both_certificates_are_judged() -> None:
    """WI-18: each is of its header, by a quorum, with good signatures."""
    good = SHARD.confirm(B1)
    two = SHARD.ids[:2]
    refuse(Code.BAD_PROOF, msgspec.structs.replace(good, certificate=good.carrier_certificate))
    refuse(Code.BAD_PROOF, msgspec.structs.replace(good, carrier_certificate=good.certificate))
    refuse(Code.NO_QUORUM, msgspec.structs.replace(good, certificate=SHARD.certify(B1, two)))
    refuse(Code.NO_QUORUM, msgspec.structs.replace(good, carrier_certificate=SHARD.certify(good.carrier, two)))
    spoiled = msgspec.structs.replace(good.certificate, aggregate=bytes(96))
    refuse(Code.BAD_SIGNATURE, msgspec.structs.replace(good, certificate=spoiled))
    spoiled = msgspec.structs.replace(good.carrier_certificate, aggregate=bytes(96))
    refuse(Code.BAD_SIGNATURE, msgspec.structs.replace(good, carrier_certificate=spoiled))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"version": 2}, Code.WRONG_VERSION),
        ({"network": some_hash("elsewhere")}, Code.WRONG_NETWORK),
        ({"shard": 8}, Code.WRONG_SHARD),
        ({"epoch": 4}, Code.BAD_PROOF),
        ({"electorate_root": some_hash("other")}, Code.BAD_PROOF),
    ],
    ids=str,
)
def test_headers_of_elsewhere(changes: dict[str, Any], code: Code) -> None:
    """WI-18: every header of the proof is of this version, network, shard, epoch and electorate."""
    refuse(code, SHARD.confirm(SHARD.header(**changes)))
    foreign = SHARD.header(B1, justify=rank_of(B1), **changes)
    refuse(code, ConfirmationProof((B1,), SHARD.certify(B1), foreign, SHARD.certify(foreign), None))


def test_another_electorate() -> None:
    """WI-18: a proof for the electorate of one epoch says nothing to that of another."""
    refuse(Code.BAD_PROOF, SHARD.confirm(B1), Shard(epoch=4))


def test_a_path_with_a_gap() -> None:
    """WI-18: each header is the parent of the next, heights rise by one."""
    refuse(Code.BAD_PROOF, SHARD.confirm(B1, B3))
    refuse(Code.BAD_PROOF, SHARD.confirm(B2, B1))
    refuse(Code.BAD_PROOF, SHARD.confirm(B1, SHARD.header(B1, height=B1.height + 2)))
    refuse(Code.BAD_PROOF, SHARD.confirm(B1, SHARD.header(SHARD.header(round=99))))


# ------------------------------------------------------------------------------------------- records

NEXT = Shard((5, 1, 1, 1, 1), epoch=EPOCH + 1)
COMMITTEE = (Leader(some_id("primary"), 4), Leader(some_id("candidate"), 2))
LAST = SHARD.header(
    B3,
    boundary=msgspec.structs.replace(
        BOUNDARY, next_electorate_root=NEXT.electorate.root, next_committee_hash=compute_committee_hash(COMMITTEE)
    ),
)


def record_of(proof: ConfirmationProof, **changes: Any) -> BoundaryRecord:
    record = BoundaryRecord(proof, NEXT.electorate.members, COMMITTEE)
    return msgspec.structs.replace(record, **changes)


def closed(*path: Any) -> ConfirmationProof:
    """Confirmed by the closing header of the last one."""
    carrier = closing(path[-1])
    return ConfirmationProof(path, SHARD.certify(path[-1]), carrier, SHARD.certify(carrier), None)


def test_a_record_leads_to_the_next_electorate() -> None:
    """WI-18: the closing header confirms the boundary, and the boundary commits to what follows."""
    record = decode(BoundaryRecord, encode(record_of(closed(LAST))))
    header, following = verify_record(record, EPOCH, SHARD.electorate, SHARD.scope)
    assert (header, following.root) == (LAST, NEXT.electorate.root)
    first = NEXT.header(LAST, view=0)
    assert verify_confirmation(NEXT.confirm(first), EPOCH + 1, following, NEXT.scope) == first


def test_a_record_through_a_later_view() -> None:
    """WI-18: an opening on the boundary in a recovery view, and its closing header, confirm it as well."""
    opening = msgspec.structs.replace(closing(LAST), kind=Kind.OPENING, view=3)
    assert verify_record(record_of(closed(LAST, opening)), EPOCH, SHARD.electorate, SHARD.scope)[0] == LAST


@pytest.mark.parametrize(
    "record",
    [
        record_of(SHARD.confirm(B1)),
        record_of(closed(LAST), electorate=SHARD.electorate.members),
        record_of(closed(LAST), electorate=NEXT.electorate.members[::-1]),
        record_of(closed(LAST), electorate=NEXT.electorate.members[:1] * 2),
        record_of(closed(LAST), committee=COMMITTEE[::-1]),
        record_of(closed(SHARD.header(LAST, kind=Kind.CLOSING, boundary=LAST.boundary))),
    ],
    ids=["no boundary", "another electorate", "another order", "no electorate", "another committee", "closing header"],
)
def test_records_that_lead_nowhere(record: BoundaryRecord) -> None:
    """WI-18: the header ends an epoch and commits to exactly what the record shows."""
    with pytest.raises(Rejected) as caught:
        verify_record(record, EPOCH, SHARD.electorate, SHARD.scope)
    assert caught.value.code is Code.BAD_PROOF


# ------------------------------------------------------------------------------------------- items

ITEMS = [some(str(number), 100) for number in range(9)]
FULL = SHARD.header(transaction_root=compute_root(ITEMS))


def test_a_transaction_is_proven_by_path_header_and_certificates() -> None:
    """WI-17, WI-18: what a light node is shown."""
    proof = ItemProof(ITEMS[4], prove_inclusion(ITEMS, 4), SHARD.confirm(FULL, SHARD.header(FULL)))
    assert verify_item(decode(ItemProof, encode(proof)), EPOCH, SHARD.electorate, SHARD.scope) == FULL
    for changes in ({"item": ITEMS[5]}, {"inclusion": prove_inclusion(ITEMS, 5)}, {"confirmation": SHARD.confirm(B1)}):
        with pytest.raises(Rejected) as caught:
            verify_item(msgspec.structs.replace(proof, **changes), EPOCH, SHARD.electorate, SHARD.scope)
        assert caught.value.code is Code.BAD_PROOF
