"""Signatures are verified ahead, on a thread, while the driver goes on with what needs none.

Theory of operation. An input that brings signatures stands aside; the thread fills the verifier's memory with the good
ones; then the handler is called, asks the verifier, and is answered from memory. Whatever the thread does, the answer
is the one that the handler would have got without it. So votes and headers do not wait behind transactions, and keep
their order among themselves; transactions keep theirs. A few signatures are not worth a thread, and take their turn
with the rest. What stands aside is bounded: beyond, the driver takes nothing in.

Source: docs/spec/node.md NO-3.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import trio

from bac.crypto.batch import Claim, warm
from bac.crypto.cache import Cached
from bac.node.inbox import Inbox, Input

THREAD_CLAIMS_MIN: Final = 24
"""Signatures worth a thread: about 1 ms of work, ten times the cost of handing it over."""
THREAD_CLAIMS_MAX: Final = 256
"""Signatures after which the driver is told: about 10 ms."""

Aside: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]
"""Runs a function without holding up the loop."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An input, decoded, and the signatures that its handler will ask about."""

    input: Input
    value: Any
    claims: tuple[Claim, ...]


class Ahead:
    """What stands aside."""

    def __init__(self, suite: Cached, inbox: Inbox, aside: Aside, most: int) -> None:
        """`most` inputs stand aside at a time; `inbox` is woken when some of them are ready."""
        self._suite = suite
        self._inbox = inbox
        self._aside = aside
        self._most = most
        self._waiting: deque[Prepared] = deque()
        self._ready: list[Prepared] = []
        self._arrived = trio.Event()
        self._done = trio.Event()

    @property
    def has_room(self) -> bool:
        """Whether more inputs may be taken in."""
        return len(self._waiting) < self._most

    async def room(self) -> None:
        """Returns when some of what stands aside is ready."""
        if not self._ready:
            self._done = trio.Event()
            await self._done.wait()

    def sort(self, inputs: Iterable[Prepared]) -> list[Prepared]:
        """What can be handed to the protocol now: what a thread is done with, then what needs none."""
        found, self._ready = self._ready, []
        taken = list(inputs)
        is_little = sum(len(each.claims) for each in taken) < THREAD_CLAIMS_MIN and not self._waiting
        for each in taken:
            if is_little or not each.claims:
                found.append(each)
            else:
                self._waiting.append(each)
                self._arrived.set()
        return found

    async def run(self) -> None:
        """Verifies what stands aside until cancelled."""
        while True:
            if not self._waiting:
                self._arrived = trio.Event()
                await self._arrived.wait()
            part: list[Prepared] = []
            claims: list[Claim] = []
            while len(part) < len(self._waiting) and len(claims) < THREAD_CLAIMS_MAX:
                part.append(self._waiting[len(part)])
                claims += part[-1].claims
            await self._aside(partial(warm, self._suite, claims))
            for _ in part:
                self._waiting.popleft()
            self._ready += part
            self._inbox.wake()
            self._done.set()
