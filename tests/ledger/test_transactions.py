"""What a transaction must show by itself: the encoding, the id, and who has to sign what."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.types import Height, Micros
from bac.wire.codec import encode
from bac.wire.transactions import (
    AcknowledgementKey,
    Call,
    Issue,
    Leave,
    Operation,
    Order,
    Position,
    PositionReport,
    Reconfigure,
    Renew,
    Revoke,
    SignedTransaction,
    Transaction,
    Transfer,
    Witness,
    decode_transaction,
    obligations,
    order_preimage,
    transaction_preimage,
    witness_preimage,
)
from tests.ledger.world import NETWORK, SHARD, admit, hash_number, who

AUTHORITY = b"authority".ljust(32)
POSITION = encode(Position(who(1), Micros(5), 1, -2, 3, -4))
ADMIT = encode(admit(1))
RENEW = encode(Renew(who(1), b"k" * 32, b"v" * 32, Micros(9), hash_number(1)))


def envelope(operation: Operation) -> bytes:
    content = encode(Transaction(NETWORK, SHARD, who(1), b"k" * 32, 3, 4, Micros(5), operation))
    return encode(SignedTransaction(content, b"s" * 64))


def test_the_id_covers_the_signature() -> None:
    """LE-8: two signatures on one content make two transactions."""
    data = envelope(Leave())
    other = data[:-1] + b"t"
    first, second = decode_transaction(data), decode_transaction(other)
    assert first.transaction == second.transaction
    assert first.id != second.id
    assert first.size == len(data)


@pytest.mark.parametrize(
    "operation", [Transfer(who(2), 5), Leave(), Call(1, b"x")], ids=lambda each: type(each).__name__
)
def test_the_sender_signs_everything(operation: Operation) -> None:
    """LE-9: the encoding of the whole content, by the key that it names."""
    decoded = decode_transaction(envelope(operation))
    due = obligations(decoded, AUTHORITY)
    own = (b"k" * 32, transaction_preimage(NETWORK, SHARD, decoded.signed.content), b"s" * 64)
    assert due.signatures == (own,)
    assert (due.publics, due.possessions) == ((), ())


@pytest.mark.parametrize(
    ("order", "publics"),
    [
        (ADMIT, (who(1), bytes(32))),
        (RENEW, (b"k" * 32, b"v" * 32)),
        (encode(Revoke(who(1))), ()),
        (encode(Reconfigure(Height(1), hash_number(1), hash_number(2), (who(1),))), ()),
        (encode(Issue(0, who(1), 5)), ()),
    ],
)
def test_an_order_is_signed_by_the_authority_and_its_keys_are_judged(order: bytes, publics: tuple[bytes, ...]) -> None:
    """LE-10."""
    due = obligations(decode_transaction(envelope(Order(order, b"o" * 64))), AUTHORITY)
    assert due.signatures[1:] == ((AUTHORITY, order_preimage(NETWORK, SHARD, order), b"o" * 64),)
    assert due.publics == publics


def test_every_witness_signs_the_position() -> None:
    """LE-11."""
    witnesses = (Witness(who(2), b"a" * 32, b"x" * 64), Witness(who(3), b"b" * 32, b"y" * 64))
    due = obligations(decode_transaction(envelope(PositionReport(POSITION, witnesses))), AUTHORITY)
    message = witness_preimage(NETWORK, SHARD, POSITION)
    assert due.signatures[1:] == ((b"a" * 32, message, b"x" * 64), (b"b" * 32, message, b"y" * 64))


def test_an_acknowledgement_key_comes_with_its_proof() -> None:
    """LE-11."""
    due = obligations(decode_transaction(envelope(AcknowledgementKey(5, b"p" * 48, b"q" * 96))), AUTHORITY)
    assert due.possessions == ((b"p" * 48, b"q" * 96),)


@pytest.mark.parametrize(
    "operation",
    [Order(b"", b"o" * 64), Order(ADMIT + b"\0", b"o" * 64), Order(POSITION, b"o" * 64), PositionReport(ADMIT, ())],
)
def test_what_is_inside_is_decoded_as_strictly(operation: Operation) -> None:
    """LE-8."""
    with pytest.raises(Rejected) as caught:
        decode_transaction(envelope(operation))
    assert caught.value.code is Code.MALFORMED


def read(data: bytes) -> bytes | Code:
    try:
        return encode(decode_transaction(data).signed)
    except Rejected as error:
        return error.code


@settings(max_examples=200)
@given(st.binary(max_size=200), st.integers(0, 250), st.integers(0, 255))
def test_any_bytes_are_a_transaction_or_rejected(data: bytes, place: int, byte: int) -> None:
    """LE-8."""
    good = envelope(Order(ADMIT, b"o" * 64))
    bent = bytearray(good)
    bent[place % len(good)] = byte
    for received in (data, bytes(bent), good[: place % len(good)]):
        assert read(received) in (received, Code.MALFORMED, Code.OVERSIZED)
    assert read(good) == good
    assert read(bytes(2**15 + 1)) is Code.OVERSIZED
