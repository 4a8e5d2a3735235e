"""Those who mean harm, against real nodes: raw sockets, and a member that speaks the transport but keeps no measure."""

from __future__ import annotations

import gc
import os
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import trio
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # the library has no types

from bac.crypto.ed25519 import Ed25519KeyPair
from bac.crypto.keys import NodeSecrets, derive
from bac.node.framing import Kind, frame
from bac.node.handshake import Introduction, introduce
from bac.node.libp2p_transport import Libp2pTransport
from bac.node.network import Home
from bac.node.transport import Broken, Stream
from bac.types import Micros
from bac.wire.codec import decode, encode
from bac.wire.sync import Hello


def introduction_of(home: Home) -> Introduction:
    return decode(Introduction, home.introduction.read_bytes())


def port_of(home: Home) -> int:
    return int(Multiaddr(introduction_of(home).address).value_for_protocol("tcp"))


@contextmanager
def idle_connections(home: Home, count: int) -> Iterator[None]:
    """So many connections that say nothing."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(home)), 10))
        yield


def throw_garbage(home: Home, pieces: int) -> None:
    """Connections that say what nobody understands, some of it nearly right."""
    begun = [b"", b"\x13/multistream/1.0.0\n", b"\x13/multistream/1.0.0\n\x07/noise\n", b"GET / HTTP/1.1\r\n\r\n"]
    for piece in range(pieces):
        with socket.create_connection(("127.0.0.1", port_of(home)), 10) as connection:
            try:
                connection.sendall(begun[piece % len(begun)] + os.urandom(1 << (piece % 16)))
            except OSError:
                continue  # thrown out already


@contextmanager
def behaving(work: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Runs `work` in a thread with a trio loop of its own until the context ends."""
    ready = threading.Event()
    scope = trio.CancelScope()
    token: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        token.append(trio.lowlevel.current_trio_token())
        with scope:
            ready.set()
            await work()
            await trio.sleep_forever()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        trio.from_thread.run_sync(scope.cancel, trio_token=token[0])
        thread.join()
        gc.collect()  # the library leaves sockets to the collector, which complains: here, where a test can allow it


async def misbehave(
    secrets: NodeSecrets, victim: Home, then: Callable[[Stream], Awaitable[None]], answers: list[tuple[int, bytes]]
) -> None:
    """Introduces itself as who holds `secrets`, and then does as it likes; never reads what it is sent."""
    transport = Libp2pTransport(derive(secrets.signing, "transport"))
    known = introduction_of(victim)

    async def never_read(stream: Stream) -> None:
        await trio.sleep_forever()

    async with transport.listen(never_read):
        keys = Ed25519KeyPair.from_seed(secrets.signing)
        hello = decode(Hello, known.hello)
        own = introduce(hello, keys, transport.key, transport.address, Micros(known.serial + 1))
        while True:
            try:
                stream = await transport.open(known.transport_key, known.address)
                await stream.write(frame(Kind.HELLO, encode(own)))
                data = await stream.read()
                answers.append((data[4], data[5:]))
                await then(stream)
            except Broken:
                await transport.drop(known.transport_key)
                await trio.sleep(0.05)


async def flood(content: bytes, sent: list[int], stream: Stream) -> None:
    """Valid messages as fast as they go."""
    batch = frame(Kind.MESSAGE, content) * max(1, 60_000 // len(content))
    while True:
        await stream.write(batch)
        sent[0] += batch.count(content)


def flooding(content: bytes, sent: list[int]) -> Callable[[Stream], Awaitable[None]]:
    return partial(flood, content, sent)
