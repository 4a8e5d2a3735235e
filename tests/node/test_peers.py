"""Peers over a transport in memory, on a clock that jumps: who is let in, what each may use, how links come back."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

import pytest
import trio
import trio.testing

from bac.crypto.standin import StandIn
from bac.errors import Code, Rejected
from bac.node.clock import Clock
from bac.node.framing import Kind, Misframed, Reader, frame
from bac.node.handshake import Book, Gate, Introduction, NotAdmitted, Refusal, introduce
from bac.node.inbox import FromPeer, Inbox
from bac.node.logs import Log
from bac.node.membership import Membership
from bac.node.peers import Peers
from bac.node.settings import Settings
from bac.node.transport import Broken, Stream
from bac.types import Hash, Micros, NodeId
from bac.wire.codec import PROTOCOL_VERSION, decode, encode
from bac.wire.sync import Hello
from tests.node.memory import Ether, MemoryTransport

SUITE = StandIn(bytes(32), "ed25519-list")
NETWORK, PARAMS = Hash(b"n" * 32), Hash(b"p" * 32)
HELLO = Hello(PROTOCOL_VERSION, NETWORK, PARAMS, 0)
START = 1_000_000_000


def keys_of(place: int):  # type: ignore[no-untyped-def]  # the stand-in's key pair
    return SUITE.key_pair(sha256(bytes([place])).digest())


IDS = [NodeId(keys_of(place).public) for place in range(8)]
MEMBERS = Membership({identity: bytes(identity) for identity in IDS})


def introduction(place: int, serial: int = START, hello: Hello = HELLO, address: str | None = None) -> Introduction:
    key = bytes([place]) * 32
    where = f"memory/{key.hex()[:8]}" if address is None else address
    return introduce(hello, keys_of(place), key, where, Micros(serial))


@dataclass
class Node:
    place: int
    peers: Peers
    inbox: Inbox
    transport: MemoryTransport

    def received(self) -> list[bytes]:
        return [each.data for each in self.inbox.take(1_000_000) if isinstance(each, FromPeer)]


@asynccontextmanager
async def nodes(
    count: int, settings: Settings | None = None, queue_frames: int = 4096, leaders: Sequence[int] = (),
    membership: Membership | Callable[[], Membership] = MEMBERS, judge: Callable[[Introduction], None] | None = None,
    strangers: Sequence[int] = (),
) -> AsyncIterator[list[Node]]:  # fmt: skip
    """Nodes that know each other, in one process; but for the strangers."""
    ether, clock = Ether(), Clock(START)
    made: list[Node] = []
    present = (lambda: membership) if isinstance(membership, Membership) else membership
    async with AsyncExitStack() as stack:
        for place in range(count):
            transport = MemoryTransport(ether, bytes([place]) * 32)
            inbox = Inbox(1 << 20, queue_frames)
            peers = Peers(
                introduction(place), Gate(NETWORK, PARAMS, SUITE, present, judge), transport, inbox, clock,
                settings or Settings(), Log(io.StringIO(), str(place), clock),
                leaders=lambda: [IDS[each] for each in leaders],
            )  # fmt: skip
            await stack.enter_async_context(transport.listen(peers.accept))
            made.append(Node(place, peers, inbox, transport))
        async with trio.open_nursery() as nursery:
            for node in made:
                for other in range(count):
                    if other != node.place and not {other, node.place} & {*strangers}:
                        node.peers.learn(encode(introduction(other)))
                nursery.start_soon(node.peers.run)
            yield made
            nursery.cancel_scope.cancel()


def run(test: Callable[[], Awaitable[None]]) -> None:
    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0))


def test_messages_arrive_in_order_and_links_come_back() -> None:
    """NO-9, NO-15."""

    async def main() -> None:
        async with nodes(3) as made:
            await trio.sleep(2)
            assert all(peer.is_connected for node in made for peer in node.peers.known.values())
            for number in range(100):
                made[0].peers.post([IDS[1], IDS[2]], b"%d" % number)
            await trio.sleep(1)
            assert made[1].received() == [b"%d" % number for number in range(100)] == made[2].received()
            await made[1].transport.drop(b"\0" * 32)
            await trio.sleep(5)
            made[0].peers.post([IDS[1]], b"again")
            await trio.sleep(1)
            assert made[1].received() == [b"again"]

    run(main)


def test_a_silent_peer_is_given_up_and_what_waits_for_it_is_bounded() -> None:
    """NO-10, NO-15."""

    async def main() -> None:
        async with nodes(2, Settings(out_bytes=10_000, away_bytes=1_000)) as made:
            await trio.sleep(2)
            (peer,) = made[0].peers.known.values()
            made[1].peers.cut([IDS[0]])
            for _ in range(100):
                made[0].peers.post([IDS[1]], b"x" * 500)
            await trio.sleep(20)
            assert [each.is_connected for each in made[0].peers.known.values()] == [False]
            assert peer.waiting_bytes <= 1_000
            assert peer.tally["dropped: out queue full"] + peer.tally["dropped: away"] > 70
            made[1].peers.cut([])
            await trio.sleep(5)
            assert [each.is_connected for each in made[0].peers.known.values()] == [True]

    run(main)


def test_a_loud_peer_is_slowed_down_to_its_rate() -> None:
    """NO-11: ten seconds' worth of frames takes nearly ten seconds, and is counted."""

    async def main() -> None:
        async with nodes(2, Settings(peer_frames_rate=10, burst=1)) as made:
            await trio.sleep(2)
            got = 0
            for _ in range(100):
                made[0].peers.post([IDS[1]], b"x")
                await trio.sleep(0.001)
            for _ in range(5):
                got += len(made[1].received())
                await trio.sleep(1)
            assert got < 80, "not faster than its rate, beyond the first burst"
            await trio.sleep(20)
            got += len(made[1].received())
            assert got == 100, "slowed down, not cut"
            assert made[1].peers.known[IDS[0]].tally["slowed down"] > 0

    run(main)


