"""What is known of one peer, and what waits for it."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

import trio

from bac.node.handshake import Introduction
from bac.types import NodeId


@dataclass(slots=True, eq=False)
class Peer:
    """One peer.

    Attributes:
        identity: who.
        introduction: its last one.
        is_applicant: it is no member (yet, or any more): its caps are small, and nobody is told of it.
        is_kept: the link to it is kept open; to others one is opened when there is something to say.
        waiting: frames to be sent.
        waiting_bytes: their size.
        is_connected: the stream to it is open, and it has welcomed this node.
        is_cut: by order of the owner, as if it could not be reached.
        banned_until: moment (of the loop) before which it is not let in.
        strikes: moments of its last rejected messages.
        used: moment of the last message to it.
        is_closing: the link to it makes room for another.
        inbound: serves its stream to this node.
        outbound: serves the stream to it.
        life: all that is done about it.
        wake: set when there is something to do.
        tally: counts.
    """

    identity: NodeId
    introduction: Introduction
    is_applicant: bool = False
    is_kept: bool = False
    waiting: deque[bytes] = field(default_factory=deque)
    waiting_bytes: int = 0
    is_connected: bool = False
    is_cut: bool = False
    banned_until: float = 0.0
    strikes: deque[float] = field(default_factory=deque)
    used: float = 0.0
    is_closing: bool = False
    inbound: trio.CancelScope | None = None
    outbound: trio.CancelScope | None = None
    life: trio.CancelScope = field(default_factory=trio.CancelScope)
    wake: trio.Event = field(default_factory=trio.Event)
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def is_wanted(self) -> bool:
        """Whether there is to be a stream to it."""
        return self.is_kept or bool(self.waiting)

    async def woken(self) -> None:
        """Returns when there is something to do."""
        self.wake = trio.Event()
        await self.wake.wait()

    def queue(self, whole: bytes, cap: int) -> None:
        """Adds a frame; beyond `cap` bytes the oldest are dropped, and counted."""
        self.waiting.append(whole)
        self.waiting_bytes += len(whole)
        while self.waiting_bytes > cap and len(self.waiting) > 1:
            self.waiting_bytes -= len(self.waiting.popleft())
            self.tally["dropped: out queue full" if self.is_connected else "dropped: away"] += 1
        self.wake.set()

    def forget_waiting(self) -> None:
        """Drops all that waits."""
        self.waiting.clear()
        self.waiting_bytes = 0

    def end_streams(self) -> None:
        """Ends both streams."""
        for scope in (self.inbound, self.outbound):
            if scope is not None:
                scope.cancel()
