"""The transport over libp2p: TCP, noise, yamux, and nothing else of it. The only file that knows libp2p.

Departures from the library's own ways, each for a reason that was measured with version 0.8.1:

- Only noise is offered; the default host also accepts plaintext.
- A handler that raises takes the host down, so `_serve` contains what a peer can cause, and nothing else.
- An inbound connection keeps one of a few hundred slots for the life of the process, and connections that never finish
  their handshake take all of them. `_handle_inbound` bounds the unfinished instead, gives up the oldest for a new one,
  and frees what ended: a newcomer gets in past a thousand idle connections.
- The resource manager never gets back what a broken off handshake held; the caps above do its work.
- A failed dial bans a peer for a minute: each dial forgets the ban, and addresses of earlier lives.
- A connected dial waits a quarter of a second for nothing, and every read answers with a window update.
- Each write takes five locks and each read four, all for one task alone, and a lock of trio passes the turn on; each
  message is read in five pieces, copied as often. Here a stream has one reader and one writer; a socket is read ahead.
- The multiplexer lets a peer exceed its window, without bound. Here that ends the connection.
- A cancelled write may leave half a frame: who times out must `drop` the peer.
- The library dials every peer that it knows until half of all connections are used; here the node decides.
- Identification of peers is left out: the handshake above does it, with credentials.

It touches private names of that version; the tests of this file fail if another one differs.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, cast

import libp2p
import libp2p.io.trio
import libp2p.network.swarm
import libp2p.stream_muxer.yamux.yamux
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.keys import KeyPair as LibraryKeyPair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.custom_types import TProtocol
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.config import ConnectionConfig
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.security.noise.io import NoisePacketReadWriter
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p.security.secure_session import SecureSession
from libp2p.stream_muxer.yamux.yamux import FLAG_ACK, TYPE_DATA, YAMUX_HEADER_FORMAT, Yamux, YamuxStream
from libp2p.stream_muxer.yamux.yamux import PROTOCOL_ID as YAMUX
from multiaddr import Multiaddr  # type: ignore[import-untyped]  # the library has no types

from bac.node.transport import Accept, Broken, Stream

PROTOCOL: Final = TProtocol("/bac/1")
LOOPBACK: Final = "/ip4/127.0.0.1/tcp/0"
UNFINISHED_MAX: Final = 128
UPGRADE_SECONDS: Final = 5.0
READ_BYTES: Final = 65_536
WRITE_BYTES: Final = 65_000
"""Of one frame of the multiplexer, so that it fits one message of noise."""
WINDOW_SECONDS: Final = 0.01
"""Between two looks whether the peer has read."""
_WINDOW: Final = 4 << 20
_ED25519_PREFIX: Final = b"\x08\x01\x12\x20"  # protobuf of a public key: type 1, 32 bytes


async def _update_window(self: Any, *, bytes_read: int = 0) -> None:
    """One window update per MiB read, instead of one per read."""
    if self.target_recv_window < _WINDOW:
        increment, self.target_recv_window = _WINDOW - self.target_recv_window + bytes_read, _WINDOW
    else:
        self._pending_recv_release += bytes_read
        if self._pending_recv_release * 4 < _WINDOW:
            return
        increment, self._pending_recv_release = self._pending_recv_release, 0
    self.recv_window += increment
    await self.send_window_update(increment)


async def _write_frame(self: Any, data: bytes) -> None:
    """Without the description that the library makes of every frame for its debug log."""
    async with self._write_lock:
        await self.secured_conn.write(data)


async def _read_ahead(self: Any, n: int | None = None) -> bytes:
    """What the socket has, in one piece, without a lock: one task reads."""
    ahead = _ahead_of(self)
    if not ahead and n != 0:
        await _receive_more(self, ahead)
    data = bytes(ahead[:n])
    del ahead[:n]
    return data


def _ahead_of(socket: Any) -> bytearray:
    """What was read of a socket and is not asked for yet."""
    ahead: bytearray = socket.__dict__.setdefault("_ahead", bytearray())
    return ahead


async def _receive_more(socket: Any, ahead: bytearray) -> bool:
    """Whether there was more."""
    try:
        data = await socket.stream.receive_some(READ_BYTES)
    except trio.BrokenResourceError as error:
        raise ConnectionClosedError(f"the peer has reset the connection: {error}", transport="tcp") from error
    except trio.ClosedResourceError:
        return False
    ahead += data
    return bool(data)


async def _read_packet(self: Any) -> bytes:
    """One message of noise, two bytes of length before it."""
    socket = self.read_write_closer.stream
    ahead = _ahead_of(socket)
    size = None
    while size is None or len(ahead) < size:
        if size is None and len(ahead) >= 2:
            size = 2 + int.from_bytes(ahead[:2], "big")
        elif not await _receive_more(socket, ahead):
            raise ConnectionClosedError("the peer has ended the connection", transport="tcp")
    packet = bytes(ahead[2:size])
    del ahead[:size]
    return packet


async def _read_plain(self: Any, n: int | None = None) -> bytes:
    """What was encrypted: `n` bytes, or those of one message."""
    plain: bytearray = self.__dict__.setdefault("_plain", bytearray())
    while len(plain) < (1 if n is None else n):
        plain += await self.conn.read_msg()
    data = bytes(plain[:n])
    del plain[:n]
    return data


async def _read_body(self: Any, length: int) -> bytes:
    """Without a deadline of its own: `bac.node.peers` gives up who is silent."""
    data: bytes = await self.secured_conn.read(length)
    return data


_handle_incoming: Final = cast(Any, Yamux).handle_incoming


async def _handle_frames(self: Any) -> None:
    """The library's, with `_next_header` between it and the connection."""
    self.secured_conn.muxer = self
    await _handle_incoming(self)


