"""WI-21: bodies in chunks."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.wire.block import BODY_BYTES_MAX, Body
from bac.wire.codec import decode, encode
from bac.wire.transfer import CHUNK_BYTES, Assembly, BodyChunk, cut
from tests.wire.samples import some, some_hash, some_id

HASH = some_hash("header")
PEER = some_id("peer")


@settings(max_examples=30)
@given(st.integers(1, 4 * CHUNK_BYTES + 2))
def test_a_body_arrives_piece_by_piece(size: int) -> None:
    """WI-21: each piece is a message within its cap; a repeated or early piece changes nothing."""
    body = some("body", size)
    assembly = Assembly(HASH, PEER)
    pieces = 0
    while True:
        chunk = decode(BodyChunk, encode(cut(HASH, body, assembly.pull().offset)))
        pieces += 1
        whole = assembly.add(chunk)
        if whole is not None:
            break
        assert assembly.add(chunk) is None
    assert whole == body
    assert pieces == -(-size // CHUNK_BYTES)


def test_a_whole_body() -> None:
    """WI-21: the assembled bytes are the encoding of the body."""
    body = Body(tuple(some(str(each), 1000) for each in range(300)))
    assembly = Assembly(HASH, PEER)
    data = encode(body)
    while (whole := assembly.add(cut(HASH, data, assembly.pull().offset))) is None:
        pass
    assert decode(Body, whole) == body


def test_nothing_to_cut() -> None:
    """WI-21: a pull beyond the end is the asker's fault, and the answerer does not answer it."""
    for offset in (-1, 5, 6):
        with pytest.raises(ValueError, match="has nothing at"):
            cut(HASH, b"12345", offset)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"header_hash": some_hash("other")}, Code.MALFORMED),
        ({"total": 200_001}, Code.MALFORMED),
        ({"data": bytes(CHUNK_BYTES), "offset": 200_000 - CHUNK_BYTES + 1}, Code.MALFORMED),
        ({"total": BODY_BYTES_MAX}, Code.OVERSIZED),
    ],
    ids=["another body", "another total", "beyond the end", "too large"],
)
def test_pieces_that_do_not_fit_are_the_peers_fault(changes: dict[str, object], code: Code) -> None:
    """WI-21: all pieces come from one peer, so it is known whom to blame; what was there stays."""
    body = some("body", 200_000)
    assembly = Assembly(HASH, PEER, cap=300_000)
    assert assembly.add(cut(HASH, body, 0)) is None
    with pytest.raises(Rejected) as caught:
        assembly.add(msgspec.structs.replace(cut(HASH, body, CHUNK_BYTES), **changes))
    assert (caught.value.code, caught.value.culprit) == (code, PEER)
    assert assembly.pull().offset == CHUNK_BYTES


def test_memory_grows_with_what_arrived() -> None:
    """WI-21: an announced size alone takes no room."""
    assembly = Assembly(HASH, PEER)
    assembly.add(BodyChunk(HASH, 0, BODY_BYTES_MAX, b"x"))
    assert assembly.pull().offset == 1
    assert assembly._pieces == [b"x"]
