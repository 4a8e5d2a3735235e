"""Recovery: how a node leaves view 0 and what it does in later views (R1 to R6).

Theory of operation. A timer that expires makes a wish, which binds nobody. When a quorum wishes, every node enters the
view, durably, and says which certificate it knows; a quorum of such states is NV, and nothing that was confirmed below
can be missing from it. Both are said to the view's proposer first, who forwards a quorum of wishes to all; what has no
effect is said again to more, and then to everybody: a good proposer saves the others n² messages, a bad one costs two
repetitions. The proposer of the view opens on NV's highest certificate with the last block of the epoch, or
with a closing header if that certificate is of the last block already. Then the epoch is closed as ever.

Source: docs/spec/finality.md R1 to R6.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from bac.errors import Code, Rejected
from bac.finality.chain import Link, Verdict, header_hash
from bac.finality.epochs import Epoch
from bac.finality.newview import check_announcement, check_new_view
from bac.finality.records import VoteRecord, load_signed, save_signed
from bac.finality.site import Site
from bac.finality.term import Term
from bac.types import Height, Micros, NodeId
from bac.wire.block import Body, Envelope
from bac.wire.codec import encode
from bac.wire.header import Rank
from bac.wire.signed import UNSIGNED
from bac.wire.votes import NewView, State, StateAnnouncement, Wish, WishBatch

LATELY: Final = 5
"""Times T_repeat: what is said again has come to everybody by then (`_circle`), and once more."""
OPENED: Final = 1 << 62
"""Openings are remembered by view, above all heights."""


class Views(Term):
    """One node in one epoch, with recovery. One object per epoch."""

    def __init__(self, site: Site, epoch: Epoch, state: object, record: VoteRecord | None) -> None:
        """As the base's. Openings made before a restart are not made again."""
        super().__init__(site, epoch, state, record)
        signed = load_signed(site.store, epoch.number)
        self.opened = {height - OPENED: block_hash for height, block_hash in signed.items() if height >= OPENED}
        self._told: Counter[tuple[type, int]] = Counter()
        self._repeated: Rank | None = None
        self._forwarded = 0
        self._shown_us = Micros(0)
        self._heard_us: dict[NodeId, Micros] = {}

    def _circle(self, kind: type, view: int) -> tuple[NodeId, ...]:
        """R2, R3: who is told for `view`: its proposer; the second time the next two as well; then everybody."""
        times = self._told[kind, view]
        self._told[kind, view] += 1
        return self.electors if times > 1 else self._proposers(view, 1 + 2 * times)

    def _proposers(self, view: int, count: int) -> tuple[NodeId, ...]:
        return tuple(self.epoch.proposer(view + ahead) for ahead in range(count))

    def note(self, sender: NodeId, identity: NodeId) -> None:
        """A voter that is here says what it waits for; what others hand on of it says nothing of that."""
        if sender == identity and identity in self.epoch.electorate.places:
            self._heard_us[identity] = self.now

    def heard(self) -> frozenset[NodeId]:
        """R9: who has said lately what it waits for, this node itself included."""
        since = self.now - LATELY * self.site.params.repeat_us
        return frozenset([self.site.me, *(each for each, at in self._heard_us.items() if at >= since)])

    # ------------------------------------------------------------ wishes

    def on_view_timer(self) -> None:
        """R2: the view took too long. What is wished for already is said again every T_repeat anyway."""
        if self.ended() is None and self.voter.is_elector and self.recovery.wish <= self.voter.view:
            self.recovery.wish = self.voter.view + 1
            self.send_wish()
            self.consider()

    def send_wish(self) -> None:
        """R2: says, or says again, the highest wish."""
        wish = self.site.sign(Wish(self.epoch.number, self.recovery.wish, self.height, self.site.me, UNSIGNED))
        self.recovery.add_wish(wish)
        self.site.out.send(self._circle(Wish, wish.view), wish)

    def on_wish(self, sender: NodeId, wish: Wish) -> None:
        """R2: a wish counts where nothing higher is confirmed; who knows more answers. Raises Rejected."""
        self.site.intake.signed(wish)
        self.note(sender, wish.identity)
        self._answer_by_proof(sender, wish.confirmed)
        self.recovery.add_wish(wish)
        self.answer(sender, wish.view)
        if wish.view > self.voter.view:
            self.consider()

    def on_wishes(self, sender: NodeId, batch: WishBatch) -> None:
        """R3: wishes that somebody has gathered; each is judged, if it is news. Raises Rejected."""
        if any(wish.epoch != self.epoch.number for wish in batch.wishes):
            raise Rejected(Code.MALFORMED, "wishes of several epochs", sender)
        view = min(wish.view for wish in batch.wishes)
        if view <= self.voter.view:
            return
        news = [wish for wish in batch.wishes if self.recovery.is_news(wish)]
        for wish in news:
            self.site.intake.signed(wish)
        self._answer_by_proof(sender, min(wish.confirmed for wish in batch.wishes))
        for wish in news:
            self.recovery.add_wish(wish)
        self._forwarded = max(self._forwarded, view)
        self.consider()

    def _answer_by_proof(self, sender: NodeId, confirmed: int) -> None:
        proof = self.tip_proof() if confirmed < self.height else None
        if proof is not None and self.may_answer(sender):
            self.site.out.send((sender,), proof)

    def answer(self, sender: NodeId, view: int) -> None:
        """R4: wishes and states for views whose NV is here are answered with it, unless it has just gone out."""
        highest = self.recovery.highest_new_view()
        if self.now - self._shown_us < self.site.params.publish_us:
            return
        if view <= highest and self.may_answer(sender):
            self.site.out.send((sender,), self.recovery.new_views[highest])

    def consider(self) -> None:
        """R2, R3, R4: joins, enters, opens, as far as what is known allows."""
        if self.ended() is not None or not self.voter.is_elector:
            return
        joined = self.recovery.joined(self.height)
        if joined > max(self.recovery.wish, self.voter.view):
            self.recovery.wish = joined
            self.send_wish()
        agreed = self.recovery.agreed(self.height)
        if agreed > self.voter.view:
            self._enter_by_wishes(agreed)
        self._look_for_new_view()

    # ------------------------------------------------------------ states

    def _enter_by_wishes(self, view: int) -> None:
        """R3: enters, durably, and says what it knows; who gathers wishes forwards them."""
        if view > self._forwarded and self.site.me in self._proposers(view, 3):
            self._forwarded = view
            self.site.out.send(self.electors, WishBatch(self.recovery.wishes_for(view, self.height)))
        self.voter.enter(view)
        high = self.voter.high_rank_below(view)
        state = self.site.sign(State(self.epoch.number, view, high, self.now, self.site.me, UNSIGNED))
        self.voter.state = StateAnnouncement(state, self.voter.highest_below(view), self.site.claims())
        self.site.out.add(self.voter.record())
        self.recovery.add_state(self.voter.state)
        self.site.out.send(self._circle(State, view), self.voter.state)
        self.start_timer()

    def on_state(self, sender: NodeId, announced: StateAnnouncement) -> None:
        """R3: a state counts as a wish at any height. Raises Rejected."""
        if not self.recovery.has_state(announced):
            self.site.intake.signed(announced.state)
            check_announcement(announced, self.epoch, self.site.scope)
            self.accuse(*self.watch.state(announced.state, self.tallies, self.tree))
            self.recovery.add_state(announced)
            if announced.certificate is not None:
                self.learn(announced.certificate, sender)
        self.note(sender, announced.state.identity)
        self.answer(sender, announced.state.view)
        self.consider()

    # ------------------------------------------------------------ new views

    def _look_for_new_view(self) -> None:
        for view in self.recovery.state_views():
            if view >= self.voter.view and view not in self.recovery.new_views:
                new_view = self.recovery.new_view(view)
                if new_view is not None:
                    self._take_new_view(view, new_view)
                    return

    def on_new_view(self, sender: NodeId, new_view: NewView) -> None:
        """R4: NV by itself. Raises Rejected."""
        view = new_view.states[0].view
        if view < self.voter.view or view in self.recovery.new_views:
            return
        check_new_view(new_view, view, self.epoch, self.site.scope)
        for state in new_view.states:
            self.site.intake.signed(state)
        if new_view.certificate is not None:
            self.learn(new_view.certificate, sender)
        self._take_new_view(view, new_view)

    def _take_new_view(self, view: int, new_view: NewView) -> None:
        """R4: enters, forwards it, starts the timer."""
        self.recovery.keep(view, new_view)
        self._shown_us = self.now
        self._enter(view)
        self.site.out.send((self.epoch.proposer(view), *self.site.some(self.site.params.gossip_fanout)), new_view)
        self.open()

    def _enter(self, view: int) -> None:
        if view > self.voter.view:
            self.voter.enter(view)
        self.start_timer()

    def enter_by(self, opening: Link) -> None:
        """R4: a valid opening shows NV of its view; it was checked with the opening."""
        assert opening.new_view is not None, "a valid opening has one"
        certificate = opening.new_view.certificate
        if certificate is not None:
            self.learn(certificate, None)
        for state in opening.new_view.states:
            self.accuse(*self.watch.state(state, self.tallies, self.tree))
        view = opening.header.view
        self.recovery.keep(view, opening.new_view)
        self._shown_us = self.now
        if view > self.voter.view:
            self._enter(view)

    # ------------------------------------------------------------ openings

    def open(self) -> None:
        """R5, R6: the proposer opens its view, once it holds NV and has executed the block on which NV stands."""
        view = self.voter.view
        new_view = self.recovery.new_views.get(view)
        if new_view is None or view in self.opened or self.epoch.proposer(view) != self.site.me:
            return
        parent = self._parent_of(new_view)
        if parent is None or parent.verdict is not Verdict.VALID or parent.state is None or self.ended() is not None:
            return
        items: tuple[bytes, ...] = (encode(new_view),)
        if parent.closed is None:
            items += self.site.collect(parent.state)
        try:
            derived = self.validity.open(parent, view, items)
        except Rejected:
            return  # what the epoch needs to end is still on its way
        assert derived is not None, "NV stands on its own highest certificate"
        block_hash = header_hash(derived.header)
        self.opened[view] = block_hash
        envelope = Envelope(derived.header, (self.site.sign_header(derived.header),), None, None, None)
        link = self.tree.add(derived.header, block_hash)
        link.envelope, link.body, link.is_signed = envelope, Body(items), True
        self.site.out.add(save_signed(self.epoch.number, Height(OPENED + view), block_hash))
        self.save(link)
        self.push(self.site.others, envelope, link.body)
        self.settle(link)

    def _parent_of(self, new_view: NewView) -> Link | None:
        if new_view.certificate is None:
            return self.tree.root
        return self.tree.get(new_view.certificate.ballot.header_hash)

    # ------------------------------------------------------------ repetition

    def repeat(self) -> None:
        """R2, R3, R4, V8: says again, every T_repeat, what has not had its effect."""
        self.pulls.repeat()
        self.vote_again()
        if self.ended() is not None or not self.voter.is_elector:
            return
        if self.recovery.wish > self.voter.view:
            self.send_wish()
        self._repeat_state()
        self._repeat_acknowledgement()
        self.consider()
        self.open()

    def _repeat_state(self) -> None:
        view = self.voter.view
        new_view = self.recovery.new_views.get(view)
        if new_view is not None:
            self.site.out.send((self.epoch.proposer(view), *self.site.some(self.site.params.gossip_fanout)), new_view)
        elif self.voter.state is not None:
            self.site.out.send(self._circle(State, view), self.voter.state)

    def _repeat_acknowledgement(self) -> None:
        last = None if self.voter.last is None else self.tree.get(self.voter.last.hash)
        has_moved, self._repeated = self._repeated != self.voter.last, self.voter.last
        if last is None or last.parent is None:
            return
        some = self.site.some(self.site.params.gossip_fanout)
        if has_moved and last.certificate is not None:  # it goes on: leaders see it, others two blocks later
            leaders = self.epoch.leaders()
            self.site.out.send([each for each in some if each not in leaders], last.certificate)
            return
        if last.envelope is not None:
            self.site.out.send(some, last.envelope)
        if last.certificate is not None:
            self.site.out.send(some, last.certificate)
            return
        targets = self.targets(last)
        if last.header.view == 0:
            targets = (*self.epoch.leaders(), *targets)
        if last.closed is not None:
            targets = (*targets, *some)
        acknowledgement = self.voter.sign(last)
        self.site.out.send(targets, acknowledgement)
        if self.site.me in targets:
            self.count(self.site.me, acknowledgement)
