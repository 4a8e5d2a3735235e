"""What a node keeps for good, and under which key (V1). Recovery is reading it back.

One vote record per epoch: it holds everything that binds the node. It is written before anything that it says is sent.

Source: docs/spec/finality.md V1, E8.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import msgspec

from bac.protocol import SNAPSHOT, Persist, Store
from bac.types import Hash
from bac.wire.block import Body, BoundaryRecord, ConfirmationProof, Envelope
from bac.wire.codec import U32, U64, Message, decode
from bac.wire.header import Rank
from bac.wire.votes import Certificate, StateAnnouncement

_pack: Final = msgspec.msgpack.Encoder().encode
"""As `bac.wire.codec.encode`, without its look at the fields: what is kept was judged when it came in, or made here."""

VOTE = b"v"
TIP = b"t"
ERASED = b"k"
_RECORD, _ENVELOPE, _BODY, _STATE, _SIGNED = b"r", b"e", b"b", b"s", b"l"


class VoteRecord(Message, frozen=True, tag=100):
    """V1: what binds the voter in one epoch.

    Attributes:
        epoch: the epoch.
        view: the highest view entered.
        last: last header acknowledged in this view.
        high: highest-ranked certificate known, for each view one, ascending.
        state: the state sent for this view.
    """

    CAP = 2**22

    epoch: U64
    view: U32
    last: Rank | None
    high: tuple[Certificate, ...]
    state: StateAnnouncement | None


def save_vote(record: VoteRecord) -> Persist:
    """Replaces the vote record."""
    return Persist(VOTE, _pack(record))


def load_vote(store: Store) -> VoteRecord | None:
    """The vote record, if the node has voted."""
    data = store.get(VOTE)
    return None if data is None else decode(VoteRecord, data)


def save_erased(first: int) -> Persist:
    """E5: acknowledgement seeds older than number `first` are erased."""
    return Persist(ERASED, first.to_bytes(8, "big"))


def load_erased(store: Store) -> int:
    """The oldest acknowledgement seed that is not erased."""
    return int.from_bytes(store.get(ERASED) or b"", "big")


def save_tip(proof: ConfirmationProof) -> Persist:
    """The proof of the highest block of the present epoch that was reported."""
    return Persist(TIP, _pack(proof))


def load_tip(store: Store) -> ConfirmationProof | None:
    """The proof last saved."""
    data = store.get(TIP)
    return None if data is None else decode(ConfirmationProof, data)


def save_record(record: BoundaryRecord, epoch: int) -> Persist:
    """The record of the last block of `epoch`; never forgotten."""
    return Persist(_RECORD + epoch.to_bytes(8, "big"), _pack(record))


@lru_cache(maxsize=4)
def _decode_record(data: bytes) -> BoundaryRecord:
    """Remembered for a while: all who come late to an epoch ask for the same."""
    return decode(BoundaryRecord, data)


def load_record(store: Store, epoch: int) -> BoundaryRecord | None:
    """The record of the last block of `epoch`, if held."""
    data = store.get(_RECORD + epoch.to_bytes(8, "big"))
    return None if data is None else _decode_record(data)


def load_records(store: Store) -> Iterator[BoundaryRecord]:
    """All records, from epoch 0 on."""
    for _, data in store.scan(_RECORD):
        yield decode(BoundaryRecord, data)


@lru_cache(maxsize=8)
def encode_body(body: Body) -> bytes:
    """The encoding of `body`, remembered for a while: it is kept, and cut into many chunks, for many peers."""
    return _pack(body)


def _block_key(kind: bytes, epoch: int, block_hash: Hash) -> bytes:
    return kind + epoch.to_bytes(8, "big") + block_hash


def save_block(envelope: Envelope, body: Body, block_hash: Hash) -> tuple[Persist, Persist]:
    """Header and body of a block."""
    epoch = envelope.header.epoch
    return (
        Persist(_block_key(_BODY, epoch, block_hash), encode_body(body)),
        Persist(_block_key(_ENVELOPE, epoch, block_hash), _pack(envelope)),
    )


def load_blocks(store: Store, epoch: int) -> list[tuple[Envelope, Body]]:
    """All blocks of an epoch whose header and body were saved, by height."""
    found: list[tuple[Envelope, Body]] = []
    prefix = _ENVELOPE + epoch.to_bytes(8, "big")
    for key, data in store.scan(prefix):
        body = store.get(_BODY + key[1:])
        if body is not None:
            found.append((decode(Envelope, data), decode(Body, body)))
    return sorted(found, key=lambda block: block[0].header.height)


def save_snapshot(epoch: int) -> Persist:
    """What a node starts from stands in the records; the log before `epoch` may go."""
    return Persist(SNAPSHOT, epoch.to_bytes(8, "big"))


def save_state(epoch: int, place: int, chunk: bytes) -> Persist:
    """Chunk number `place` of the state at the beginning of `epoch`."""
    return Persist(_STATE + epoch.to_bytes(8, "big") + place.to_bytes(4, "big"), chunk)


def load_state(store: Store, epoch: int) -> list[bytes]:
    """The chunks of the state at the beginning of `epoch`, in order."""
    return [data for _, data in store.scan(_STATE + epoch.to_bytes(8, "big"))]


def save_signed(epoch: int, height: int, block_hash: Hash) -> Persist:
    """A leader signs one header per epoch and height: this one."""
    return Persist(_SIGNED + epoch.to_bytes(8, "big") + height.to_bytes(8, "big"), block_hash)


def load_signed(store: Store, epoch: int) -> dict[int, Hash]:
    """What a leader has signed in `epoch`, by height."""
    prefix = _SIGNED + epoch.to_bytes(8, "big")
    return {int.from_bytes(key[-8:], "big"): Hash(data) for key, data in store.scan(prefix)}


def forget_before(store: Store, epoch: int) -> list[Persist]:
    """Forgets blocks, states and leaders' signatures of the epochs before `epoch`."""
    kept = epoch.to_bytes(8, "big")
    kinds = (_BODY, _ENVELOPE, _STATE, _SIGNED)
    return [Persist(key, None) for kind in kinds for key, _ in store.scan(kind) if key[1:9] < kept]
