"""A second transport: pairs of streams in memory, for tests of what stands above."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from bac.node.transport import Accept, Broken, Stream


class MemoryStream:
    """One end. What is written waits until it is read, up to a bound, as in a window."""

    def __init__(self, key: bytes, out: trio.MemorySendChannel[bytes], into: trio.MemoryReceiveChannel[bytes]) -> None:
        self.key = key
        self._out, self._into = out, into

    async def read(self) -> bytes:
        try:
            return await self._into.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise Broken("the stream ended") from error

    async def write(self, data: bytes) -> None:
        try:
            await self._out.send(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise Broken("the stream cannot be written to") from error

    async def reset(self) -> None:
        self._out.close()
        self._into.close()


class Ether:
    """Where the transports of one test meet."""

    def __init__(self) -> None:
        self.transports: dict[str, MemoryTransport] = {}


class MemoryTransport:
    """Satisfies `bac.node.transport.Transport`."""

    def __init__(self, ether: Ether, key: bytes) -> None:
        self.key = key
        self.address = f"memory/{key.hex()[:8]}"
        self.ether = ether
        self._accept: Accept | None = None
        self._nursery: trio.Nursery | None = None
        self._open: list[tuple[bytes, MemoryStream]] = []

    @asynccontextmanager
    async def listen(self, accept: Accept) -> AsyncIterator[None]:
        async with trio.open_nursery() as self._nursery:
            self._accept = accept
            self.ether.transports[self.address] = self
            yield
            del self.ether.transports[self.address]
            self._nursery.cancel_scope.cancel()

    async def open(self, key: bytes, address: str) -> Stream:
        await trio.lowlevel.checkpoint()
        there = self.ether.transports.get(address)
        if there is None or there.key != key:
            raise Broken(f"cannot reach {address}")
        assert there._nursery is not None
        here_out, there_in = trio.open_memory_channel[bytes](64)
        there_out, here_in = trio.open_memory_channel[bytes](64)
        here, far = MemoryStream(key, here_out, here_in), MemoryStream(self.key, there_out, there_in)
        self._open.append((key, here))
        there._open.append((self.key, far))
        there._nursery.start_soon(there._serve, far)
        return here

    async def _serve(self, stream: MemoryStream) -> None:
        assert self._accept is not None
        try:
            await self._accept(stream)
        finally:
            await stream.reset()

    async def drop(self, key: bytes) -> None:
        for each, stream in self._open:
            if each == key:
                await stream.reset()
        self._open = [pair for pair in self._open if pair[0] != key]
