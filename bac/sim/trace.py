"""The trace: every input handed to a node and every effect performed, in one order, as bytes.

Two runs are the same run if and only if their traces are equal; the hash of the trace is the name of a run. A trace
that is also written can be replayed, one node at a time (`bac.sim.replay`).

A record is a head of fixed size and a payload. Heads are packed and hashed in batches: a delivery, the one record that
is made by the hundred thousand per second, refers to its `Send` by number and carries no bytes of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache
from hashlib import sha256
from struct import Struct
from typing import BinaryIO, Final

import msgspec

from bac.errors import Rejected
from bac.protocol import Accuse, Commit, Effect, Persist, SetTimer

MAGIC: Final = b"bac trace 1\n"

BATCH: Final = 4096
"""Records, or so, that are hashed at a time."""

LONG: Final = 4096
"""Bytes that are hashed by themselves: to join them with others would cost more than the hash."""

HEAD: Final = Struct("<BQIQQI")
"""Kind; µs of the simulation; node; µs of the node's clock; number of the `Send`; bytes of the payload."""


class Kind(IntEnum):
    """What a record is about. Below 16 an input, then effects, then what the driver did. Never renumbered."""

    CONSTRUCT = 1  # number: the incarnation; payload: b"" with the disk as it was, b"wiped" without
    START = 2
    TRANSACTION = 3  # payload: the transaction
    MESSAGE = 4  # number: the Send that it came from
    TIMER = 5  # payload: its name
    PERSIST = 16
    SEND = 17  # payload: recipients, then the message
    SET_TIMER = 18
    COMMIT = 19
    ACCUSE = 20
    REJECTED = 21  # the answer to the input before it
    MALFORMED = 32  # number: the Send whose bytes no receiver would decode; not handed to the node
    CRASH = 33
    WORLD = 48  # payload: the description of the world, as JSON; the first record


_pack = msgspec.msgpack.Encoder().encode


@lru_cache(maxsize=64)
def _pack_shared(pair: tuple[bytes, bytes | None]) -> bytes:
    """As `_pack`, for what all nodes keep alike."""
    return _pack(pair)


@lru_cache(maxsize=64)
def _encode_commit(block: object, proof: object, encode: Callable[[object], bytes]) -> bytes:
    """Payload of a `Commit`; all nodes report the same blocks at about the same time, with a few proofs."""
    return _pack((encode(block), encode(proof)))


def effect_payload(effect: Effect, encode: Callable[[object], bytes]) -> tuple[Kind, bytes]:
    """Kind and payload of an effect other than `Send`, whose recipients the driver has at hand already packed."""
    if type(effect) is Persist:  # by far the most; a pattern would take twice as long
        is_long = effect.record is not None and len(effect.record) >= LONG
        return Kind.PERSIST, (_pack_shared if is_long else _pack)((effect.key, effect.record))
    match effect:
        case SetTimer(timer, at):
            return Kind.SET_TIMER, _pack((timer, at))
        case Commit(block, proof):
            return Kind.COMMIT, _encode_commit(block, proof, encode)
        case Accuse(evidence):
            return Kind.ACCUSE, encode(evidence)
        case _:
            raise TypeError(f"not an effect: {type(effect).__name__}")


@cache
def _indices(count: int) -> Struct:
    return Struct(f"<{count}I")


def recipients_payload(recipients: tuple[int, ...]) -> bytes:
    """How the payload of a `Send` begins: the number of recipients, their indices."""
    count = len(recipients)
    return _indices(count + 1).pack(count, *recipients)


def send_payload(recipients: tuple[int, ...], data: bytes) -> bytes:
    """Payload of a `Send`: the recipients, the message."""
    return recipients_payload(recipients) + data


def split_send(payload: bytes) -> tuple[tuple[int, ...], bytes]:
    """Recipients and message of a `Send`'s payload."""
    count = int.from_bytes(payload[:4], "little")
    return Struct(f"<{count}I").unpack_from(payload, 4), payload[4 + 4 * count :]


def refusal_payload(refusal: Rejected) -> bytes:
    """Payload of a refusal."""
    return _pack((refusal.code.value, refusal.reason, refusal.culprit))


class Trace:
    """Hashes records as they come; writes them too where a file is given."""

    def __init__(self, sink: BinaryIO | None = None) -> None:
        self._sink = sink
        self._hash = sha256()
        self._parts: list[bytes] = [MAGIC]
        self._is_any_long = False
        self.append: Final = self._parts.append
        self.pack: Final = HEAD.pack
        self.marks: list[bytes] = []

    def record(
        self, kind: Kind, time: int, node: int, now: int = 0, number: int = 0, payload: bytes = b"", rest: bytes = b""
    ) -> None:
        """Adds one record; its payload may come in two parts, so that what is long need not be copied."""
        self.append(HEAD.pack(kind, time, node, now, number, len(payload) + len(rest)))
        if payload:
            self.append(payload)
        if rest:
            self.append(rest)
        if len(payload) >= LONG or len(rest) >= LONG:
            self._is_any_long = True

    def flush_batch(self) -> None:
        """Hashes what has gathered if it is enough to be worth it; the driver calls it at the same places each run."""
        if len(self._parts) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hashes, and writes, what has gathered."""
        if self._parts:
            for data in self._gathered() if self._is_any_long else (b"".join(self._parts),):
                self._take(data)
            self._parts.clear()
            self._is_any_long = False
            self.marks.append(self._hash.digest())

    def _gathered(self) -> Iterator[bytes]:
        """What has gathered: the short parts joined, the long ones as they are."""
        short: list[bytes] = []
        for part in self._parts:
            if len(part) < LONG:
                short.append(part)
            else:
                yield b"".join(short)
                yield part
                short.clear()
        yield b"".join(short)

    def _take(self, data: bytes) -> None:
        self._hash.update(data)
        if self._sink is not None:
            self._sink.write(data)

    def digest(self) -> bytes:
        """SHA-256 of everything so far: the hash of the file, if it was written."""
        self.flush()
        return self._hash.digest()


@dataclass(frozen=True, slots=True)
class Record:
    """One record read back."""

    kind: Kind
    time: int
    node: int
    now: int
    number: int
    payload: bytes


def read(source: BinaryIO) -> Iterator[Record]:
    """The records of a written trace.

    Raises:
        ValueError: it is not a trace, or it is cut off.
    """
    if source.read(len(MAGIC)) != MAGIC:
        raise ValueError("not a trace of this version")
    while head := source.read(HEAD.size):
        if len(head) < HEAD.size:
            raise ValueError("the trace is cut off")
        kind, time, node, now, number, size = HEAD.unpack(head)
        payload = source.read(size)
        if len(payload) < size:
            raise ValueError("the trace is cut off")
        yield Record(Kind(kind), time, node, now, number, payload)
