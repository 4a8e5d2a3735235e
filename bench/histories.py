"""Histories of gossip for measurements: members that call each other at random and make an event each time."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator

from hashgraph import Event

SIGNATURE_BYTES = 64
FORKS_EACH = 4


def member_ids(count: int) -> list[bytes]:
    """Identities of `count` members."""
    return [hashlib.sha256(b"member" + member.to_bytes(4)).digest() for member in range(count)]


def gossip(count: int, events: int, seed: int, payload: bytes = bytes(32), forkers: int = 0) -> Iterator[Event]:
    """`events` events by `count` members; the last `forkers` of them fork `FORKS_EACH` times each.

    Each event has one other-parent, the last event of a member drawn at random, as after one exchange.
    """
    draw = random.Random(seed)
    ids = member_ids(count)
    lasts: list[Event | None] = [None] * count
    forks = [0] * (count - forkers) + [FORKS_EACH] * forkers
    for number in range(events):
        creator = number if number < count else draw.randrange(count)
        other = draw.randrange(count - 1) if count > 1 else creator
        other += other >= creator
        parent = lasts[creator]
        beside = lasts[other] if count > 1 else None
        signature = draw.randbytes(SIGNATURE_BYTES)
        event = Event(
            id=hashlib.sha256(number.to_bytes(8) + signature).digest(),
            creator=ids[creator],
            self_parent=parent.id if parent else None,
            other_parents=(beside.id,) if beside else (),
            time_us=number * 100 + draw.randrange(100),
            payload=(payload,),
            signature=signature,
        )
        if parent and forks[creator] and draw.random() < 0.05:
            forks[creator] -= 1  # the next event has the same self-parent
        else:
            lasts[creator] = event
        yield event
