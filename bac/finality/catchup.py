"""Pulling what is missing and serving what is asked for: headers, bodies, states, boundary records (R7, R8, E8, V7).

A body comes from one peer, piece after piece; if it does not come, or turns out to be another, the next peer is asked.
What is missing is asked for again every T_repeat. All of it is bounded: `WANTED_MAX` things are sought at a time.

Source: docs/spec/finality.md R7, R8, E8, V7.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from bac.errors import Code, Rejected
from bac.finality.chain import Link, Tree
from bac.finality.machine import Restoring
from bac.finality.records import encode_body
from bac.finality.site import Site
from bac.finality.validity import fits
from bac.protocol import SetTimer
from bac.types import Hash, Micros, NodeId
from bac.wire.block import Body, Envelope
from bac.wire.codec import decode, encode
from bac.wire.sync import BATCH_BYTES_MAX, EnvelopeBatch, EnvelopePull
from bac.wire.transfer import Assembly, BodyChunk, BodyPull, StateChunk, StatePull, cut

PULL_TIMER: Final = "pull"
WANTED_MAX = 64
ASKED = 2
"""Peers asked at a time, after the one that is known to have it."""
SERVED_MAX = 64


@lru_cache(maxsize=4)
def _body_of(data: bytes) -> Body | None:
    """The body that `data` encodes, None if it is none; remembered for a while, as leaders get it twice."""
    try:
        return decode(Body, data)
    except Rejected:
        return None


class Pulls:
    """What one node lacks of the present epoch."""

    def __init__(self, site: Site, tree: Tree) -> None:
        self._site = site
        self._tree = tree
        self._bodies: dict[Hash, tuple[NodeId, Assembly]] = {}
        self._headers: dict[Hash, bool] = {}
        self._early: dict[NodeId, BodyChunk] = {}
        self._due: dict[Hash, NodeId | None] = {}
        self._restoring: Restoring | None = None

    # ------------------------------------------------------------ asking

    def want_body(self, link: Link, source: NodeId | None, now: Micros) -> None:
        """Asks for the body of a header, which `source` should have, unless it is pushed within T_publish."""
        if link.hash in self._bodies or link.hash in self._due or not self._make_room(is_sure=link.is_backed):
            return
        self._due[link.hash] = source
        self._site.out.add(SetTimer(PULL_TIMER, Micros(now + self._site.params.publish_us)))

    def on_timer(self) -> None:
        """What was not pushed is pulled."""
        due, self._due = self._due, {}
        for block_hash, source in due.items():
            link = self._tree.get(block_hash)
            if link is not None and link.body is None and block_hash not in self._bodies:
                self._ask_body(block_hash, source or self._anybody(link))

    def _ask_body(self, block_hash: Hash, source: NodeId) -> None:
        assembly = Assembly(block_hash, source)
        self._bodies[block_hash] = source, assembly
        self._site.out.send((source,), assembly.pull())

    def _anybody(self, link: Link) -> NodeId:
        signers = [each.leader for each in link.envelope.signatures] if link.envelope is not None else []
        others = [identity for identity in signers if identity != self._site.me]
        if others and self._site.random.getrandbits(1):
            return self._site.random.choice(others)
        return self._site.some(1)[0]

    def _make_room(self, *, is_sure: bool) -> bool:
        """Whether one more body may be sought; what a quorum vouches for takes the place of what it does not."""
        if len(self._bodies) + len(self._due) < WANTED_MAX:
            return True
        for block_hash in list(self._bodies) if is_sure else ():
            link = self._tree.get(block_hash)
            if link is None or not link.is_backed:
                del self._bodies[block_hash]
                return True
        return False

    def want_header(self, block_hash: Hash, source: NodeId | None, *, is_sure: bool = False) -> None:
        """Asks for a header and its ancestors in this epoch.

        What somebody merely claims to exist is asked for twice; what is sure to exist, until it comes.
        """
        if block_hash in self._headers:
            self._headers[block_hash] |= is_sure
            return
        if len(self._headers) >= WANTED_MAX:
            doubtful = next((each for each, sure in self._headers.items() if not sure), None)
            if doubtful is None or not is_sure:
                return
            del self._headers[doubtful]
        self._headers[block_hash] = is_sure
        self._ask_header(block_hash, (source,) if source is not None else self._site.some(ASKED))

    def _ask_header(self, block_hash: Hash, sources: Sequence[NodeId]) -> None:
        self._site.out.send(sources, EnvelopePull(block_hash, self._tree.root.header.height))

    def found_header(self, block_hash: Hash) -> None:
        """It is here."""
        self._headers.pop(block_hash, None)

    def repeat(self) -> None:
        """Asks again, others."""
        for block_hash in list(self._headers):
            self._ask_header(block_hash, self._site.some(ASKED))
            if not self._headers[block_hash]:
                del self._headers[block_hash]
        for block_hash in list(self._bodies):
            link = self._tree.get(block_hash)
            if link is None or link.body is not None:
                del self._bodies[block_hash]
            else:
                self._ask_body(block_hash, self._anybody(link))
        if self._tree.root.state is None:
            self._ask_state(self._site.some(ASKED))

    # ------------------------------------------------------------ bodies

    def on_chunk(self, sender: NodeId, chunk: BodyChunk) -> Link | None:
        """A piece of a body, asked for or pushed; the link whose body it completes.

        All pieces of one try come from one peer. Those of another are left alone unless they are the whole.

        Raises:
            Rejected: `MALFORMED`, `OVERSIZED`: the sender's fault. What it sent before of this body goes, nothing else.
        """
        link = self._tree.get(chunk.header_hash)
        if link is None:
            if sender in self._early or len(self._early) < len(self._site.peers):
                self._early[sender] = chunk
            return None
        if link.body is not None:
            return None
        if len(chunk.data) == chunk.total and chunk.offset == 0:
            return self._complete(link, chunk.data, sender)
        source, assembly = self._bodies.get(link.hash) or (sender, Assembly(link.hash, sender))
        if source != sender:
            return None
        data = assembly.add(chunk)
        self._bodies[link.hash] = source, assembly
        if data is None:
            self._site.out.send((sender,), assembly.pull())
            return None
        return self._complete(link, data, sender)

    def _complete(self, link: Link, data: bytes, sender: NodeId) -> Link:
        body = _body_of(data)
        if body is None or not fits(link.header, body):
            if link.hash in self._bodies and self._bodies[link.hash][0] == sender:
                del self._bodies[link.hash]
            raise Rejected(Code.MALFORMED, "not the body of the header", sender)
        self._bodies.pop(link.hash, None)
        link.body = body
        return link

    def take_early(self, link: Link) -> None:
        """Uses a whole body that came before its header."""
        for sender, chunk in list(self._early.items()):
            if chunk.header_hash == link.hash:
                del self._early[sender]
                try:
                    self.on_chunk(sender, chunk)
                except Rejected:
                    continue

    # ------------------------------------------------------------ states

    def want_state(self, source: NodeId | None) -> None:
        """V7: asks for the confirmed state on which the epoch stands."""
        self._ask_state((source,) if source is not None else self._site.some(ASKED))

    def _ask_state(self, sources: Sequence[NodeId]) -> None:
        root = self._tree.root.header.state_root
        if self._restoring is None:
            self._restoring = self._site.machine.restoring(root)
        if self._restoring.wanted is not None:
            self._site.out.send(sources, StatePull(root, self._restoring.wanted))

    def on_state_chunk(self, sender: NodeId, chunk: StateChunk) -> bool:
        """A chunk of that state; whether the state is complete now, in `tree.root.state`.

        Raises:
            Rejected: `BAD_PROOF`, `MALFORMED`: the sender's fault.
        """
        root = self._tree.root
        if root.state is not None or self._restoring is None or chunk.state_root != root.header.state_root:
            return False
        wanted = self._restoring.wanted
        self._restoring.add(chunk.chunk)
        if self._restoring.wanted == wanted:
            return False  # the slower of two answers; the faster peer has been asked on
        if self._restoring.wanted is not None:
            self._ask_state((sender,))
            return False
        root.state = self._restoring.state()
        self._restoring = None
        return True


def serve_envelopes(tree: Tree, pull: EnvelopePull) -> EnvelopeBatch | None:
    """The header asked for and its ancestors above the height, as far as they fit; None if it is unknown."""
    link = tree.get(pull.header_hash)
    found: list[Envelope] = []
    size = 0
    for each in link.path() if link is not None else ():
        if each is tree.root or each.header.height <= pull.above or each.envelope is None or len(found) >= SERVED_MAX:
            break
        size += len(encode(each.envelope))
        if size > BATCH_BYTES_MAX // 2 and found:
            break
        found.append(each.envelope)
    return EnvelopeBatch(tuple(found)) if found else None


@lru_cache(maxsize=16)
def cut_body(block_hash: Hash, body: Body, offset: int) -> BodyChunk | None:
    """The chunk of `body` from `offset` on, None beyond its end; remembered for a while, as many peers get the same."""
    data = encode_body(body)
    return cut(block_hash, data, offset) if offset < len(data) else None


def serve_body(tree: Tree, pull: BodyPull) -> BodyChunk | None:
    """The chunk asked for, if the body is here."""
    link = tree.get(pull.header_hash)
    if link is None or link.body is None:
        return None
    return cut_body(link.hash, link.body, pull.offset)
