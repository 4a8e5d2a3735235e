"""What waits for the driver: bounded, and fair between sources, so that a loud peer delays itself alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import trio

from bac.errors import Rejected
from bac.types import NodeId

Answer: TypeAlias = Callable[[Rejected | None], None]
"""Told once what became of a transaction: None when it was accepted and what it led to is durable."""


@dataclass(frozen=True, slots=True)
class FromPeer:
    """The encoding of a message that an authenticated peer sent."""

    sender: NodeId
    data: bytes


@dataclass(frozen=True, slots=True)
class FromClient:
    """A transaction, decoded but not verified yet, and whom to answer."""

    transaction: Any
    answer: Answer


Input: TypeAlias = FromPeer | FromClient


@dataclass(slots=True)
class _Queue:
    items: deque[Input] = field(default_factory=deque)
    size: int = 0
    has_room: trio.Event = field(default_factory=trio.Event)


class Inbox:
    """One bounded queue per peer, and one for clients; `take` goes round."""

    def __init__(self, queue_bytes: int, queue_frames: int) -> None:
        """Takes the bounds of each peer's queue; a client's transaction has a place first (`bac.node.places`)."""
        self._queue_bytes = queue_bytes
        self._queue_frames = queue_frames
        self._queues: dict[NodeId | None, _Queue] = {None: _Queue()}
        self._arrived = trio.Event()

    def __len__(self) -> int:
        return sum(len(queue.items) for queue in self._queues.values())

    def put_message(self, sender: NodeId, data: bytes) -> bool:
        """Takes a peer's message; False if its queue is full."""
        queue = self._queues.setdefault(sender, _Queue())
        if len(queue.items) >= self._queue_frames or (queue.items and queue.size + len(data) > self._queue_bytes):
            return False
        queue.items.append(FromPeer(sender, data))
        queue.size += len(data)
        self._arrived.set()
        return True

    def forget(self, sender: NodeId) -> None:
        """Drops the queue of a peer that is not let in any more."""
        self._queues.pop(sender, None)

    async def room(self, sender: NodeId) -> None:
        """Returns when something was taken from the queue of `sender`."""
        queue = self._queues[sender]
        queue.has_room = trio.Event()
        await queue.has_room.wait()

    def put_transaction(self, transaction: Any, answer: Answer) -> None:
        """Takes a client's transaction."""
        self._queues[None].items.append(FromClient(transaction, answer))
        self._arrived.set()

    async def wait(self) -> None:
        """Returns when there is something to take."""
        await self._arrived.wait()

    def wake(self) -> None:
        """Ends a `wait`, although nothing may have come in."""
        self._arrived.set()

    def take(self, limit: int) -> list[Input]:
        """Up to `limit` inputs, an equal share of each source that has some."""
        taken: list[Input] = []
        while len(taken) < limit:
            waiting = [queue for queue in self._queues.values() if queue.items]
            if not waiting:
                self._arrived = trio.Event()
                break
            share = max(1, (limit - len(taken)) // len(waiting))
            for queue in waiting[: limit - len(taken)]:
                for _ in range(min(share, len(queue.items))):
                    item = queue.items.popleft()
                    queue.size -= len(item.data) if isinstance(item, FromPeer) else 0
                    taken.append(item)
                queue.has_room.set()
        return taken
