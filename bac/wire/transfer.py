"""Bodies in bounded chunks: a receiver asks one peer for one body, piece after piece, and knows whom to blame.

A body is known by its header; whether the assembled bytes are that body shows only at the end, against the header's
roots. So all pieces of one try come from one peer. Memory grows with what has arrived, never with what was announced.
Snapshots need none of this: each chunk of a state proves itself against the state root (`StateChunk`).

Source: docs/spec/wire.md WI-21.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar

from msgspec import Meta

from bac.errors import Code, Rejected
from bac.types import Hash
from bac.wire.block import BODY_BYTES_MAX
from bac.wire.codec import Bytes32, HashField, Message

CHUNK_BYTES = 2**16


class BodyPull(Message, frozen=True, tag=48):
    """Asks for the body of a header, from byte `offset` of its encoding on."""

    header_hash: HashField
    offset: Annotated[int, Meta(ge=0, le=BODY_BYTES_MAX)]


class BodyChunk(Message, frozen=True, tag=49):
    """The answer: `data` begins at byte `offset` of an encoding of `total` bytes."""

    CAP: ClassVar[int] = CHUNK_BYTES + 64

    header_hash: HashField
    offset: Annotated[int, Meta(ge=0, le=BODY_BYTES_MAX)]
    total: Annotated[int, Meta(ge=1, le=BODY_BYTES_MAX)]
    data: Annotated[bytes, Meta(min_length=1, max_length=CHUNK_BYTES)]


class StatePull(Message, frozen=True, tag=50):
    """Asks for the part of the state with this root that begins at path `start`."""

    state_root: HashField
    start: Bytes32


class StateChunk(Message, frozen=True, tag=51):
    """The answer: a chunk of the ledger's snapshot, which is checked against the root by itself."""

    CAP: ClassVar[int] = 2**18 + 64

    state_root: HashField
    chunk: Annotated[bytes, Meta(min_length=1, max_length=2**18)]


def cut(header_hash: Hash, body: bytes, offset: int) -> BodyChunk:
    """The chunk of the encoding `body` that answers a pull from `offset`.

    Raises:
        ValueError: there is nothing at `offset`.
    """
    if not 0 <= offset < len(body):
        raise ValueError(f"a body of {len(body)} bytes has nothing at {offset}")
    return BodyChunk(header_hash, offset, len(body), body[offset : offset + CHUNK_BYTES])


@lru_cache(maxsize=4)
def _join(pieces: tuple[bytes, ...]) -> bytes:
    """The whole; remembered for a while, as it is long and comes from several peers."""
    return b"".join(pieces)


class Assembly:
    """A body on its way from one peer."""

    def __init__(self, header_hash: Hash, source: bytes, cap: int = BODY_BYTES_MAX) -> None:
        """Takes the header's hash, the peer (32 bytes) and the most bytes that the body may have."""
        self._header_hash = header_hash
        self._source = source
        self._cap = cap
        self._total: int | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def pull(self) -> BodyPull:
        """What to ask next."""
        return BodyPull(self._header_hash, self._size)

    def add(self, chunk: BodyChunk) -> bytes | None:
        """Takes the next chunk; the encoding of the body once it is complete, else None.

        A chunk that repeats what is there (an answer to a pull sent twice) changes nothing.

        Raises:
            Rejected: `MALFORMED` or `OVERSIZED`: not a piece of one body of acceptable size. Nothing changed.
        """
        if chunk.header_hash != self._header_hash:
            raise self._fault(Code.MALFORMED, "a chunk of another body")
        if chunk.total > self._cap:
            raise self._fault(Code.OVERSIZED, f"a body of {chunk.total} bytes, of at most {self._cap}")
        if chunk.total != (self._total or chunk.total) or chunk.offset + len(chunk.data) > chunk.total:
            raise self._fault(Code.MALFORMED, "chunks that do not fit together")
        if chunk.offset != self._size:
            return None
        self._total = chunk.total
        self._pieces.append(chunk.data)
        self._size += len(chunk.data)
        return _join(tuple(self._pieces)) if self._size == self._total else None

    def _fault(self, code: Code, reason: str) -> Rejected:
        return Rejected(code, reason, self._source)
