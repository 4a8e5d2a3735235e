"""Tags: which type a message or an item has, told from its first bytes, before anything else is read.

An encoding is an array whose first element is the tag. So type and cap are known after two bytes (four for more than
fifteen fields), and no message is decoded that is larger than its own type allows.

Source: docs/spec/wire.md WI-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, get_args

from bac.errors import Code, Rejected
from bac.wire import block, claims, event, evidence, header, sync, transactions, transfer, votes
from bac.wire.codec import Message, decode

_ITEMS: tuple[type[Message], ...] = (
    transactions.SignedTransaction,
    transactions.Mandate,
    votes.Acknowledgement,
    votes.Certificate,
    votes.NewView,
    claims.Claim,
    claims.ClaimList,
    claims.SeedProof,
    claims.Departure,
    block.BoundaryRecord,
    block.RoundRecord,
    *get_args(evidence.AnyEvidence),
)
_MESSAGES: tuple[type[Message], ...] = (
    *_ITEMS,
    event.EventHeader,
    event.Event,
    header.Header,
    votes.Ballot,
    votes.Wish,
    votes.WishBatch,
    votes.State,
    votes.StateAnnouncement,
    block.Body,
    block.ConfirmationProof,
    block.Envelope,
    block.ItemProof,
    transfer.BodyPull,
    transfer.BodyChunk,
    transfer.StatePull,
    transfer.StateChunk,
    sync.Hello,
    sync.TransactionBatch,
    sync.EventPull,
    sync.EventRequest,
    sync.EventBatch,
    sync.TipPull,
    sync.TipAnswer,
    sync.EnvelopePull,
    sync.EnvelopeBatch,
    sync.RecordPull,
)


def tag_of(kind: type[Message]) -> int:
    """The tag of a type: 0 … 127."""
    tag = kind.__struct_config__.tag
    assert isinstance(tag, int), f"{kind.__name__} has no tag"
    return tag


def _by_tag(kinds: tuple[type[Message], ...]) -> Mapping[int, type[Message]]:
    table = {tag_of(kind): kind for kind in kinds}
    assert len(table) == len(kinds), "two types share a tag"
    return MappingProxyType(table)


def tag_at(data: bytes) -> int:
    """The tag that an encoding begins with; -1 if there is none."""
    # 0x90 … 0x9f: array of up to 15 elements; 0xdc and two bytes: up to 65,535; the tag is one byte below 128.
    if data[:1] and 0x90 <= data[0] <= 0x9F:
        return data[1] if len(data) > 1 else -1
    return data[3] if data[:1] == b"\xdc" and len(data) > 3 else -1


_TRANSACTION: Final = tag_of(transactions.SignedTransaction)


def is_transaction(item: bytes) -> bool:
    """Whether an encoded item is a signed transaction, by its tag."""
    return tag_at(item) == _TRANSACTION


ITEMS: Final = _by_tag(_ITEMS)
"""What may stand in an event's payload and in a body."""
MESSAGES: Final = _by_tag(_MESSAGES)
"""What may be sent, recorded or proven by itself."""


def decode_message(data: bytes) -> Any:
    """The message whose canonical encoding is `data`.

    Raises:
        Rejected: `MALFORMED` or `OVERSIZED`, and nothing else, whatever the bytes.
    """
    return _decode(MESSAGES, data)


def decode_item(data: bytes) -> Any:
    """The ordered item whose canonical encoding is `data`.

    Raises:
        Rejected: `MALFORMED` or `OVERSIZED`, and nothing else, whatever the bytes.
    """
    return _decode(ITEMS, data)


def _decode(table: Mapping[int, type[Message]], data: bytes) -> Any:
    kind = table.get(tag_at(data))
    if kind is None:
        raise Rejected(Code.MALFORMED, "not a known message")
    return decode(kind, data)