async def _next_header(session: Any, n: int) -> bytes:
    """The next frame that is more than data for a known stream; data is delivered here, within the stream's window.

    Raises:
        ConnectionClosedError: the peer has sent more than was granted, or has gone.
    """
    muxer = session.muxer
    while True:
        header: bytes = await session.read(n)
        _, kind, flags, number, length = struct.unpack(YAMUX_HEADER_FORMAT, header)
        stream = muxer.streams.get(number)
        if kind != TYPE_DATA or flags & ~FLAG_ACK or stream is None:
            return header
        if length > stream.recv_window:
            raise ConnectionClosedError("the peer has sent more than was granted", transport="tcp")
        muxer.stream_buffers[number] += await session.read(length)
        stream.recv_window -= length
        muxer.stream_events[number].set()


async def _send(self: Any, data: bytes) -> None:
    """Without a lock: above, `_write_frame` has one."""
    try:
        await self.stream.send_all(data)
    except trio.BrokenResourceError as error:
        raise ConnectionClosedError(f"the peer has reset the connection: {error}", transport="tcp") from error
    except trio.ClosedResourceError:
        return


def _patch() -> None:
    swarm: Any = libp2p.network.swarm
    swarm._HAPPY_EYEBALLS_DELAY = 0.0
    stream: Any = YamuxStream
    stream._auto_tune_and_send_window_update = _update_window
    socket: Any = libp2p.io.trio.TrioTCPStream
    socket.read, socket.write = _read_ahead, _send
    packets: Any = NoisePacketReadWriter
    packets.read_msg = _read_packet
    secured: Any = SecureSession
    secured.read = _read_plain
    muxer: Any = Yamux
    muxer._read_data_body = _read_body
    muxer.handle_incoming = _handle_frames
    frames: Any = libp2p.stream_muxer.yamux.yamux
    frames.read_exactly = _next_header
    muxer._write_frame = _write_frame
    logging.getLogger("libp2p").setLevel(logging.CRITICAL)


_patch()


def _id_of(key: bytes) -> ID:
    """The library's name of a transport key: the identity hash of its protobuf."""
    return ID(b"\x00" + bytes((len(_ED25519_PREFIX) + len(key),)) + _ED25519_PREFIX + key)


def _key_of(peer: ID) -> bytes:
    data = peer.to_bytes()
    if len(data) != 38 or data[2:6] != _ED25519_PREFIX:
        raise Broken("the peer's key is not an Ed25519 key")
    return data[6:]


class Libp2pStream:
    """One stream; satisfies `bac.node.transport.Stream`. One task reads, and one writes.

    On a connection that ends, or that a peer abuses, the library raises what comes about where it stands: KeyError,
    AttributeError, its own, noise's. So whatever reading and writing raise is `Broken`; what the caller makes of the
    bytes happens outside.
    """

    def __init__(self, inner: Any, key: bytes) -> None:
        self._inner = inner
        self._stream: Any = inner.muxed_stream
        self.key = key

    async def read(self) -> bytes:
        """As the interface's."""
        try:
            return await self._receive()
        except Exception as error:
            raise Broken("the stream ended") from error

    async def _receive(self) -> bytes:
        stream, number = self._stream, self._stream.stream_id
        while not (buffer := stream.conn.stream_buffers[number]):
            if stream.recv_closed or stream.reset_received or stream.conn.event_shutting_down.is_set():
                raise Broken("nothing more will come")
            await stream.conn.stream_events[number].wait()
            stream.conn.stream_events[number] = trio.Event()
        data = bytes(buffer[:READ_BYTES])
        del buffer[:READ_BYTES]
        await _update_window(stream, bytes_read=len(data))
        return data

    async def write(self, data: bytes) -> None:
        """As the interface's."""
        try:
            for start in range(0, len(data), WRITE_BYTES):
                await self._send(data[start : start + WRITE_BYTES])
        except Exception as error:
            raise Broken("the stream cannot be written to") from error

    async def _send(self, data: bytes) -> None:
        stream = self._stream
        while data:
            if stream.send_closed or stream.closed:
                raise Broken("the stream is closed")
            piece = data[: stream.send_window]
            if not piece:
                await trio.sleep(WINDOW_SECONDS)
                continue
            stream.send_window -= len(piece)
            header = struct.pack(YAMUX_HEADER_FORMAT, 0, TYPE_DATA, 0, stream.stream_id, len(piece))
            await stream.conn._write_frame(header + piece)
            data = data[len(piece) :]

    async def reset(self) -> None:
        """As the interface's."""
        with _briefly(), suppress(Exception):
            await self._inner.reset()


