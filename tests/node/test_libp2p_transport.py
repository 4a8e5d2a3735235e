"""The transport over libp2p: what it promises above, and what must not hurt it."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from bac.node.libp2p_transport import UNFINISHED_MAX, Libp2pTransport
from bac.node.transport import Broken, Stream, Transport

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SEEDS = [bytes([place]) * 32 for place in range(3)]


def run(test: Callable[[Transport, Libp2pTransport], Awaitable[None]]) -> None:
    """Two transports: the first one to dial from, the second echoes what it is sent."""

    async def echo(stream: Stream) -> None:
        while True:
            data = await stream.read()
            if data == b"raise":
                raise RuntimeError("a handler that fails")
            if data == b"break":
                raise Broken("as if by the peer")
            await stream.write(data)

    async def main() -> None:
        with trio.fail_after(60):
            here, there = Libp2pTransport(SEEDS[0]), Libp2pTransport(SEEDS[1])
            async with here.listen(echo), there.listen(echo):
                await test(here, there)

    trio.run(main)
    gc.collect()  # the library leaves sockets to the collector, which complains: here, where the tests allow it


async def ask(stream: Stream, data: bytes) -> bytes:
    await stream.write(data)
    got = b""
    while len(got) < len(data):
        got += await stream.read()
    return got


def test_streams_carry_bytes_both_ways_and_name_their_peer() -> None:
    """NO-9."""

    async def test(here: Transport, there: Libp2pTransport) -> None:
        stream = await here.open(there.key, there.address)
        assert stream.key == there.key
        for data in (b"hi", bytes(3_000_000)):
            assert await ask(stream, data) == data

    run(test)


def test_another_key_and_a_dead_address_are_broken_and_can_be_tried_again() -> None:
    """NO-9, NO-15: and no failed dial bans whom it did not reach."""

    async def test(here: Transport, there: Libp2pTransport) -> None:
        stranger = Libp2pTransport(SEEDS[2])
        for key, address in ((stranger.key, there.address), (there.key, "/ip4/127.0.0.1/tcp/1"), (there.key, "?")):
            with pytest.raises(Broken):
                await here.open(key, address)
        assert await ask(await here.open(there.key, there.address), b"still") == b"still"

    run(test)


def test_a_broken_stream_ends_alone() -> None:
    """NO-9."""

    async def test(here: Transport, there: Libp2pTransport) -> None:
        stream, other = [await here.open(there.key, there.address) for _ in range(2)]
        await stream.write(b"break")
        with pytest.raises(Broken):
            await stream.read()
        assert await ask(other, b"alive") == b"alive"

    run(test)


def test_our_own_broken_invariant_ends_the_listener() -> None:
    """NO-9: what no peer can cause is not contained."""

    async def test(here: Transport, there: Libp2pTransport) -> None:
        await (await here.open(there.key, there.address)).write(b"raise")
        await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as raised:
        run(test)
    assert raised.value.subgroup(RuntimeError) is not None
    gc.collect()


async def flood(stream: Stream) -> None:
    while True:
        await stream.write(bytes(60_000))


def test_who_sends_more_than_was_granted_is_cut_off() -> None:
    """NO-10: the reader waits, and what waits for it is bounded."""

    async def main() -> None:
        held: list[Stream] = []

        async def hold(stream: Stream) -> None:
            held.append(stream)
            await trio.sleep_forever()

        with trio.fail_after(60):
            here, there = Libp2pTransport(SEEDS[0]), Libp2pTransport(SEEDS[1])
            async with here.listen(hold), there.listen(hold):
                stream: Any = await here.open(there.key, there.address)
                stream._stream.send_window = 1 << 30
                with pytest.raises(Broken):
                    await flood(stream)
                received: Any = held[0]
                muxer = received._stream.conn
                assert sum(map(len, muxer.stream_buffers.values())) <= 1 << 20
                assert muxer.event_shutting_down.is_set()
                await here.drop(there.key)
                await (await here.open(there.key, there.address)).write(b"back")

    trio.run(main)
    gc.collect()


def test_a_dropped_peer_is_gone_and_comes_back() -> None:
    """NO-15: again and again, without using up anything."""

    async def test(here: Transport, there: Libp2pTransport) -> None:
        for _ in range(5):
            stream = await here.open(there.key, there.address)
            await here.drop(there.key)
            with pytest.raises(Broken):
                await ask(stream, b"?")
        assert await ask(await here.open(there.key, there.address), b"back") == b"back"

    run(test)


def test_unfinished_handshakes_are_bounded_and_the_oldest_given_up() -> None:
    """NO-11: a newcomer gets in past more idle connections than there is room for."""

    async def test(here: Transport, there: Libp2pTransport) -> None:
        port = int(there.address.rpartition("/")[2])
        idle = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2 * UNFINISHED_MAX)]
        assert await ask(await here.open(there.key, there.address), b"in") == b"in"
        assert there.given_up > 0
        for each in idle:
            await each.aclose()

    run(test)
