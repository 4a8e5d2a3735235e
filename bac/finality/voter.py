"""What this node may acknowledge, and what it remembers of it for good (V1 to V3, V8).

One record binds the node in one epoch: the view, the last header acknowledged in it, the highest certificates, the
state sent. It is persisted whole before anything that follows from it is sent; a restart reads it back and can
therefore not contradict what was said.

Source: docs/spec/finality.md V1 to V3, V8, R3.
"""

from __future__ import annotations

from collections.abc import Iterator

from bac.crypto.keys import next_seed
from bac.finality.chain import Link, Verdict
from bac.finality.confirmation import TwoBlocks
from bac.finality.epochs import Epoch
from bac.finality.newview import rank_of
from bac.finality.records import VoteRecord, save_erased, save_vote
from bac.proofs.certificate import Scope
from bac.protocol import Persist
from bac.types import Micros, NodeId
from bac.wire.header import Rank
from bac.wire.votes import Acknowledgement, Ballot, Certificate, StateAnnouncement, ballot_preimage

KEYS_SOUGHT = 64
"""How far from the oldest key that is kept, and from the epoch, a member's own acknowledgement key is sought."""

PLACES_KEPT = 8
"""Own public keys whose place in the chain is remembered."""


class KeyChain:
    """The acknowledgement seeds of one node; the chain runs forward only (WI-27), and what was erased is not had again.

    The store keeps up to where seeds are erased, and no seed: a restart begins with the seed of epoch 0, which the
    driver holds, runs forward and forgets. Nothing older is found or announced then.
    """

    def __init__(self, seed: bytes, scope: Scope) -> None:
        """Takes the seed of epoch 0."""
        self._first = 0
        self._seeds = [seed]
        self._places: dict[bytes, int] = {}
        self._scope = scope

    def resume(self, first: int) -> None:
        """Erases what is older than the seed number `first`."""
        if first > self._first:
            self._seeds = [self._seed(first), *self._seeds[first + 1 - self._first :]]
            self._first = first

    def _seed(self, place: int) -> bytes:
        while len(self._seeds) <= place - self._first:
            self._seeds.append(next_seed(self._seeds[-1]))
        return self._seeds[place - self._first]

    def announce(self, epoch: int) -> tuple[bytes, bytes]:
        """The public key for `epoch`, and the proof that its secret is here. ValueError for one that is erased."""
        if epoch < self._first:
            raise ValueError(f"the key of epoch {epoch} is erased")
        seed = self._seed(epoch)
        return self._scope.scheme.public_of(seed), self._scope.scheme.pop_prove(seed)

    def find(self, public: bytes, epoch: int) -> bytes | None:
        """The seed of the key `public`, which was announced for `epoch` or one before; None if it is not kept."""
        place = self._places.get(public)
        if place is None:
            place = next((each for each in self._candidates(epoch) if self._public(each) == public), -1)
        if place < self._first:
            return None
        self._places[public] = place
        if len(self._places) > PLACES_KEPT:
            del self._places[next(iter(self._places))]
        return self._seed(place)

    def _candidates(self, epoch: int) -> Iterator[int]:
        """The key in use since long, then those announced of late, then those of genesis."""
        first = self._first
        if epoch >= first:
            yield first
            yield from range(epoch, max(first, epoch - KEYS_SOUGHT), -1)
            yield from range(first + 1, min(first + KEYS_SOUGHT, epoch))

    def _public(self, place: int) -> bytes:
        return self._scope.scheme.public_of(self._seed(place))

    def erase_before(self, public: bytes) -> Persist | None:
        """E5: erases what is older than the key `public`, once found; the record of that, None if nothing is older."""
        place = self._places.get(public, self._first)
        if place == self._first:
            return None
        self.resume(place)
        return save_erased(place)


class Voter:
    """The voter in one epoch; without a key in its electorate it acknowledges nothing."""

    def __init__(
        self, identity: NodeId, epoch: Epoch, scope: Scope, key: bytes | None, ahead_us: int,
        record: VoteRecord | None, rules: TwoBlocks,
    ) -> None:  # fmt: skip
        """`record` is what was persisted in this epoch, if anything."""
        self._rules = rules
        self.identity = identity
        self.view = 0
        self.last: Rank | None = None
        self.high: dict[int, Certificate] = {}
        self.state: StateAnnouncement | None = None
        self._epoch = epoch
        self._scope = scope
        self._key = key
        self._ahead_us = ahead_us
        if record is not None and record.epoch == epoch.number:
            self.view, self.last, self.state = record.view, record.last, record.state
            self.high = {each.ballot.view: each for each in record.high}

    @property
    def is_elector(self) -> bool:
        """Whether this node votes in this epoch."""
        return self._key is not None

    def record(self) -> Persist:
        """V1: all that binds, as it is now."""
        high = tuple(self.high[view] for view in sorted(self.high))
        return save_vote(VoteRecord(self._epoch.number, self.view, self.last, high, self.state))

    def learn(self, certificate: Certificate) -> None:
        """V8: keeps the highest certificate of each view."""
        view = certificate.ballot.view
        known = self.high.get(view)
        if known is None or certificate.ballot.height > known.ballot.height:
            self.high[view] = certificate

    def highest_below(self, view: int) -> Certificate | None:
        """The highest-ranked certificate of a view below `view`; None for the boundary's proof."""
        views = [each for each in self.high if each < view]
        return self.high[max(views)] if views else None

    def enter(self, view: int) -> None:
        """R3, R4: nothing below `view` is acknowledged any more."""
        assert view > self.view, "views only rise"
        self.view = view
        self.last = None
        self.state = None

    def may_acknowledge(self, link: Link, last: Link | None, now: Micros) -> bool:
        """V3: a valid header of this view that descends from the last one acknowledged in it.

        `last` is the link of the last one; `self.last` without a link bars everything.
        """
        if self._key is None or link.verdict is not Verdict.VALID or link.header.view != self.view:
            return False
        if link.parent is None or link.header.time_us > now + self._ahead_us:
            return False
        return self._continues(link, last)

    def _continues(self, link: Link, last: Link | None) -> bool:
        if self.last is None:
            return True
        return last is not None and self._rules.continues(link, last)

    def acknowledge(self, link: Link) -> Acknowledgement:
        """V2, V8: the acknowledgement of `link`; to be sent after `record` is durable."""
        assert self._key is not None, "only electors acknowledge"
        self.last = link.rank
        return self.sign(link)

    def sign(self, link: Link) -> Acknowledgement:
        """V2: this node's signature on `link`; the same every time."""
        assert self._key is not None, "only electors acknowledge"
        ballot = Ballot(link.header.epoch, link.header.view, link.header.height, link.hash)
        preimage = ballot_preimage(ballot, self._scope.network, self._scope.shard)
        return Acknowledgement(ballot, self.identity, self._scope.scheme.sign(self._key, preimage))

    def high_rank_below(self, view: int) -> Rank:
        """What a state for `view` claims."""
        certificate = self.highest_below(view)
        return self._epoch.base_rank if certificate is None else rank_of(certificate)
