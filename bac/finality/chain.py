"""The headers of one epoch as a tree that hangs on the boundary before, with what is known of each.

An epoch is short, so the whole of it is kept until the next one begins: headers, bodies, states. What is kept of blocks
that nobody certified is bounded by `RIVALS_MAX` per view and height; a certified header is always taken.

Source: docs/spec/finality.md V3, V7, R8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from typing import Any, Final

from bac.proofs.electorate import Electorate
from bac.types import Hash
from bac.wire.block import Body, Envelope, Restart
from bac.wire.header import Header, Kind, Rank
from bac.wire.header import header_hash as compute_hash
from bac.wire.votes import Certificate, NewView

RIVALS_MAX = 8
"""Most headers of one view and height, certified ones not counted."""

HEIGHTS_MAX = 4096
"""How far above the boundary a header can be."""


@lru_cache(maxsize=1024)
def header_hash(header: Header) -> Hash:
    """The block's hash, remembered for a while."""
    return compute_hash(header)


class Verdict(Enum):
    """What is known of a header and of all on the path to it (V3 to V7)."""

    OPEN = auto()  # something is missing: an ancestor, a body, a state, leaders' signatures
    VALID = auto()
    INVALID = auto()


@dataclass(slots=True, eq=False)
class Link:
    """One header in the tree.

    Attributes:
        header: the header.
        hash: its hash.
        envelope: with what it came; None if it came inside a proof.
        parent: the header before; None while it is unknown, and for the root.
        children: known headers that follow.
        body: items, if held.
        state: after the body, if executed.
        verdict: on the whole path up to here.
        is_signed: V4 was judged good by this node.
        is_backed: a quorum certified it or a descendant, hence judged V4.
        certificate: if known.
        is_saved: header and body are durable.
        new_view: of an opening, once judged.
        successors: of the last block, once executed.
        draft: what follows from parent and body, if found before the header was acceptable.
        restart: of an opening of the retirement view: by whose order it stands.
        voters: of the same: who is left to certify it, and what follows it.
    """

    header: Header
    hash: Hash
    envelope: Envelope | None = None
    parent: Link | None = None
    children: list[Link] = field(default_factory=list)
    body: Body | None = None
    state: Any = None
    verdict: Verdict = Verdict.OPEN
    is_signed: bool = False
    is_backed: bool = False
    is_saved: bool = False
    certificate: Certificate | None = None
    new_view: NewView | None = None
    successors: Any = None
    draft: Any = None
    restart: Restart | None = None
    voters: Electorate | None = None

    @property
    def rank(self) -> Rank:
        """As a certificate of it would have."""
        return Rank(self.header.view, self.header.height, self.hash)

    @property
    def order(self) -> tuple[int, int]:
        """View and height: how certified headers compare."""
        return self.header.view, self.header.height

    @property
    def closed(self) -> Link | None:
        """The last block of the epoch on this path, this one included; nothing but closing follows it."""
        if self.verdict is Verdict.VALID and self.header.kind is Kind.ORDERED:
            return None if self.header.boundary is None or self.parent is None else self  # E2: the parent is not closed
        return next(
            (each for each in self.path() if each.header.boundary is not None and each.parent is not None), None
        )

    @property
    def is_block(self) -> bool:
        """Whether it has a height of its own: closing headers, and openings on a closed path, have none."""
        if self.header.kind is Kind.ORDERED:
            return True
        return self.header.boundary is not None

    def path(self) -> Iterator[Link]:
        """This and its known ancestors, downwards."""
        link: Link | None = self
        while link is not None:
            yield link
            link = link.parent

    def descends_from(self, other: Link) -> bool:
        """Whether `other` is this, or a known ancestor."""
        height = other.header.height
        link: Link | None = self
        while link is not None and link.header.height > height:
            link = link.parent
        return link is other


def voters_at(link: Link) -> Electorate | None:
    """R14: who is left to certify a header of the retirement view; None where the restart below it is not known."""
    below = link.parent if link.header.kind is Kind.CLOSING else link
    return None if below is None else below.voters


class Tree:
    """The headers of an epoch, on the header of the boundary before."""

    def __init__(self, base: Header, state: Any) -> None:
        """`state` is the state after `base`, or None while it is not at hand.

        `get` answers the header with a hash, or None; `vouchers` are the certificates known, by hash; `is_forked` says
        whether they are of more than one chain.
        """
        self.root = Link(base, header_hash(base), state=state, verdict=Verdict.VALID, is_signed=True)
        self.links: dict[Hash, Link] = {self.root.hash: self.root}
        self.get: Final = self.links.get
        self.vouchers: dict[Hash, Certificate] = {}
        self.is_forked = False
        self._carriers: dict[Hash, list[Link]] = {}
        self._orphans: dict[Hash, list[Link]] = {}
        self._rivals: dict[tuple[int, int], int] = {}

    def has_room(self, header: Header, block_hash: Hash) -> bool:
        """Whether a header that is not known yet may be kept."""
        if not self.root.header.height < header.height <= self.root.header.height + HEIGHTS_MAX:
            return False
        return block_hash in self.vouchers or self._rivals.get((header.view, header.height), 0) < RIVALS_MAX

    def add(self, header: Header, block_hash: Hash, *, counts: bool = True) -> Link:
        """Takes a header, which is known already or for which there is room; whether it takes room from its rivals."""
        known = self.links.get(block_hash)
        if known is not None:
            return known
        link = self.links[block_hash] = Link(header, block_hash)
        if counts:
            self._rivals[header.view, header.height] = self._rivals.get((header.view, header.height), 0) + 1
        self._carriers.setdefault(header.justify.hash, []).append(link)
        parent = self.links.get(header.parent)
        if parent is None:
            self._orphans.setdefault(header.parent, []).append(link)
        else:
            self._join(parent, link)
        for child in self._orphans.pop(block_hash, ()):
            self._join(link, child)
        if block_hash in self.vouchers:
            link.certificate = self.vouchers[block_hash]
        if link.certificate is not None or any(child.is_backed for child in link.children):
            self._back(link)
        return link

    def carriers(self, link: Link) -> list[Link]:
        """The certified headers whose justification is the certificate of `link`, in the order in which they came."""
        return [each for each in self._carriers.get(link.hash, ()) if each.hash in self.vouchers]

    def _join(self, parent: Link, child: Link) -> None:
        child.parent = parent
        parent.children.append(child)
        if parent.verdict is Verdict.INVALID:
            child.verdict = Verdict.INVALID

    def certify(self, certificate: Certificate) -> Link | None:
        """Takes a verified certificate; its header, if known. It vouches for all ancestors."""
        block_hash = certificate.ballot.header_hash
        self.vouchers.setdefault(block_hash, certificate)
        link = self.links.get(block_hash)
        if link is not None:
            if link.certificate is None:
                link.certificate = self.vouchers[block_hash]
            self._back(link)
        return link

    def _back(self, link: Link) -> None:
        """A quorum vouches for a header and all its ancestors; of what is backed already, so are the ancestors."""
        for each in link.path():
            if each.is_backed:
                break
            each.is_backed = True
            below = each.parent.children if each.parent is not None else ()
            if sum(child.is_backed for child in each.children) > 1 or sum(child.is_backed for child in below) > 1:
                self.is_forked = True

    def missing_ancestor(self, link: Link) -> Hash | None:
        """The hash of the lowest unknown ancestor; None if the path reaches the root."""
        lowest = link
        for lowest in link.path():
            if lowest.verdict is Verdict.VALID:
                return None  # judged after its parent, and that after its own
        return lowest.header.parent
