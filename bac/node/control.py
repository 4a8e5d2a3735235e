"""The control socket: a Unix socket in the node's directory that only its owner can open.

A client that submits more than the node takes is told "busy" for each transaction beyond; a subscriber that does not
read is cut off, and may ask again from the last commit that it has seen. Nothing is lost silently.

Source: docs/spec/node.md NO-17 to NO-20.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import trio

from bac.errors import Rejected
from bac.node.framing import Misframed, Reader, frame
from bac.node.inbox import Inbox
from bac.node.query import Desk
from bac.node.requests import (
    BUSY,
    Answer,
    Answered,
    Cut,
    Failed,
    Notice,
    Query,
    Receipt,
    Request,
    Stop,
    Submit,
    Submitted,
    Subscribe,
    decode_request,
    encode,
)
from bac.node.settings import Settings
from bac.protocol import Commit, Effect
from bac.types import NodeId

CATCH_UP = 64


@dataclass(slots=True, eq=False)
class _Client:
    """One connection: what waits to be written, and what it subscribed to."""

    waiting: deque[bytes] = field(default_factory=deque)
    wake: trio.Event = field(default_factory=trio.Event)
    subscription: Subscribe | None = None
    next_commit: int = 0
    is_behind: bool = False


@dataclass(slots=True)
class _Open:
    """A submission that is not answered yet."""

    number: int
    receipts: list[Receipt | None]
    left: int


class Control:
    """Serves clients of one node."""

    def __init__(self, desk: Desk, inbox: Inbox, settings: Settings, stop: Callable[[], None]) -> None:
        self._desk = desk
        self._inbox = inbox
        self._settings = settings
        self._stop = stop
        self._clients: set[_Client] = set()

    async def run(self, directory: Path) -> None:
        """Listens on ``control.sock`` in `directory` until cancelled."""
        with _listening(directory) as listener:
            async with trio.open_nursery() as nursery:
                while True:
                    connection, _ = await listener.accept()
                    nursery.start_soon(self._serve, trio.SocketStream(connection))

    # ------------------------------------------------------------ one client

    async def _serve(self, stream: trio.SocketStream) -> None:
        if len(self._clients) >= self._settings.control_clients:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(frame(0, encode(Failed(0, BUSY, "too many clients"))))
            await stream.aclose()
            return
        client = _Client()
        self._clients.add(client)
        try:
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(self._write, client, stream)
                await self._read(client, stream)
                nursery.cancel_scope.cancel()
        except* (trio.BrokenResourceError, trio.ClosedResourceError, Misframed, msgspec.DecodeError):
            pass  # the client is gone, or does not speak our language
        finally:
            self._clients.discard(client)

    async def _read(self, client: _Client, stream: trio.SocketStream) -> None:
        reader = Reader(self._settings.control_bytes)
        while data := await stream.receive_some(65_536):
            for _, content in reader.feed(data):
                self._obey(client, decode_request(content))
            while len(client.waiting) >= self._settings.subscriber_frames:
                await trio.sleep(0.01)  # who does not read answers is not read from either

    async def _write(self, client: _Client, stream: trio.SocketStream) -> None:
        while True:
            if client.subscription is not None and client.is_behind:
                self._catch_up(client, client.subscription)
            if not client.waiting:
                client.wake = trio.Event()
                await client.wake.wait()
            batch = bytearray()
            while client.waiting and len(batch) < 1 << 20:
                batch += client.waiting.popleft()
            await stream.send_all(bytes(batch))

    def _say(self, client: _Client, answer: Answer) -> None:
        client.waiting.append(frame(0, encode(answer)))
        client.wake.set()

    def _obey(self, client: _Client, request: Request) -> None:
        match request:
            case Submit():
                self._submit(client, request)
            case Query(number, about, arguments):
                self._say(client, self._answer(number, about, arguments))
            case Subscribe(number, first, _):
                now = self._desk.world.store.commit_number
                client.subscription, client.next_commit = request, first or now + 1
                client.is_behind = client.next_commit <= now
                self._say(client, Answered(number, now))
            case Cut(number, identities):
                self._desk.peers.cut(NodeId(each) for each in identities)
                self._say(client, Answered(number, None))
            case Stop(number):
                self._say(client, Answered(number, None))
                self._stop()

    def _answer(self, number: int, about: str, arguments: dict[str, Any]) -> Answer:
        try:
            return Answered(number, self._desk.answer(about, arguments))
        except ValueError as error:
            return Failed(number, "usage", str(error))

    # ------------------------------------------------------------ submissions

    def _submit(self, client: _Client, request: Submit) -> None:
        count = len(request.transactions)
        opened = _Open(request.number, [None] * count, count)
        if not count:
            self._say(client, Submitted(request.number, ()))
        for place, data in enumerate(request.transactions):
            try:
                transaction = self._desk.member.read_transaction(data)
            except Rejected as refusal:
                self._note(client, opened, place, Receipt(b"", refusal.code.value, refusal.reason))
                continue
            identity = self._desk.member.transaction_id(transaction)

            def answer(refusal: Rejected | None, place: int = place, identity: bytes = identity) -> None:
                code, reason = ("", "") if refusal is None else (refusal.code.value, refusal.reason)
                self._note(client, opened, place, Receipt(identity, code, reason))

            account, nonce = self._desk.member.transaction_place(transaction)
            if self._desk.world.places.take(identity, account, nonce, trio.current_time()):
                self._inbox.put_transaction(transaction, answer)
            else:
                self._desk.world.tally["busy"] += 1
                self._note(client, opened, place, Receipt(identity, BUSY, "too many transactions wait"))

    def _note(self, client: _Client, opened: _Open, place: int, receipt: Receipt) -> None:
        opened.receipts[place] = receipt
        opened.left -= 1
        if not opened.left:
            self._say(client, Submitted(opened.number, tuple(each for each in opened.receipts if each is not None)))

    # ------------------------------------------------------------ subscriptions

    def hear(self, effect: Effect) -> None:
        """Told every effect that was performed: commits go to subscribers."""
        if isinstance(effect, Commit):
            for client in self._clients:
                if client.subscription is not None:
                    client.is_behind = True
                    client.wake.set()

    def _catch_up(self, client: _Client, subscription: Subscribe) -> None:
        """Reads on from the archive: the durable commits are the only queue that a subscriber has."""
        store = self._desk.world.store
        commits = store.commits(client.next_commit, CATCH_UP)
        for each in commits:
            outcomes = store.outcomes_of(each.number)
            block, proof = (each.block, each.proof) if subscription.with_blocks else (b"", b"")
            self._say(client, Notice(subscription.number, each.number, outcomes, block, proof))
            client.next_commit = each.number + 1
        client.is_behind = len(commits) == CATCH_UP


@contextmanager
def _listening(directory: Path) -> Iterator[trio.socket.SocketType]:
    """The listening socket. Its path is taken by way of the directory's descriptor: paths of sockets must be short."""
    with suppress(FileNotFoundError):
        (directory / "control.sock").unlink()
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    mask = os.umask(0o177)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(f"/proc/self/fd/{descriptor}/control.sock")
        os.umask(mask)
        listener.listen(64)
        listener.setblocking(False)
        yield trio.socket.from_stdlib_socket(listener)
    finally:
        os.umask(mask)
        listener.close()
        os.close(descriptor)
        with suppress(FileNotFoundError):
            (directory / "control.sock").unlink()