def test_a_full_queue_drops_and_counts() -> None:
    """NO-11."""

    async def main() -> None:
        async with nodes(2, queue_frames=10) as made:
            await trio.sleep(2)
            for _ in range(15):
                made[0].peers.post([IDS[1]], b"x")
            await trio.sleep(10)
            assert len(made[1].received()) == 10
            assert made[1].peers.known[IDS[0]].tally["dropped: in queue full"] == 5

    run(main)


def test_who_is_rejected_too_often_is_banned_for_a_while() -> None:
    """NO-14."""

    async def main() -> None:
        async with nodes(2, Settings(strikes=5, ban=30.0)) as made:
            await trio.sleep(2)
            for _ in range(5):
                made[1].peers.blame(IDS[0], Rejected(Code.MALFORMED, "no"))
            await trio.sleep(1)
            (banned,) = made[1].peers.known.values()
            assert banned.tally["banned"] == 1
            assert [peer.inbound is None for peer in made[1].peers.known.values()] == [True]
            await trio.sleep(10)
            assert made[1].peers.tally["not admitted: banned"] > 0
            await trio.sleep(40)
            assert banned.inbound is not None
            assert banned.is_connected

    run(main)


def test_who_restarts_elsewhere_is_found_and_news_spread() -> None:
    """NO-13, NO-16: a later introduction replaces an earlier one, and is handed on to those who have not met it."""

    async def main() -> None:
        async with nodes(2) as made:
            await trio.sleep(2)
            stranger_to_1 = encode(introduction(2, address="memory/elsewhere"))
            made[0].peers.learn(stranger_to_1)
            await trio.sleep(2)
            assert made[1].peers.known[IDS[2]].introduction.address == "memory/elsewhere"
            made[0].peers.learn(encode(introduction(2, serial=START + 1)))
            made[0].peers.learn(stranger_to_1)
            await trio.sleep(2)
            assert made[1].peers.known[IDS[2]].introduction.serial == START + 1

    run(main)


async def speak(node: Node, *said: bytes) -> list[tuple[int, bytes]]:
    """What a node answers on a fresh stream from key 3, and that it ends it."""
    transport = MemoryTransport(node.transport.ether, b"\x03" * 32)
    stream = await transport.open(node.transport.key, node.transport.address)
    answers: list[tuple[int, bytes]] = []
    reader = Reader(1 << 20)
    try:
        for each in said:
            await stream.write(each)
        while True:
            answers.extend(reader.feed(await stream.read()))
    except Broken:
        return answers


OTHER = Hello(PROTOCOL_VERSION, Hash(b"o" * 32), PARAMS, 0)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (encode(introduction(3, hello=OTHER)), "wrong-network"),
        (encode(introduction(3, hello=Hello(9, NETWORK, PARAMS, 0))), "wrong-version"),
        (encode(introduction(3, hello=Hello(PROTOCOL_VERSION, NETWORK, NETWORK, 0))), "wrong-params"),
        (encode(introduction(9)), "stranger"),
        (encode(introduction(2)), "bad-key"),
        (encode(introduction(3, serial=START + 10**12)), "clock"),
        (b"nonsense", "malformed"),
    ],
)
def test_who_does_not_belong_is_told_why(said: bytes, code: str) -> None:
    """NO-12, NO-13: another network, version or parameters; no member; another's introduction; nonsense."""

    async def main() -> None:
        async with nodes(1) as (node,):
            ((kind, content),) = await speak(node, frame(Kind.HELLO, said), frame(Kind.MESSAGE, b"x"))
            assert kind == Kind.REFUSED
            assert decode(Refusal, content).code == code
            assert node.peers.tally[f"not admitted: {code}"] == 1
            assert node.received() == []

    run(main)


