"""Which links a node keeps, and what an applicant may do; over a transport in memory, on a clock that jumps."""

from __future__ import annotations

import pytest
import trio

from bac.node.handshake import Book, Introduction, NotAdmitted
from bac.node.membership import Membership
from bac.node.settings import Settings
from bac.wire.codec import decode, encode
from tests.node.test_peers import IDS, Node, introduction, nodes, run

CAPS = Settings(links=3, neighbours=1, idle=5.0)
COUNT = 8


def linked(made: list[Node], place: int) -> set[int]:
    """To whom a node has a stream."""
    peers = made[place].peers.known.values()
    return {IDS.index(peer.identity) for peer in peers if peer.is_connected}


def test_many_nodes_keep_links_to_leaders_and_a_few_others() -> None:
    """NO-25: leaders are linked with each other; nobody keeps more than leaders and neighbours; all are reached."""

    async def main() -> None:
        async with nodes(COUNT, CAPS, leaders=(0, 1)) as made:
            await trio.sleep(5)
            for place in range(COUNT):
                links = linked(made, place)
                assert {0, 1} - {place} <= links
                assert len(links - {0, 1}) == 1

    run(main)


def test_a_link_is_opened_when_there_is_something_to_say_and_closed_when_idle() -> None:
    """NO-25: what is sent to whom there is no link arrives."""

    async def main() -> None:
        async with nodes(COUNT, CAPS, leaders=(0, 1)) as made:
            await trio.sleep(5)
            before = linked(made, 7)
            made[7].peers.post(IDS[:7], b"hello")
            await trio.sleep(2)
            assert [node.received() for node in made[:7]] == [[b"hello"]] * 7
            assert linked(made, 7) > before
            await trio.sleep(10)
            assert linked(made, 7) == before

    run(main)


def test_links_on_demand_are_bounded() -> None:
    """NO-25: so many at a time, the least used goes first; and so many per second, after a first burst."""

    async def main() -> None:
        caps = Settings(links=2, neighbours=1, spare_links=2, idle=1000.0)
        async with nodes(COUNT, caps, leaders=()) as made:
            await trio.sleep(5)
            for place in range(7):
                made[7].peers.post([IDS[place]], b"%d" % place)
                await trio.sleep(1)
            assert [node.received() for node in made[:7]] == [[b"%d" % place] for place in range(7)]
            assert len(linked(made, 7)) <= 1 + 2
            made[7].peers._links._settings = Settings(links=2, neighbours=1, spare_links=1)
            for _ in range(2):
                made[7].peers.review()
                await trio.sleep(1)
            assert len(linked(made, 7)) <= 1 + 1, "too many are closed one by one"
            opened = [made[7].peers._links.pause() for _ in range(40)]
            assert opened[0] == 0
            assert opened[-1] > 10

    run(main)


def accept_all(_: Introduction) -> None:
    """A judge of credentials who finds nothing wrong."""


def test_who_has_a_credential_and_is_no_member_gets_in_for_less() -> None:
    """NO-24: it sends and is answered, within small caps; nobody is told of it; the oldest makes room for a new one."""

    async def main() -> None:
        founders = Membership({identity: identity for identity in IDS[:2]})
        caps = Settings(applicants=1, applicant_frames_rate=10, burst=1)
        async with nodes(4, caps, membership=founders, judge=accept_all, strangers=(2, 3)) as made:
            made[2].peers.learn(encode(introduction(0)))
            await trio.sleep(2)
            assert made[0].peers.known[IDS[2]].is_applicant
            book = decode(Book, made[0].peers._book())
            assert [decode(Introduction, each).identity for each in book.introductions] == [IDS[1]]
            for _ in range(100):
                made[2].peers.post([IDS[0]], b"x")
                await trio.sleep(0.001)
            await trio.sleep(1)
            assert len(made[0].received()) <= 30
            made[0].peers.post([IDS[2]], b"answer")
            await trio.sleep(1)
            assert made[2].received() == [b"answer"]
            made[3].peers.learn(encode(introduction(0)))
            await trio.sleep(1)
            assert made[0].peers.tally["applicant given up for another"] > 0
            assert sum(peer.is_applicant for peer in made[0].peers.known.values()) == 1
            assert made[0].received() == [], "what waited of who was given up is gone"

    run(main)


def test_an_applicant_becomes_a_member_and_a_member_goes() -> None:
    """NO-23: once a second everybody is judged anew; the others are told of a new member."""

    async def main() -> None:
        members = [Membership({identity: identity for identity in IDS[:2]})]
        async with nodes(3, Settings(), membership=lambda: members[0], judge=accept_all, strangers=(2,)) as made:
            made[2].peers.learn(encode(introduction(0)))
            await trio.sleep(2)
            assert made[0].peers.known[IDS[2]].is_applicant
            members[0] = Membership({identity: identity for identity in IDS[:3]})
            for node in made:
                node.peers.review()
            await trio.sleep(2)
            assert not made[0].peers.known[IDS[2]].is_applicant
            assert linked(made, 1) == {0, 2}
            members[0] = Membership({identity: identity for identity in IDS[1:3]}, revoked={IDS[0]})
            made[1].peers.review()
            assert IDS[0] not in made[1].peers.known
            assert made[1].peers.tally["expelled: revoked"] == 1
            await trio.sleep(2)
            assert IDS[0] not in made[1].peers.known
            assert made[1].peers.tally["not admitted: revoked"] > 0

    run(main)


def test_without_an_authority_a_stranger_is_a_stranger() -> None:
    """NO-13, NO-24."""

    async def main() -> None:
        founders = Membership({identity: identity for identity in IDS[:1]})
        async with nodes(1, membership=founders) as (node,):
            with pytest.raises(NotAdmitted, match="stranger"):
                node.peers.learn(encode(introduction(1)))
            assert not node.peers.known

    run(main)
