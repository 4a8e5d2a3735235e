"""What a leader does in one epoch: it exchanges events, makes blocks of closed rounds, signs and publishes them.

Theory of operation. Everything goes one way: events come in (`Gossip`), rounds close (`EpochGraph`), blocks follow
(`Pipeline`), signatures gather (`Signatures`), and a header that enough leaders have signed is handed to finality. What
a leader puts into its next event is asked of a `Desk`: this file knows nothing of what items are about.

A leader that has left view 0 makes no events and signs no headers any more (R3); it goes on answering (H3).

Source: docs/spec/replica.md RP-65 to RP-79.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Final
from typing import Protocol as Interface

from bac.errors import Code, Rejected
from bac.finality.chain import Link, header_hash
from bac.finality.finality import Finality
from bac.finality.records import load_signed, save_signed
from bac.finality.site import Site
from bac.finality.validity import ascends
from bac.ledger.verifications import Verifications
from bac.proofs.certificate import verify_certificate
from bac.replica.author import Author, Memory
from bac.replica.gossip import BATCH_EVENTS, Gossip
from bac.replica.graph import EpochGraph, identify
from bac.replica.manifest import Manifest
from bac.replica.pipeline import Pipeline
from bac.replica.sharing import Sharing
from bac.replica.signatures import Signatures
from bac.types import Hash, Micros, NodeId
from bac.wire.block import Envelope
from bac.wire.event import Event
from bac.wire.header import Kind
from bac.wire.sync import EventBatch, EventPull, EventRequest, TipAnswer, TipPull
from bac.wire.votes import Certificate

EARLY_MAX: Final = 256
"""Batches of the next epoch that a node holds until it gets there."""
EARLY_OF_ONE: Final = 16
"""Those of them that one peer sent."""
SHOWN_AGAIN: Final = 4
"""Headers whose signatures are said again at a time."""


class Desk(Interface):
    """Where a leader asks what to order."""

    def load(self, leadership: Leadership) -> tuple[bytes, ...]:
        """The items for its next event."""
        ...

    def is_waiting(self, leadership: Leadership) -> bool:
        """Whether somebody waits for a transaction that no known event carries, or for one to be confirmed."""
        ...


class Leadership:
    """One leader in one epoch."""

    def __init__(
        self,
        site: Site,
        finality: Finality,
        memory: Memory,
        verify: Verifications,
        desk: Desk,
        ahead: list[tuple[NodeId, EventBatch]],
    ) -> None:
        """`ahead` holds what came for this epoch before this node was in it, and from whom."""
        self._site = site
        self._finality = finality
        self._desk = desk
        self.term = finality.term
        epoch = self.term.epoch
        self.graph = EpochGraph(epoch, site.scope.shard, site.params)
        self.manifest = Manifest(site.scope.shard, verify, self._is_certificate)
        self.pipeline = Pipeline(self.term)
        self._gossip = Gossip(site, self.graph)
        self._author = Author(site, self.graph, memory)
        self._signatures = Signatures(self.graph.weights)
        self._signed = load_signed(site.store, epoch.number)
        self.place = epoch.leaders().index(site.me)
        self._ahead = ahead
        self._forks = 0
        self._forkers: dict[NodeId, None] = {}
        self._shares: list[Sharing] = []
        self._others = tuple(each for each in epoch.leaders() if each != site.me)
        self._unbacked: frozenset[Hash] = frozenset()

    # ------------------------------------------------------------ inputs

    def start(self, now: Micros) -> None:
        """The epoch begins for this node, or begins again after a restart."""
        self._author.ask()
        for event in self._author.restored:
            self._gossip.take(event, identify(event), self._site.me, now)
        self._take_in()
        ahead, self._ahead = self._ahead, []
        for sender, batch in ahead:
            try:
                self.on_events(sender, batch, now)
            except Rejected:
                continue  # it came before it could be judged: that it is bad does not spoil the input of now
        self._catch_up(with_all=True)

    def _catch_up(self, *, with_all: bool) -> None:
        """Tells the others this node's own events, where these are not all placed yet, and asks for theirs."""
        if not self._author.is_complete:
            self._gossip.push(*self._author.restored)
        self._gossip.compare(with_all=with_all)

    def on_events(self, sender: NodeId, batch: EventBatch, now: Micros) -> None:
        """Raises Rejected."""
        self._gossip.receive(sender, batch.events, now)
        self._take_in()
        if len(batch.events) == BATCH_EVENTS:
            self._site.out.send((sender,), EventPull(self.graph.epoch, self.graph.summary()))

    def answer(self, sender: NodeId, question: EventPull | EventRequest | TipPull, now: Micros) -> None:
        """H3, H7: what another leader asks about events of this epoch; nobody else needs them."""
        if sender not in self.graph.weights:
            return
        match question:
            case EventPull():
                self._gossip.answer_pull(sender, question, now)
            case EventRequest():
                self._gossip.answer_request(sender, question, now)
            case TipPull():
                tip = self.graph.tips.get(question.creator)
                event = None if tip is None else self.graph.get(tip)
                header = None if event is None else event.header
                self._site.out.send((sender,), TipAnswer(self.graph.epoch, question.creator, header))

    def on_tip(self, sender: NodeId, answer: TipAnswer) -> None:
        """Raises Rejected."""
        self._author.on_tip(sender, answer)

    def repeat(self) -> None:
        """Every T_repeat."""
        self._show_again()
        self._author.ask()
        self._catch_up(with_all=not self._author.is_complete)

    def _take_in(self) -> None:
        """What new events close, carry and prove."""
        closed, self._gossip.closed = self._gossip.closed, []
        self.pipeline.push(closed)
        inserted, self._gossip.inserted = self._gossip.inserted, []
        for identifier, event in inserted:
            self._author.note(identifier, event)
            wrong = self.manifest.load(event, counts=self._counts(identifier, event))
            self.term.accuse(*wrong[:1])
        for fork in self.graph.forks[self._forks :]:
            creator = NodeId(fork.first.creator)
            if creator not in self._forkers:  # one proof convicts it
                self._forkers[creator] = None
                self.manifest.distrust(creator)
                self.term.accuse(fork)
        self._forks = len(self.graph.forks)

    def _counts(self, identifier: Hash, event: Event) -> bool:
        """Whether the payload of an event here will be ordered, as far as anybody knows (H5)."""
        is_void = self.graph.count_in_round(identifier) > self._site.params.max_events_per_round
        return not is_void and not self.graph.is_forker(event.header.creator)

    def _is_certificate(self, certificate: Certificate) -> bool:
        """Whether it is one of view 0 of this epoch."""
        ballot, epoch = certificate.ballot, self.term.epoch
        if ballot.epoch != epoch.number or ballot.view:
            return False
        if self.term.tree.vouchers.get(ballot.header_hash) == certificate:
            return True
        try:
            verify_certificate(certificate, epoch.electorate, self._site.scope)
        except Rejected:
            return False
        return True

    # ------------------------------------------------------------ signatures

    def is_gathering(self, envelope: Envelope) -> bool:
        """Whether it is a header of view 0 that too few leaders have signed yet."""
        header = envelope.header
        if header.view != 0 or header.kind is not Kind.ORDERED or header.epoch != self.graph.epoch:
            return False
        return not self.term.validity.is_supermajority([each.leader for each in envelope.signatures])

    def on_signature(self, sender: NodeId, envelope: Envelope) -> None:
        """A leader's signature on a header. Raises Rejected."""
        header, block_hash = envelope.header, header_hash(envelope.header)
        known = self.term.tree.get(block_hash)
        if (known is not None and known.envelope is not None) or header.height <= self.term.height:
            return
        if header.height > self.term.tree.root.header.height + self._rounds_max:
            raise Rejected(Code.MALFORMED, "a header beyond the end of the epoch", sender)
        gathering = self._signatures.get(block_hash)
        if gathering is None:
            self._site.intake.header(header)
        if not ascends([each.leader for each in envelope.signatures]):
            raise Rejected(Code.MALFORMED, "signatures out of order", sender)
        for each in envelope.signatures:
            if each.leader not in self.graph.weights:
                raise Rejected(Code.NOT_A_MEMBER, "a header signed by somebody who does not lead", sender)
            if gathering is None or gathering.signatures.get(each.leader) != each:
                self._site.intake.leader_signature(block_hash, each)
        self.term.accuse(*self.term.watch.headers(envelope))
        for each in envelope.signatures:
            if self._signatures.has_room(header, each.leader, block_hash):
                self._signatures.add(header, block_hash, each)

    @property
    def _rounds_max(self) -> int:
        return self._site.params.epoch_rounds + self._site.params.epoch_grace_rounds

    # ------------------------------------------------------------ the turn

    @property
    def is_active(self) -> bool:
        """Whether this node still orders: R3, E5, H7."""
        term = self.term
        return term.voter.view == 0 and term.ended() is None and self._author.is_ready

    def turn(self, now: Micros) -> Micros | None:
        """Makes, signs, publishes and emits what is due; when to come back, if there is something to wait for."""
        if not self.is_active:
            return None
        while (link := self.pipeline.make()) is not None:
            self.manifest.unload(link.body.items if link.body is not None else ())
            self._sign(link)
            self._publish(link)
        self._publish_waiting()
        due = [each for each in (self._share_out(now), self._emit(now)) if each is not None]
        return min(due, default=None)

    def _sign(self, link: Link) -> None:
        """H7: one header per height, durable before it is sent."""
        height = link.header.height
        if self._signed.get(height, link.hash) != link.hash or link.envelope is not None:
            return
        if height not in self._signed:
            self._signed[height] = link.hash
            self._site.out.add(save_signed(self.graph.epoch, height, link.hash))
        signature = self._site.sign_header(link.header)
        self._signatures.add(link.header, link.hash, signature)
        self._site.out.send(self.graph.weights, Envelope(link.header, (signature,), None, None, None))

    def _show_again(self) -> None:
        """H7: of the lowest headers that no quorum vouches for since the last time, says who signed, if known."""
        path = self.pipeline.tip.path() if self.is_active else ()
        lowest = [*takewhile(lambda each: not each.is_backed and each.parent is not None, path)][-SHOWN_AGAIN:]
        standing = [link for link in lowest if link.hash in self._unbacked]
        self._unbacked = frozenset(link.hash for link in lowest)
        for link in standing:
            gathering = self._signatures.get(link.hash)
            if link.envelope is not None:
                count = min(len(self._others), self._site.params.gossip_fanout)
                self._site.out.send(self._site.random.sample(self._others, count), link.envelope)
            elif gathering is not None:
                self._site.out.send(self._others, gathering.envelope(None))

    def _publish_waiting(self) -> None:
        for block_hash in self._signatures.ready():
            link = self.term.tree.get(block_hash)
            if link is not None and link.state is not None and link.envelope is None:
                self._publish(link)

    def _publish(self, link: Link) -> None:
        """R8: hands the header to finality, and header and body to this leader's share of those who do not lead."""
        gathering = self._signatures.get(link.hash)
        if gathering is None or link.envelope is not None or not self._signatures.is_enough(gathering):
            return
        assert link.body is not None, "it was made here"
        envelope = gathering.envelope(self.term.epoch.proof if link.parent is self.term.tree.root else None)
        self._finality.place(envelope, link.body)
        self._shares.append(Sharing(link, self.pipeline.present()))
        self._signatures.forget(self.term.height)

    def _share_out(self, now: Micros) -> Micros | None:
        """R8: sends each block to one share of those who do not lead after the other, until it is certified."""
        wake: Micros | None = None
        for sharing in list(self._shares):
            while sharing.due_us(self._site.params.publish_us, now) <= now:
                to = sharing.take(self._site.me, [each for each in self._site.others if each not in self.graph.weights])
                assert sharing.link.envelope is not None, "it is published"
                assert sharing.link.body is not None, "it was made here"
                self.term.push(to, sharing.link.envelope, sharing.link.body)
            if sharing.is_over():
                self._shares.remove(sharing)
            else:
                due = sharing.due_us(self._site.params.publish_us, now)
                wake = due if wake is None else min(wake, due)
        return wake

    # ------------------------------------------------------------ events

    def _emit(self, now: Micros) -> Micros | None:
        is_urgent = self._is_urgent()
        due = self._author.due(now, is_urgent=is_urgent)
        if due is None or self._is_held_up():
            return None
        if now < due:
            return due
        payload = self._desk.load(self) if self._author.has_room and not self.pipeline.is_done else ()
        emitted = self._author.emit(payload, now, is_urgent=is_urgent)
        if emitted is None:
            return None
        identifier, event = emitted
        self._gossip.push(event)
        self._gossip.take(event, identifier, self._site.me, now)
        self._take_in()
        return now

    @property
    def is_late(self) -> bool:
        """Whether transactions in the next event would come too late for the epoch (RP-63)."""
        return self._author.is_late

    def _is_held_up(self) -> bool:
        """R9: the backlog is full, and no certificate is at hand that would shorten it."""
        tip = self.pipeline.tip
        if tip.header.height - self.term.height < self._site.params.max_unconfirmed_blocks:
            return False
        certificate = self.term.voter.high.get(0)
        return certificate is None or certificate.ballot.height <= tip.header.justify.height

    def _is_urgent(self) -> bool:
        """7.6: somebody waits for a transaction to be ordered, for its confirmation, or for the end of the epoch."""
        if self.pipeline.is_done:
            return self.pipeline.tip.envelope is None
        return self.manifest.is_awaited or self._desk.is_waiting(self)