def test_a_signature_by_another_and_a_bad_credential_are_refused() -> None:
    """NO-12: the judge of credentials has the last word."""

    def judge(_: Introduction) -> None:
        raise NotAdmitted("expired")

    forged = encode(introduction(3))[:-64] + bytes(64)
    with pytest.raises(NotAdmitted, match="bad-signature"):
        Gate(NETWORK, PARAMS, SUITE, lambda: MEMBERS).judge(forged, Micros(START))
    with pytest.raises(NotAdmitted, match="expired"):
        Gate(NETWORK, PARAMS, SUITE, lambda: MEMBERS, judge).judge(encode(introduction(3)), Micros(START))


def test_who_says_nothing_or_something_else_first_is_dropped() -> None:
    """NO-9, NO-13."""

    async def main() -> None:
        async with nodes(1) as (node,):
            assert await speak(node) == []
            assert await speak(node, frame(Kind.MESSAGE, b"x")) == []
            assert await speak(node, b"\xff" * 100) == []
            assert node.peers.tally["stranger dropped"] == 3
            kinds = [kind for kind, _ in await speak(node, frame(Kind.HELLO, encode(introduction(3))), b"\0" * 9)]
            assert kinds == [Kind.WELCOME], "welcome, and then nonsense: the stream ends"

    run(main)


@pytest.mark.parametrize("answer", [frame(kind, b"nonsense") for kind in (Kind.REFUSED, Kind.WELCOME, Kind.MESSAGE)])
def test_who_answers_nonsense_is_dialled_again_and_hurts_nobody(answer: bytes) -> None:
    """NO-9, NO-15: a welcome or a refusal that nobody understands."""

    async def main() -> None:
        async with nodes(1) as (node,):
            there = MemoryTransport(node.transport.ether, bytes([3]) * 32)

            async def garble(stream: Stream) -> None:
                await stream.read()
                await stream.write(answer)
                await trio.sleep_forever()

            async with there.listen(garble):
                peer = node.peers.learn(encode(introduction(3)))
                await trio.sleep(5)
                assert peer is not None
                assert peer.tally["dial failed"] > 1
                assert not peer.is_connected

    run(main)


def test_books_hold_introductions() -> None:
    """NO-16: the welcome names everybody else."""

    async def main() -> None:
        async with nodes(3) as made:
            answers = await speak(made[0], frame(Kind.HELLO, encode(introduction(3))), b"\0" * 9)
            book = decode(Book, answers[0][1])
            known = {decode(Introduction, each).identity for each in book.introductions}
            assert {IDS[1], IDS[2]} <= known

    run(main)


def test_frames() -> None:
    """NO-9: cut anywhere, whole again; too long or empty, refused."""
    whole = frame(0, b"") + frame(3, b"abc") + frame(1, b"x" * 1000)
    for size in (1, 3, 7, 2000):
        reader = Reader(1000)
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert [each for piece in pieces for each in reader.feed(piece)] == [(0, b""), (3, b"abc"), (1, b"x" * 1000)]
    for wrong in (frame(0, b"x" * 1001), bytes(4)):
        with pytest.raises(Misframed):
            list(Reader(1000).feed(wrong))


def test_the_inbox_is_fair() -> None:
    """NO-3: a source with much takes no more than its share of a batch."""

    async def main() -> None:
        inbox = Inbox(1 << 20, 1000)
        for _ in range(1000):
            inbox.put_message(IDS[0], b"loud")
        for _ in range(3):
            inbox.put_message(IDS[1], b"quiet")
        batch = [each.data for each in inbox.take(10) if isinstance(each, FromPeer)]
        assert batch.count(b"quiet") == 3
        assert len(batch) == 10
        assert not inbox.put_message(IDS[0], b"x" * (1 << 20)), "bounded in bytes, too"

    run(main)


def test_settings_are_numbers_with_names() -> None:
    """NO-10."""
    assert Settings.of({"ban": 2.5, "strikes": 3}).rows()["strikes"] == 3
    for wrong in ({"bam": 1}, {"ban": True}, {"strikes": 1.5}, {"strikes": 0}):
        with pytest.raises(ValueError, match=r"ba|strikes"):
            Settings.of(wrong)
