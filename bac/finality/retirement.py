"""The way out, where more than a third of the units are gone for good: voters retire, and the authority restarts.

Theory of operation. A summons by the authority, and nothing else, makes a voter retire: it enters the retirement view,
above all others, durably, and says which certificate it knows. If those who retired hold more than a third of the units
and the assumed share of the dishonest, an honest one among them has signed whatever was confirmed, so their highest
certificate is on the chain of everything that was. The authority then orders that the shard goes on from there, and
without whom. The block that does so is a pure function of that certificate's block, the statements and the order;
whoever holds them builds it. It, and the closing header on it, are acknowledged in the retirement view by those who
are left, of whose units a quorum is one.

That view has no next one: who has acknowledged one restart can acknowledge no other. So the authority signs one.

Source: docs/spec/finality.md R10 to R15.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bac.errors import Rejected
from bac.finality.calls import Call
from bac.finality.chain import Link, Verdict, header_hash, voters_at
from bac.finality.epochs import Epoch
from bac.finality.newview import check_announcement, check_retirements, gather, units_of
from bac.finality.records import VoteRecord
from bac.finality.site import Site
from bac.finality.views import Views
from bac.proofs.electorate import Electorate
from bac.proofs.restart import is_restart, show_order
from bac.types import Hash, NodeId
from bac.wire.block import Body, Envelope
from bac.wire.codec import encode
from bac.wire.header import RETIREMENT_VIEW
from bac.wire.signed import UNSIGNED
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import Reconfigure
from bac.wire.votes import Acknowledgement, NewView, State, StateAnnouncement, retirements_digest

SETS_TRIED: Final = 64
"""Sets of statements among which those that an order names are sought."""


class Tenure(Views):
    """One node in one epoch, with recovery and the way out. One object per epoch."""

    def __init__(self, site: Site, epoch: Epoch, state: object, record: VoteRecord | None) -> None:
        """As the base's. Who had retired before a crash still has.

        `statements` are those of retirement, in the order in which they came; `named` are those that an order names, by
        their digest.
        """
        super().__init__(site, epoch, state, record)
        self.statements: dict[NodeId, StateAnnouncement] = {}
        self.named: dict[Hash, NewView] = {}
        self._done: set[bytes] = set()
        self._sought: dict[bytes, int] = {}
        own = self.voter.state
        if self.is_retired and own is not None:
            self.statements[site.me] = own

    @property
    def is_retired(self) -> bool:
        """Whether this node acknowledges nothing of this epoch any more but a restart."""
        return self.voter.view == RETIREMENT_VIEW

    # ------------------------------------------------------------ retiring

    def heed(self) -> None:
        """R10: retires, if the authority has summoned the voters of this epoch, and tells everybody."""
        summons = self.site.calls.summons(self.epoch.number)
        if summons is None or not self.voter.is_elector or self.is_retired or self.ended() is not None:
            return
        high, certificate = self.voter.high_rank_below(RETIREMENT_VIEW), self.voter.highest_below(RETIREMENT_VIEW)
        self.voter.enter(RETIREMENT_VIEW)
        state = self.site.sign(State(self.epoch.number, RETIREMENT_VIEW, high, self.now, self.site.me, UNSIGNED))
        self.voter.state = self.statements[self.site.me] = StateAnnouncement(state, certificate, None)
        self.site.out.add(self.voter.record())
        self.site.out.send(self.site.others, self.voter.state)

    def on_view_timer(self) -> None:
        """R11: who has retired wishes for nothing."""
        if not self.is_retired:
            super().on_view_timer()

    def on_state(self, sender: NodeId, announced: StateAnnouncement) -> None:
        """R11: a statement of retirement is no wish, and enters nobody into a view. Raises Rejected."""
        state = announced.state
        if state.view != RETIREMENT_VIEW:
            super().on_state(sender, announced)
            return
        self.note(sender, state.identity)
        if state.identity in self.statements or self.epoch.electorate.find(state.identity) is None:
            return
        self.site.intake.signed(state)
        check_announcement(announced, self.epoch, self.site.scope)
        self.accuse(*self.watch.state(state, self.tallies, self.tree))
        self.statements[state.identity] = announced
        if announced.certificate is not None:
            self.learn(announced.certificate, sender)

    def on_new_view(self, sender: NodeId, new_view: NewView) -> None:
        """R11, R13: statements of retirement are no new view, however many; those that an order names are kept.

        Raises:
            Rejected: they are not good.
        """
        if new_view.states[0].view != RETIREMENT_VIEW:
            super().on_new_view(sender, new_view)
            return
        digest = retirements_digest(new_view)
        if digest in self.named or all(call.order.retirements != digest for call in self.site.calls):
            return  # it came before the order: it is said again
        check_retirements(new_view, self.epoch, self.site.scope)
        for state in new_view.states:
            self.site.intake.signed(state)
        if new_view.certificate is not None:
            self.learn(new_view.certificate, sender)
        self._name(digest, new_view)

    def _name(self, digest: Hash, new_view: NewView) -> None:
        """R13: an order names these statements: whoever has them and the order makes the restart."""
        self.named[digest] = new_view
        self.site.out.send(self.site.some(self.site.params.gossip_fanout), new_view)

    def add_envelope(self, sender: NodeId, envelope: Envelope) -> bool:
        """As the base's; a restart is made, not taken: nobody signs its header, so that it stands for nothing.

        Raises:
            Rejected: V4 does not hold; nothing changed.
        """
        block_hash = header_hash(envelope.header)
        is_foreign = block_hash not in self.tree.links and block_hash not in self.tree.vouchers
        return not (is_foreign and is_restart(envelope.header)) and super().add_envelope(sender, envelope)

    def count(self, sender: NodeId, acknowledgement: Acknowledgement) -> None:
        """As the base's; who has retired, and acknowledges what its statement hides, is accused (V9)."""
        super().count(sender, acknowledgement)
        stated = self.statements.get(acknowledgement.voter)
        if stated is not None and acknowledgement.ballot.view < RETIREMENT_VIEW:
            self.accuse(*self.watch.state(stated.state, self.tallies, self.tree))

    def retirements(self) -> NewView | None:
        """R12: the statements that are here, as an order names them; None if there are none."""
        return gather(self.statements.values()) if self.statements else None

    def retired_units(self) -> int:
        """The units of those who made them."""
        return sum(units_of(self.epoch.electorate, each.state) for each in self.statements.values())

    def silent_units(self) -> int | None:
        """R9: units of the voters that have said nothing of late; None while this node waits for nobody."""
        if not self.is_retired and self.recovery.wish <= self.voter.view:
            return None
        heard = self.heard()
        return sum(each.units for each in self.epoch.electorate.members if each.identity not in heard)

    # ------------------------------------------------------------ the restart

    def is_quiet(self) -> bool:
        """As the base's; an order that could be carried out is something to do."""
        return super().is_quiet() and not any(True for _ in self._open_calls())

    def _open_calls(self) -> Iterator[tuple[Call, Link]]:
        """Orders for a block of this epoch that were not carried out here, and that block."""
        for call in self.site.calls:
            parent = self.tree.get(call.order.parent)
            if parent is not None and call.item not in self._done:
                yield call, parent

    def open(self) -> None:
        """R13: whoever holds an order, the statements that it names, and the state of the block, makes the restart."""
        super().open()
        if self.ended() is not None:
            return
        for call, parent in list(self._open_calls()):
            if parent.verdict is Verdict.VALID and parent.state is not None:
                self._carry_out(call, parent)

    def _carry_out(self, call: Call, parent: Link) -> None:
        named = self._find(call)
        if named is None:
            return
        self._done.add(call.item)
        items = (encode(named), call.item)
        try:
            derived = self.validity.restart(parent, items)
        except Rejected:
            return  # the authority has ordered what cannot be: another order may come
        if derived is None:
            return
        block_hash = header_hash(derived.header)
        link = self.tree.add(derived.header, block_hash)
        if link.body is None or link.envelope is None:
            envelope = Envelope(derived.header, (), None, None, show_order(items))
            link.envelope, link.body, link.is_signed, link.draft = envelope, Body(items), True, derived
            self.mark(link, envelope.restart)
            self.save(link)
        self.settle(link)

    def _find(self, call: Call) -> NewView | None:
        """The statements that the order names, if they are here; sought anew when there are more."""
        if (known := self.named.get(call.order.retirements)) is not None:
            return known
        count = len(self.statements)
        if self._sought.get(call.item) == count:
            return None
        self._sought[call.item] = count
        for chosen in self._sets(call.order):
            named = gather(chosen)
            if retirements_digest(named) == call.order.retirements:
                self._name(call.order.retirements, named)
                return named
        return None

    def _sets(self, order: Reconfigure) -> Iterator[Sequence[StateAnnouncement]]:
        """Sets that the operator may have been shown: of those who stay; of those who had come up to some time."""
        known = list(self.statements.values())
        staying = [each for each in known if each.state.identity not in order.removed]
        if staying:
            yield staying
        for count in range(len(known), max(0, len(known) - SETS_TRIED), -1):
            yield known[:count]

    def enter_by(self, opening: Link) -> None:
        """R4, and R14 for a restart: who has executed it is in the retirement view."""
        if opening.header.view != RETIREMENT_VIEW:
            super().enter_by(opening)
            return
        assert opening.new_view is not None, "a valid restart has statements"
        if opening.new_view.certificate is not None:
            self.learn(opening.new_view.certificate, None)
        for state in opening.new_view.states:
            self.accuse(*self.watch.state(state, self.tallies, self.tree))
        self.named.setdefault(retirements_digest(opening.new_view), opening.new_view)
        if not self.is_retired:
            self.voter.enter(RETIREMENT_VIEW)

    def _vote_among(self, links: list[Link]) -> None:
        super()._vote_among([link for link in links if self._is_left(link)])

    def _is_left(self, link: Link) -> bool:
        """R14: whether this node's acknowledgement of `link` would count: who was removed says nothing."""
        voters = self._voters(link)
        return voters is not None and voters.find(self.site.me) is not None

    def _voters(self, link: Link) -> Electorate | None:
        return voters_at(link) if link.header.view == RETIREMENT_VIEW else self.epoch.electorate

    def targets(self, link: Link) -> tuple[NodeId, ...]:
        """V8; in the retirement view everybody who is left gathers acknowledgements: there is no proposer."""
        voters = self._voters(link)
        if link.header.view != RETIREMENT_VIEW or voters is None:
            return super().targets(link)
        return tuple(each.identity for each in voters.voters())

    # ------------------------------------------------------------ repetition

    def repeat(self) -> None:
        """As the base's; and what the authority said, as long as it has not had its effect."""
        super().repeat()
        if self.ended() is not None:
            return
        said = [call.data for call in self.site.calls if call.order.parent in self.tree.links]
        summons = self.site.calls.summons(self.epoch.number)
        if summons is not None and self.is_retired:
            said.append(summons)
        if said:
            some = self.site.some(self.site.params.gossip_fanout)
            self.site.out.send(some, TransactionBatch(tuple(said)))
            for new_view in self.named.values():
                self.site.out.send(some, new_view)

    def _repeat_state(self) -> None:
        """R10: a statement of retirement is said to everybody until a restart is acknowledged."""
        if not self.is_retired:
            super()._repeat_state()
        elif self.voter.last is None and self.voter.state is not None:
            self.site.out.send(self.site.others, self.voter.state)
