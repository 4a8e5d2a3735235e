"""The values that go in and come out: events, ordered events, fork proofs, and the two refusals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Event:
    """One signed micro-block (BAC paper IV.C, Fig. 6; Baird 2016, section 2).

    Attributes:
        id: hash of tag, encoding *and signature*, made by the caller; two signatures make two events.
        creator: identity of the member that signed it.
        self_parent: id of the creator's previous event; None for its first.
        other_parents: ids of distinct events of other members, none to many.
        time_us: the creator's clock, integer µs within 64 bits, greater than the self-parent's.
        payload: transactions, opaque here.
        signature: the creator's, one length within a graph. It feeds the coin and the last tie-breaks.
    """

    id: bytes
    creator: bytes
    self_parent: bytes | None
    other_parents: tuple[bytes, ...]
    time_us: int
    payload: tuple[bytes, ...]
    signature: bytes


class OrderedEvent(NamedTuple):
    """An event with its place in the total order: the round that received it and its consensus time in µs."""

    event: Event
    round_received: int
    time_us: int


@dataclass(frozen=True, slots=True)
class ForkProof:
    """Two different events of one creator with the same self-parent (or both with none).

    Both signatures together prove the fault to anybody. The payload of an event may have been dropped before its
    sibling arrived; an encoding that covers the payload by its hash keeps the proof checkable all the same.
    """

    creator: bytes
    first: Event
    second: Event


@dataclass(frozen=True, slots=True)
class Limits:
    """What one event may hold. All members of a graph must use the same limits.

    Attributes:
        payload_bytes: greatest sum of the payload's lengths.
        other_parents: greatest number of other-parents.
        signature_bytes: length of every signature. None takes the length of the first event inserted, which is for
            replays; a member of a network must set it, or whoever comes first sets it for its graph alone.
    """

    payload_bytes: int = 1 << 20
    other_parents: int = 64
    signature_bytes: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError unless every limit is usable."""
        if self.payload_bytes < 0 or self.other_parents < 0:
            raise ValueError("limits must not be negative")
        if self.signature_bytes is not None and self.signature_bytes < 1:
            raise ValueError("signature_bytes must be positive")


class Reason(StrEnum):
    """Why an event is invalid by itself, whoever looks at it."""

    UNKNOWN_CREATOR = "unknown creator"
    FOREIGN_SELF_PARENT = "self-parent of another creator"
    OWN_OTHER_PARENT = "other-parent of the creator's own"
    REPEATED_OTHER_PARENT = "repeated other-parent"
    TOO_MANY_OTHER_PARENTS = "too many other-parents"
    TIME_NOT_INCREASING = "time not above the self-parent's"
    TIME_OUT_OF_RANGE = "time not within 64 bits"
    OVERSIZED_PAYLOAD = "oversized payload"
    SIGNATURE_LENGTH = "signature of another length"


class InvalidEvent(Exception):
    """The creator's fault; the graph is unchanged. ``reason`` says what, ``creator`` who."""

    def __init__(self, reason: Reason, creator: bytes) -> None:
        super().__init__(f"{reason.value} (creator {creator.hex()})")
        self.reason = reason
        self.creator = creator


class MissingParents(Exception):
    """Nobody's fault; the graph is unchanged. ``ids`` are the parents to ask for, in the event's own order."""

    def __init__(self, ids: tuple[bytes, ...]) -> None:
        super().__init__("missing parents: " + ", ".join(parent.hex() for parent in ids))
        self.ids = ids


class BelowCut(MissingParents):
    """The event hangs below the cut: what it would take to place it was dropped. There is nothing to ask for."""

    def __init__(self) -> None:
        super().__init__(())