class Libp2pTransport:
    """One host; satisfies `bac.node.transport.Transport`."""

    def __init__(self, seed: bytes, address: str = LOOPBACK) -> None:
        """Takes the seed of the transport key (32 bytes), and where to listen."""
        pair: LibraryKeyPair = create_new_key_pair(seed)
        self.key = pair.public_key.to_bytes()
        self._wish = Multiaddr(address)
        self._host = cast(Any, libp2p.new_host)(
            key_pair=pair,
            listen_addrs=[self._wish],
            sec_opt={NOISE: Noise(pair, noise_privkey=create_noise_key_pair().private_key)},
            muxer_opt={TProtocol(YAMUX): Yamux},
            connection_config=ConnectionConfig(
                min_connections=0,
                low_watermark=0,
                high_watermark=4096,
                max_connections=4096,
                inbound_upgrade_timeout=UPGRADE_SECONDS,
                outbound_upgrade_timeout=UPGRADE_SECONDS,
            ),
            disable_identify_address_discovery=True,
        )
        self._host._schedule_identify = _do_nothing
        self._network = self._host.get_network()
        self._network.auto_connector.maybe_connect = _do_nothing_async
        self._network._handle_inbound_connection = self._handle_inbound
        self._network._resource_manager = self._network._stream_semaphore = None
        self._unfinished: dict[object, trio.CancelScope] = {}
        self.given_up = 0

    @property
    def address(self) -> str:
        """As the interface's."""
        (address, *_) = self._network.listeners.values()
        found: Multiaddr = address.get_addrs()[0]
        return str(found)

    @asynccontextmanager
    async def listen(self, accept: Accept) -> AsyncIterator[None]:
        """As the interface's."""

        async def serve(inner: Any) -> None:
            await _serve(inner, accept)

        self._host.set_stream_handler(PROTOCOL, serve)
        async with self._host.run([self._wish]):
            yield

    async def open(self, key: bytes, address: str) -> Stream:
        """As the interface's."""
        peer = _id_of(key)
        try:
            where = Multiaddr(address)
            self._network.unblock_peer(peer)
            self._host.get_peerstore().clear_addrs(peer)
            await self._host.connect(PeerInfo(peer, [where]))
            return Libp2pStream(await self._host.new_stream(peer, [PROTOCOL]), key)
        except Exception as error:
            raise Broken(f"cannot reach {address}: {error}") from error

    async def drop(self, key: bytes) -> None:
        """As the interface's."""
        with _briefly(), suppress(Exception):
            await self._host.disconnect(_id_of(key))

    async def _handle_inbound(self, raw: Any, address: Any) -> None:
        """Instead of the library's: bounds the unfinished handshakes, and ends with the connection."""
        if len(self._unfinished) >= UNFINISHED_MAX:
            oldest = next(iter(self._unfinished))
            self._unfinished.pop(oldest).cancel()
            self.given_up += 1
        ticket = object()
        muxed: Any = None
        with trio.CancelScope() as scope, suppress(Exception):
            self._unfinished[ticket] = scope
            muxed = await self._network.upgrade_inbound_raw_conn(RawConnection(raw, False), address)
        self._unfinished.pop(ticket, None)
        if muxed is None:
            with _briefly(), suppress(Exception):
                await raw.close()
            return
        await muxed.event_shutting_down.wait()


def _briefly() -> trio.CancelScope:
    """For what must be tried although the task was cancelled, and must not hold it up."""
    return trio.CancelScope(deadline=trio.current_time() + 1, shield=True)


async def _serve(inner: Any, accept: Accept) -> None:
    """What a peer can cause, and a strange key is, ends this stream alone; anything else is ours, and ends the host."""
    try:
        stream = Libp2pStream(inner, _key_of(inner.muxed_conn.peer_id))
        await accept(stream)
    except Broken:
        return
    finally:
        with _briefly(), suppress(Exception):
            await inner.reset()


def _do_nothing(*_: object, **__: object) -> None:
    """In place of the library's identification of peers."""


async def _do_nothing_async() -> None:
    """In place of the library's own choice of whom to dial."""
