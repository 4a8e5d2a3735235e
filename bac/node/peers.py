"""Peers: dials them, lets them in, sends and receives, within caps that are counted when they are hit.

Theory of operation. Per peer there is one stream in each direction, opened by whoever writes. The writer's task dials,
says hello, waits to be welcomed, and then sends what waits in as few writes as possible, with a ping when idle; the
answers (welcome, news, pong) come back on the same stream. When anything fails it drops the peer and dials again. The
reader's task does no work: it cuts frames and puts them into the peer's own queue, slowing down, and at last dropping,
when the peer exceeds its rate or its queue is full. So a loud or slow peer costs itself alone.

Of two peers the one with the lower identity dials first; the other uses the same connection for its own stream. Which
links are kept and which are opened on demand says `bac.node.links`.

Who is no member may be let in as an applicant, if it has a credential: for less, and nobody is told of it. Once a
second everybody is judged again (`review`): who has become a member is one from then on, who is none any more goes.

Source: docs/spec/node.md NO-9 to NO-16, NO-23 to NO-25.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Final

import trio

from bac.errors import Rejected
from bac.node.clock import Clock
from bac.node.framing import Kind, Misframed, Reader, frame
from bac.node.handshake import BOOK_MAX, Book, Gate, Introduction, NotAdmitted, Refusal
from bac.node.inbox import Inbox
from bac.node.links import Links
from bac.node.logs import Log
from bac.node.peer import Peer
from bac.node.rate import Bucket
from bac.node.settings import Settings
from bac.node.transport import Broken, Stream, Transport
from bac.types import NodeId
from bac.wire.codec import decode, encode

STAGGER: Final = 0.5
ROOM_SECONDS: Final = 1.0
WRITE_SECONDS: Final = 4.0
"""Below the five seconds after which the multiplexer resets a stream that is not read."""
_PING: Final = frame(Kind.PING, b"")
_PONG: Final = frame(Kind.PONG, b"")


class Peers:
    """All peers of one node."""

    def __init__(
        self, own: Introduction, gate: Gate, transport: Transport, inbox: Inbox, clock: Clock, settings: Settings,
        log: Log, lookup: Callable[[NodeId], bytes | None] = lambda _: None,
        leaders: Callable[[], Collection[NodeId]] = tuple,
    ) -> None:  # fmt: skip
        """`own` is the node's introduction; `lookup` finds a newer one of a peer that cannot be reached.

        `leaders` answers who leads in the present epoch.
        """
        self._own = own
        self._gate = gate
        self._transport = transport
        self._inbox = inbox
        self._clock = clock
        self._settings = settings
        self._log = log
        self._lookup = lookup
        self._strangers = 0
        self._nursery: trio.Nursery | None = None
        self._links = Links(own.identity, settings, leaders)
        self.known: dict[NodeId, Peer] = {}
        self.tally: Counter[str] = Counter()

    async def run(self) -> None:
        """Keeps all connections until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for peer in self.known.values():
                nursery.start_soon(self._keep, peer)
            await trio.sleep_forever()

    # ------------------------------------------------------------ who there is

    def learn(self, data: bytes, transport_key: bytes | None = None) -> Peer | None:
        """Takes an introduction from a file, a book or a stream; None if it is the node's own. Raises NotAdmitted."""
        introduction = self._gate.judge(data, self._clock.now(), transport_key)
        identity = introduction.identity
        if identity == self._own.identity:
            return None
        peer = self.known.get(identity)
        if peer is None:
            peer = self._meet(introduction, is_here=transport_key is not None)
        elif introduction.serial <= peer.introduction.serial:
            return peer
        else:
            peer.introduction = introduction
            if peer.outbound is not None:
                peer.outbound.cancel()
        peer.wake.set()
        if not peer.is_applicant:
            self._tell_of(peer)
        return peer

    def _meet(self, introduction: Introduction, *, is_here: bool) -> Peer:
        """A new peer; of applicants only those who are here themselves, unless this node is no member either."""
        peer = Peer(introduction.identity, introduction, not self._gate.is_member(introduction.identity))
        if peer.is_applicant:
            if not is_here and self._gate.is_member(self._own.identity):
                raise NotAdmitted("stranger")
            applicants = [each for each in self.known.values() if each.is_applicant]
            if len(applicants) >= self._settings.applicants:
                self.tally["applicant given up for another"] += 1
                self._forget(applicants[0])
        self.known[peer.identity] = peer
        self._links.choose(self.known.values())
        if self._nursery is not None:
            self._nursery.start_soon(self._keep, peer)
        return peer

    def _tell_of(self, peer: Peer) -> None:
        news = frame(Kind.NEWS, encode(Book((encode(peer.introduction),))))
        for other in self.known.values():
            if other is not peer and other.is_connected:
                self._queue(other, news)

    def review(self) -> None:
        """Judges everybody again; who is no member any more, expired or revoked is forgotten, and links end."""
        for peer in list(self.known.values()):
            try:
                self._gate.judge_again(peer.introduction, was_member=not peer.is_applicant)
            except NotAdmitted as refusal:
                if peer.is_connected or peer.inbound is not None:
                    self._log("expelled", peer=peer.identity.hex()[:16], reason=refusal.code)
                    self.tally[f"expelled: {refusal.code}"] += 1
                self._forget(peer)
                continue
            if peer.is_applicant and self._gate.is_member(peer.identity):
                peer.is_applicant = False
                self._tell_of(peer)
        self._links.choose(self.known.values())

    def _forget(self, peer: Peer) -> None:
        self.known.pop(peer.identity, None)
        self._inbox.forget(peer.identity)
        self._part(peer)
        peer.life.cancel()

    def _learn_all(self, data: bytes) -> None:
        try:
            book = decode(Book, data)
        except Rejected as refusal:
            raise Misframed(str(refusal)) from refusal
        for each in book.introductions:
            try:
                self.learn(each)
            except NotAdmitted as refusal:
                self.tally[f"not admitted: {refusal.code}"] += 1

    def _book(self) -> bytes:
        members = [peer.introduction for peer in self.known.values() if not peer.is_applicant]
        return encode(Book(tuple(map(encode, members[:BOOK_MAX]))))

    # ------------------------------------------------------------ sending

    def post(self, to: Iterable[NodeId], data: bytes) -> None:
        """Queues a message for each of `to`; whoever is not known is skipped."""
        whole = frame(Kind.MESSAGE, data)
        now = trio.current_time()
        for identity in to:
            peer = self.known.get(identity)
            if peer is None:
                self.tally["unknown recipient"] += 1
            elif not peer.is_cut:
                peer.used = now
                self._queue(peer, whole)

    def _queue(self, peer: Peer, whole: bytes) -> None:
        cap = self._settings.out_bytes if peer.is_connected else self._settings.away_bytes
        peer.queue(whole, min(cap, self._settings.applicant_out_bytes) if peer.is_applicant else cap)

    async def _keep(self, peer: Peer) -> None:
        """Dials a peer, serves it, and dials again, until it is forgotten."""
        with peer.life:
            if self._own.identity > peer.identity:
                with trio.move_on_after(STAGGER):
                    while peer.inbound is None:
                        await peer.woken()
            await self._link(peer)

    async def _link(self, peer: Peer) -> None:
        retry = self._settings.retry_min
        while True:
            while not peer.is_wanted:
                await peer.woken()
            if not peer.is_kept and peer.inbound is None:
                await trio.sleep(self._links.pause())
            if peer.is_cut or peer.banned_until > trio.current_time():
                await trio.sleep(self._settings.retry_min)
                continue
            began, is_idle, peer.is_closing = trio.current_time(), False, False
            if not peer.is_kept:
                self._links.make_room(self.known.values())
            with trio.CancelScope() as peer.outbound:
                is_idle = await self._serve_out(peer)
            peer.outbound, peer.is_connected = None, False
            if is_idle and peer.inbound is not None:
                continue  # the other stream goes on
            await self._transport.drop(peer.introduction.transport_key)
            if is_idle:
                continue
            if peer.is_applicant and peer.inbound is None:
                self._forget(peer)
            if not peer.is_kept:
                peer.forget_waiting()  # it cannot be reached, and is not worth others' turns
            if trio.current_time() - began > self._settings.silence:
                retry = self._settings.retry_min
            with trio.move_on_after(retry):
                await peer.woken()
            self._look_up(peer)
            retry = min(2 * retry, self._settings.retry_max)

    def _look_up(self, peer: Peer) -> None:
        data = self._lookup(peer.identity)
        if data is not None:
            try:
                self.learn(data)
            except NotAdmitted as refusal:
                self.tally[f"not admitted: {refusal.code}"] += 1

    async def _serve_out(self, peer: Peer) -> bool:
        """Dials, and sends until the stream fails; True if it ends because it is idle."""
        stream = None
        try:
            with trio.fail_after(self._settings.dial_timeout):
                introduction = peer.introduction
                stream = await self._transport.open(introduction.transport_key, introduction.address)
                await stream.write(frame(Kind.HELLO, encode(self._own)))
                reader = Reader(self._settings.frame_bytes)
                await self._be_welcomed(stream, reader)
            peer.is_connected = True
            self._log("connected", peer=peer.identity.hex()[:16])
            heard = [trio.current_time()]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._listen_back, stream, reader, heard)
                await self._send(peer, stream, heard)
                nursery.cancel_scope.cancel()
        except* (Broken, Misframed, trio.TooSlowError, NotAdmitted) as group:
            reason = str(next(iter(_leaves(group))))
            peer.tally["disconnected" if peer.is_connected else "dial failed"] += 1
            if peer.is_connected:
                self._log("disconnected", peer=peer.identity.hex()[:16], reason=reason)
        else:
            return True
        finally:
            if stream is not None:
                await stream.reset()
        return False

    async def _be_welcomed(self, stream: Stream, reader: Reader) -> None:
        while True:
            for kind, content in reader.feed(await stream.read()):
                if kind == Kind.WELCOME:
                    self._learn_all(content)
                    return
                if kind == Kind.REFUSED:
                    self.tally["refused by a peer"] += 1
                    raise NotAdmitted(_refusal_in(content))
                raise Misframed(f"a frame of kind {kind} before the welcome")

    async def _listen_back(self, stream: Stream, reader: Reader, heard: list[float]) -> None:
        while True:
            for kind, content in reader.feed(await stream.read()):
                if kind == Kind.NEWS:
                    self._learn_all(content)
            heard[0] = trio.current_time()

    async def _send(self, peer: Peer, stream: Stream, heard: list[float]) -> None:
        """Sends what waits, and pings, until the link is idle."""
        pinged = 0.0
        while not self._links.is_idle(peer):
            if not peer.waiting:
                with trio.move_on_after(self._settings.ping):
                    await peer.woken()
            batch = bytearray()
            now = trio.current_time()
            if now - pinged >= self._settings.ping:
                if now - heard[0] > self._settings.silence:
                    raise Broken("the peer is silent")
                batch += _PING
                pinged = now
            while peer.waiting and len(batch) < self._settings.write_bytes:
                batch += peer.waiting[0]
                peer.waiting_bytes -= len(peer.waiting.popleft())
            if batch:
                peer.tally["bytes out"] += len(batch)
                with trio.fail_after(WRITE_SECONDS):
                    await stream.write(bytes(batch))

    # ------------------------------------------------------------ receiving

    async def accept(self, stream: Stream) -> None:
        """Serves an inbound stream; the transport's `Accept`."""
        if self._strangers >= self._settings.strangers:
            self.tally["stranger dropped: too many"] += 1
            return
        reader = Reader(self._settings.frame_bytes)
        self._strangers += 1
        try:
            with trio.fail_after(self._settings.dial_timeout):
                peer, rest = await self._admit(stream, reader)
        except (Broken, Misframed, trio.TooSlowError):
            self.tally["stranger dropped"] += 1
            return
        except NotAdmitted as refusal:
            self.tally[f"not admitted: {refusal.code}"] += 1
            with trio.move_on_after(1):
                await stream.write(frame(Kind.REFUSED, encode(Refusal(refusal.code, 0))))
                await trio.sleep(self._settings.retry_min)  # so that it is read before the reset
            return
        finally:
            self._strangers -= 1
        if peer.inbound is not None:
            peer.inbound.cancel()  # one stream per peer and direction: the newer one counts
        with trio.CancelScope() as scope:
            peer.inbound = scope
            peer.wake.set()
            try:
                await self._receive(peer, stream, reader, rest)
            except (Broken, Misframed, trio.TooSlowError) as error:
                peer.tally[f"inbound ended: {type(error).__name__.lower()}"] += 1
        if peer.inbound is scope:
            peer.inbound = None
            if peer.is_applicant and peer.outbound is None:
                self._forget(peer)

    async def _admit(self, stream: Stream, reader: Reader) -> tuple[Peer, list[tuple[int, bytes]]]:
        while True:
            frames = list(reader.feed(await stream.read()))
            if not frames:
                continue
            kind, content = frames[0]
            if kind != Kind.HELLO:
                raise Misframed(f"a frame of kind {kind} before the hello")
            peer = self.learn(content, stream.key)
            if peer is None:
                raise NotAdmitted("own-identity")
            if peer.is_cut or peer.banned_until > trio.current_time():
                raise NotAdmitted("banned")
            await stream.write(frame(Kind.WELCOME, self._book()))
            return peer, frames[1:]

    async def _receive(self, peer: Peer, stream: Stream, reader: Reader, first: list[tuple[int, bytes]]) -> None:
        by_bytes, by_frames = self._measures(peer)
        for each in first:
            await self._take(peer, stream, *each)
        was_applicant = peer.is_applicant
        while True:
            data = await stream.read()
            if peer.is_applicant != was_applicant:
                was_applicant = peer.is_applicant
                by_bytes, by_frames = self._measures(peer)
            count = 0
            for kind, content in reader.feed(data):
                count += 1
                await self._take(peer, stream, kind, content)
            now = trio.current_time()
            peer.tally["bytes in"] += len(data)
            pause = max(by_bytes.take(len(data), now), by_frames.take(count, now))
            if pause:
                peer.tally["slowed down"] += 1
                await trio.sleep(pause)

    def _measures(self, peer: Peer) -> tuple[Bucket, Bucket]:
        """What a peer may send: bytes and frames."""
        caps, now = self._settings, trio.current_time()
        rates = (caps.peer_bytes_rate, caps.peer_frames_rate)
        if peer.is_applicant:
            rates = (caps.applicant_bytes_rate, caps.applicant_frames_rate)
        return Bucket(rates[0], caps.burst, now), Bucket(rates[1], caps.burst, now)

    async def _take(self, peer: Peer, stream: Stream, kind: int, content: bytes) -> None:
        if kind == Kind.MESSAGE:
            if not self._inbox.put_message(peer.identity, content):
                await self._take_late(peer, content)
        elif kind == Kind.PING:
            with trio.fail_after(WRITE_SECONDS):
                await stream.write(_PONG)
        elif kind == Kind.NEWS:
            self._learn_all(content)
        else:
            raise Misframed(f"a frame of kind {kind} from a peer")

    async def _take_late(self, peer: Peer, content: bytes) -> None:
        """The peer's queue is full: it waits, and then its message is dropped."""
        deadline = trio.current_time() + ROOM_SECONDS
        while trio.current_time() < deadline:
            with trio.move_on_at(deadline):
                await self._inbox.room(peer.identity)
            if self._inbox.put_message(peer.identity, content):
                peer.tally["waited: in queue full"] += 1
                return
        peer.tally["dropped: in queue full"] += 1

    # ------------------------------------------------------------ bad peers, cut links

    def blame(self, identity: NodeId, refusal: Rejected) -> None:
        """Counts a rejected message against who sent it; too many, and it is banned for a while."""
        peer = self.known.get(identity)
        if peer is None:
            return
        now = trio.current_time()
        peer.tally[f"rejected: {refusal.code.value}"] += 1
        peer.strikes.append(now)
        while peer.strikes[0] < now - self._settings.strike_window:
            peer.strikes.popleft()
        if len(peer.strikes) >= self._settings.strikes and peer.banned_until <= now:
            peer.banned_until = now + self._settings.ban
            peer.strikes.clear()
            peer.tally["banned"] += 1
            self._log("banned", peer=identity.hex()[:16], reason=str(refusal))
            self._part(peer)

    def cut(self, identities: Iterable[NodeId]) -> None:
        """Cuts the links to these peers, and mends all others."""
        chosen = frozenset(identities)
        for peer in self.known.values():
            peer.is_cut = peer.identity in chosen
            if peer.is_cut:
                self._part(peer)

    def _part(self, peer: Peer) -> None:
        peer.forget_waiting()
        peer.end_streams()
        if self._nursery is not None:
            self._nursery.start_soon(partial(self._transport.drop, peer.introduction.transport_key))


def _refusal_in(content: bytes) -> str:
    """The code in a refusal. Raises Misframed."""
    try:
        return decode(Refusal, content).code
    except Rejected as refusal:
        raise Misframed(str(refusal)) from refusal


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterable[BaseException]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
