"""What clients and nodes say to each other on the control socket: framed MessagePack, one frame per value."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

SUBMITTED_MAX: Final = 1_024
BUSY: Final = "busy"


class Submit(msgspec.Struct, frozen=True, tag="submit"):
    """Hands in transactions, each in its encoding."""

    number: int
    transactions: Annotated[tuple[bytes, ...], Meta(max_length=SUBMITTED_MAX)]


class Query(msgspec.Struct, frozen=True, tag="query"):
    """Asks `bac.node.query`."""

    number: int
    about: str
    arguments: dict[str, Any]


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Asks for every commit from number `first` on, as it becomes durable; 0 means: from the next on."""

    number: int
    first: int
    with_blocks: bool


class Cut(msgspec.Struct, frozen=True, tag="cut"):
    """Cuts the links to these peers, and mends all others."""

    number: int
    identities: tuple[bytes, ...]


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Ends the node."""

    number: int


Request = Submit | Query | Subscribe | Cut | Stop


class Receipt(msgspec.Struct, frozen=True):
    """What became of one transaction at this node: `code` is "" (accepted), "busy", or why it is rejected."""

    id: bytes
    code: str
    reason: str = ""


class Submitted(msgspec.Struct, frozen=True, tag="submitted"):
    """The answer to `Submit`, in its order. What is accepted is durable at the node."""

    number: int
    receipts: tuple[Receipt, ...]


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """The answer to everything else."""

    number: int
    value: Any


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A request that cannot be answered."""

    number: int
    code: str
    reason: str


class Notice(msgspec.Struct, frozen=True, tag="notice"):
    """One commit, to a subscriber. Block and proof are empty unless asked for."""

    number: int
    commit: int
    outcomes: tuple[tuple[bytes, str], ...]
    block: bytes
    proof: bytes


Answer = Submitted | Answered | Failed | Notice

encode: Final = msgspec.msgpack.Encoder().encode
decode_request: Final = msgspec.msgpack.Decoder(Request).decode
decode_answer: Final = msgspec.msgpack.Decoder(Answer).decode
