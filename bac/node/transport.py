"""What the node asks of a network: authenticated streams of bytes, and nothing else.

A second implementation (TLS sockets, say) needs these eight functions. A peer is named by its transport key, an Ed25519
public key of 32 bytes; who that is among the members is decided above (`bac.node.handshake`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias


class Broken(Exception):
    """A stream ended or failed, or a peer cannot be reached. The only exception of a transport."""


class Stream(Protocol):
    """One long-lived stream to or from one peer."""

    @property
    def key(self) -> bytes:
        """The peer's transport key, proven by the handshake of the connection."""
        ...

    async def read(self) -> bytes:
        """Some bytes. Raises Broken at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Hands over all of `data`. Raises Broken; after that, or a cancellation, the peer must be dropped."""
        ...

    async def reset(self) -> None:
        """Ends the stream; never raises."""
        ...


Accept: TypeAlias = Callable[[Stream], Awaitable[None]]
"""Serves an inbound stream; the stream ends when it returns or raises Broken. Anything else ends the listener."""


class Transport(Protocol):
    """Listens and dials for one node."""

    @property
    def key(self) -> bytes:
        """The node's own transport key."""
        ...

    @property
    def address(self) -> str:
        """Where the node can be dialled; known once it listens."""
        ...

    def listen(self, accept: Accept) -> AbstractAsyncContextManager[None]:
        """Listens while the context is open."""
        ...

    async def open(self, key: bytes, address: str) -> Stream:
        """A new stream to the peer with this key. Raises Broken, also when another key answers."""
        ...

    async def drop(self, key: bytes) -> None:
        """Ends every connection with a peer; never raises."""
        ...
