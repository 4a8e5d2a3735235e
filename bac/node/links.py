"""Which links a node keeps open, and which it opens when there is something to say.

Up to `links` peers, everybody keeps a link to everybody. Beyond, a node keeps links to the leaders of the epoch, since
most of what is said is said to or by them, and to `neighbours` others, drawn by hash, so that gossip spreads. A link to
anybody else is opened when there is something to say, so often at most, and closed when it has been idle, or when too
many are open: then the one that was not used for longest goes first.

Source: docs/spec/node.md NO-25.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from typing import Final

import trio

from bac.node.peer import Peer
from bac.node.rate import Bucket
from bac.node.settings import Settings
from bac.types import NodeId

DIAL_BURST: Final = 16
"""Links that a quiet node may open on demand at once."""


class Links:
    """The choice of one node."""

    def __init__(self, own: NodeId, settings: Settings, leaders: Callable[[], Collection[NodeId]]) -> None:
        """`leaders` answers those of the present epoch."""
        self._own = own
        self._settings = settings
        self._leaders = leaders
        self._dials: Bucket | None = None

    def choose(self, peers: Collection[Peer]) -> None:
        """Marks the peers to whom a link is kept, and wakes those for whom that has changed.

        Of links that are not kept any more and are too many, one is closed each time: leaders come back.
        """
        kept = self._kept([peer.identity for peer in peers])
        for peer in peers:
            is_kept = peer.identity in kept
            if peer.is_kept != is_kept:
                peer.is_kept = is_kept
                peer.wake.set()
        self._close_one(peers, self._settings.spare_links)

    def _kept(self, known: Collection[NodeId]) -> frozenset[NodeId]:
        if len(known) <= self._settings.links:
            return frozenset(known)
        leaders = frozenset(self._leaders())
        others = sorted(
            (each for each in known if each not in leaders), key=lambda each: sha256(self._own + each).digest()
        )
        return leaders | frozenset(others[: self._settings.neighbours])

    def pause(self) -> float:
        """Seconds to wait before one more link may be opened on demand; it counts."""
        now = trio.current_time()
        if self._dials is None:
            rate = 1 / self._settings.dial_every
            self._dials = Bucket(rate, DIAL_BURST / rate, now)
        return self._dials.take(1, now)

    def make_room(self, peers: Iterable[Peer]) -> None:
        """Before one more is opened on demand, has the least used one closed, if as many are open as may be."""
        self._close_one(peers, self._settings.spare_links - 1)

    @staticmethod
    def _close_one(peers: Iterable[Peer], most: int) -> None:
        spare = [peer for peer in peers if peer.outbound is not None and not peer.is_kept and not peer.is_closing]
        if len(spare) > most:
            idle = min(spare, key=lambda peer: peer.used)
            idle.is_closing = True
            idle.wake.set()

    def is_idle(self, peer: Peer) -> bool:
        """Whether the link to this peer may be closed."""
        if peer.is_kept or peer.waiting:
            return False
        return peer.is_closing or trio.current_time() - peer.used >= self._settings.idle
