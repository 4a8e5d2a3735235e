"""One node in one epoch: the tree of headers, the voter, the tallies, and what each of them sets off.

Theory of operation. Whatever arrives ends in one of three facts about the tree: a header is there, its body is there, a
certificate is there. Each fact goes to one function (`add_envelope`, `settle`, `learn`), and what follows from it is
looked for at once: validity flows from parents to children, confirmation from certificates to ancestors, and an
acknowledgement is considered when a header has become valid. So the order in which things arrive does not matter.

Nothing is sent before it is durable: the vote record goes out ahead of every acknowledgement and state (V1).

Source: docs/spec/finality.md, rules V, C, E; recovery is `bac.finality.views`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import takewhile
from typing import Final

from bac.finality.catchup import Pulls, cut_body
from bac.finality.certificates import Tallies
from bac.finality.chain import Link, Tree, Verdict, header_hash, voters_at
from bac.finality.epochs import Epoch
from bac.finality.records import VoteRecord, save_block, save_tip
from bac.finality.recovery import Recovery
from bac.finality.site import Block, Site
from bac.finality.validity import NOTHING, Derived, Validity, apply, can_close
from bac.finality.voter import Voter
from bac.finality.watch import Watch
from bac.proofs.certificate import verify_certificate
from bac.proofs.electorate import Electorate
from bac.proofs.restart import remaining, verify_order
from bac.protocol import Accuse, Commit, SetTimer
from bac.types import Hash, Height, Micros, NodeId
from bac.wire.block import Body, ConfirmationProof, Envelope, Restart
from bac.wire.header import RETIREMENT_VIEW, Header, Kind
from bac.wire.votes import Acknowledgement, Ballot, Certificate

VIEW_TIMER: Final = "view"


class Term(ABC):
    """One node in one epoch."""

    def __init__(self, site: Site, epoch: Epoch, state: object, record: VoteRecord | None) -> None:
        """`state` is the state after the boundary before, None while it is not at hand; `record` what binds already."""
        self.site = site
        self.epoch = epoch
        self.tree = Tree(epoch.base, state)
        self.validity = Validity(epoch, site.scope, site.params, site.machine, site.intake, site.remember)
        self.tallies = Tallies(self.voters_for, site.scope)
        self.recovery = Recovery(epoch)
        self.pulls = Pulls(site, self.tree)
        self.watch = Watch(epoch, site.scope)
        self._own = epoch.electorate.find(site.me)
        key = None if self._own is None else site.keys.find(self._own.acknowledgement_key, epoch.number)
        self.voter = Voter(site.me, epoch, site.scope, key, site.params.ahead_us, record, site.rules)
        self.confirmed = self.committed = self.tree.root
        self.carrier: Link | None = None
        self.now = self._due = Micros(0)
        self._alarm: Micros | None = None
        self.is_replaying = False
        self._fresh: list[Link] = []
        self._unlinked: list[Link] = []
        self._end: Link | None = None
        self.ordered_height = epoch.base.height  # of the highest header of view 0 that leaders signed, or this one made
        self._answered: dict[NodeId, Micros] = {}
        self.electors = tuple(member.identity for member in epoch.electorate.members)

    # ------------------------------------------------------------ headers

    def add_envelope(self, sender: NodeId, envelope: Envelope) -> bool:
        """A header with what makes it acceptable; whether it is news.

        Raises:
            Rejected: V4 does not hold; nothing changed.
        """
        block_hash = header_hash(envelope.header)
        known = self.tree.get(block_hash)
        if known is not None and known.envelope is not None:
            return False
        if known is None and not self.tree.has_room(envelope.header, block_hash):
            return False
        voters = None if envelope.certificate is None else self.voters_for(envelope.certificate.ballot)
        if voters is None and envelope.header.kind is Kind.CLOSING and envelope.certificate is not None:
            self.pulls.want_header(envelope.header.parent, sender)  # R14: it says who is left
            return False
        self.validity.check_envelope(envelope, block_hash, voters)
        link = self.tree.add(envelope.header, block_hash)
        self.mark(link, envelope.restart)
        link.envelope = envelope
        link.is_signed = True
        self._note_ordered(link)
        self.accuse(*self.watch.headers(envelope))
        if envelope.header.kind is Kind.CLOSING and envelope.certificate is not None:
            self.learn(envelope.certificate, sender)
        self._arrived(link, sender)
        return True

    def add_header(self, header: Header, sender: NodeId | None, restart: Restart | None = None) -> Link | None:
        """A header that a quorum vouches for; None if there is no room for it."""
        block_hash = header_hash(header)
        if self.tree.get(block_hash) is None and not self.tree.has_room(header, block_hash):
            return None
        link = self.tree.add(header, block_hash)
        self.mark(link, restart)
        self._arrived(link, sender)
        return link

    def mark(self, link: Link, restart: Restart | None) -> None:
        """R14: by whose order a restart stands, which was judged, and so who is left to certify it."""
        if restart is not None and link.restart is None:
            order = verify_order(link.header, restart, self.site.scope)
            link.restart, link.voters = restart, remaining(self.epoch.electorate, order)

    def voters_for(self, ballot: Ballot) -> Electorate | None:
        """Whose quorum certifies a header: in the retirement view those who are left; None while that is not known."""
        if ballot.view != RETIREMENT_VIEW:
            return self.epoch.electorate
        link = self.tree.get(ballot.header_hash)
        return None if link is None else voters_at(link)

    def _arrived(self, link: Link, sender: NodeId | None) -> None:
        self.pulls.found_header(link.hash)
        if link.certificate is not None:
            self.accuse(*self.watch.certificate(link.certificate, self.tree))
        if link.header.kind is Kind.CLOSING:
            link.body = NOTHING
        else:
            self.pulls.take_early(link)
        missing = self.tree.missing_ancestor(link)
        if missing is not None and not self.is_replaying:
            self.pulls.want_header(missing, sender, is_sure=link.is_backed or link.is_signed)
        self.settle(link, sender)
        unlinked, self._unlinked = self._unlinked, []
        for carrier in unlinked:
            self._confirm_by(carrier)

    # ------------------------------------------------------------ validity

    def settle(self, link: Link, sender: NodeId | None = None) -> None:
        """Judges `link`, and then what hangs on it, as far as everything needed is here.

        Its open ancestors come first: what makes `link` acceptable may vouch for them too.
        """
        pending = [link]
        while (below := pending[-1].parent) is not None and below.verdict is Verdict.OPEN:
            pending.append(below)
        while pending:
            each = pending.pop()
            if each.verdict is Verdict.OPEN and not self._judge(each, sender):
                continue
            pending.extend(child for child in each.children if child.verdict is Verdict.OPEN)

    def _judge(self, link: Link, sender: NodeId | None) -> bool:
        """Whether `link` was found valid."""
        parent = link.parent
        if not (link.is_signed or link.is_backed):
            return False
        if link.body is None:
            if not self.is_replaying:
                self.pulls.want_body(link, sender, self.now)
            return False
        if parent is None or parent.verdict is not Verdict.VALID or parent.state is None:
            return False
        derived = self.preview(link)
        apply(link, derived)
        if derived is None:
            return False
        for certificate in derived.certificates:
            self.learn(certificate, sender)
        if derived.new_view is not None:
            self.enter_by(link)
        self._became_valid(link)
        return True

    def preview(self, link: Link) -> Derived | None:
        """What follows from parent and body, which are here; remembered, since leaders look before they sign."""
        if link.draft is None:
            link.draft = self.validity.judge(link)
        derived: Derived | None = link.draft
        return derived

    def propose(self, header: Header, block_hash: Hash, sender: NodeId | None) -> Link:
        """A header that leaders are asked to sign: in the tree, without effect. Its source bounds the number."""
        link = self.tree.add(header, block_hash, counts=False)
        self.pulls.take_early(link)
        if sender is None:
            self._note_ordered(link)
        if link.body is None and sender is not None:
            self.pulls.want_body(link, sender, self.now)
            missing = self.tree.missing_ancestor(link)
            if missing is not None:
                self.pulls.want_header(missing, sender)
        return link

    def _note_ordered(self, link: Link) -> None:
        if link.header.kind is Kind.ORDERED:
            self.ordered_height = max(self.ordered_height, link.header.height)

    def tip(self) -> Link:
        """The block of view 0 to build on: the highest valid one above the highest certificate."""
        certificate = self.voter.high.get(0)
        certified = self.tree.root if certificate is None else self.tree.get(certificate.ballot.header_hash)
        if certified is None or certified.verdict is not Verdict.VALID:
            certified = self.confirmed if self.confirmed.verdict is Verdict.VALID else self.tree.root
        best = certified
        pending = [certified]
        while pending:
            link = pending.pop()
            if link.header.kind is Kind.ORDERED and (-link.header.height, link.hash) < (-best.header.height, best.hash):
                best = link
            pending.extend(each for each in link.children if each.verdict is Verdict.VALID and each.header.view == 0)
        return best

    def shown_confirmed(self, tip: Link) -> Link:
        """The block whose confirmation everybody sees who holds `tip`: the certificates are in the bodies."""
        carrier = self.tree.get(tip.header.justify.hash)
        shown = None if carrier is None or carrier.parent is None else self.tree.get(carrier.header.justify.hash)
        return self.tree.root if shown is None else shown

    def _became_valid(self, link: Link) -> None:
        self._fresh.append(link)
        if link.certificate is not None:
            self._follow(link)
        self.commit()

    @abstractmethod
    def enter_by(self, opening: Link) -> None:
        """R4: a valid opening shows NV of its view."""

    # ------------------------------------------------------------ certificates

    def learn(self, certificate: Certificate, sender: NodeId | None) -> None:
        """A verified certificate, of this epoch."""
        block_hash = certificate.ballot.header_hash
        if block_hash in self.tree.vouchers:
            return
        self.voter.learn(certificate)
        self.tallies.done(certificate.ballot)
        link = self.tree.certify(certificate)
        self.accuse(*self.watch.certificate(certificate, self.tree))
        if link is None:
            if not self.is_replaying:
                self.pulls.want_header(block_hash, sender, is_sure=True)
            return
        self.settle(link, sender)
        self._follow(link)

    def on_certificate(self, sender: NodeId, certificate: Certificate) -> None:
        """A certificate that a peer published. Raises Rejected."""
        if certificate.ballot.header_hash in self.tree.vouchers:
            return
        voters = self.voters_for(certificate.ballot)
        if voters is None:
            self.pulls.want_header(certificate.ballot.header_hash, sender)
            return
        verify_certificate(certificate, voters, self.site.scope)
        self.learn(certificate, sender)

    def _follow(self, link: Link) -> None:
        """What follows from a certified header: E3, C1 as carrier, C1 as the one carried."""
        if link.verdict is Verdict.VALID and can_close(link):
            self._close(link)
        self._confirm_by(link)
        for each in self.tree.carriers(link):
            self._confirm_by(each)

    def _close(self, link: Link) -> None:
        """E3: builds the closing header of a certified header that it may follow."""
        header = self.validity.close(link).header
        block_hash = header_hash(header)
        known = self.tree.get(block_hash)
        if known is None or known.envelope is None:
            closing = self.tree.add(header, block_hash)
            closing.envelope = Envelope(header, (), self.tree.vouchers[link.hash], None, None)
            closing.is_signed = True
            self._arrived(closing, None)

    # ------------------------------------------------------------ confirmation

    def find_confirmed(self, carrier: Link) -> Link | None:
        """C1."""
        return self.site.rules.find_confirmed(self.tree, carrier)

    def _confirm_by(self, carrier: Link) -> None:
        confirmed = self.find_confirmed(carrier)
        if confirmed is None or (self.carrier is not None and confirmed.order <= self.confirmed.order):
            return
        if self.tree.missing_ancestor(confirmed) is not None:
            self._unlinked.append(carrier)
            return
        if not confirmed.descends_from(self.confirmed):
            return  # more than a third of the units are dishonest: what was confirmed stays, the evidence is out
        grew = self.height < self._height_of(confirmed)
        self.confirmed, self.carrier = confirmed, carrier
        self._end = confirmed.closed
        if not self.is_replaying and grew and self.voter.view == 0:
            self.start_timer()
        self.commit()

    def _proof(self, block: Link) -> ConfirmationProof:
        assert self.carrier is not None, "something is confirmed"
        return self.site.rules.prove(self.tree, block, self.confirmed, self.carrier)

    @property
    def height(self) -> Height:
        """The highest confirmed height; closing headers have none."""
        return self._height_of(self.confirmed)

    def _height_of(self, link: Link) -> Height:
        closed = link.closed
        return (link if closed is None else closed).header.height

    def tip_proof(self) -> ConfirmationProof | None:
        """The proof of the highest confirmed header of the epoch, from its block on; None if there is none yet."""
        if self.carrier is None:
            return None
        return self._proof(self.confirmed.closed or self.confirmed)

    def commit(self) -> None:
        """Reports confirmed blocks, in order, as far as they were executed."""
        if self.confirmed is self.committed or self.confirmed.verdict is Verdict.INVALID:
            return
        bottom = self.committed.header.height
        path = [*takewhile(lambda link: link.header.height > bottom, self.confirmed.path())]
        blocks: list[Link] = []
        for link in reversed(path):
            if link.verdict is not Verdict.VALID:
                break
            self.committed = link
            if link.is_block:
                blocks.append(link)
        if blocks and not self.is_replaying:
            self._report_new(blocks)

    def _report_new(self, blocks: list[Link]) -> None:
        """V1: what is reported is durable first, and so is its proof."""
        for link in blocks:
            self.save(link)
        proof = self._proof(blocks[-1])
        self.site.out.add(save_tip(proof))
        for link in blocks[:-1]:
            self.report(link)
        self.report(blocks[-1], proof)
        if self.voter.is_elector and self._own is not None:
            erased = self.site.keys.erase_before(self._own.acknowledgement_key)
            self.site.out.add(*(erased,) if erased is not None else ())

    def report(self, link: Link, proof: ConfirmationProof | None = None) -> None:
        """`Commit` of a confirmed block, with its proof if that is at hand."""
        assert link.body is not None, "it was executed"
        self.site.out.add(Commit(Block(link.header, link.body), proof or self._proof(link)))

    def save(self, link: Link) -> None:
        """V1: makes header and body durable, after those of all ancestors."""
        path = [*takewhile(lambda each: not each.is_saved and each is not self.tree.root, link.path())]
        for each in reversed(path):
            assert each.body is not None, "only what was executed is made durable"
            each.is_saved = True
            envelope = each.envelope or Envelope(each.header, (), None, None, each.restart)
            self.site.out.persist(save_block(envelope, each.body, each.hash))

    def ended(self) -> Link | None:
        """E5: the last block of the epoch, if the proof of it is held."""
        return self._end

    # ------------------------------------------------------------ acknowledging

    def is_quiet(self) -> bool:
        """Whether nothing waits to be acknowledged, entered or opened."""
        return not self._fresh and self._end is None and self.voter.view == 0

    def vote(self) -> None:
        """V3: acknowledges the highest of the headers that have become valid, if it may."""
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            self._vote_among(fresh)

    def vote_again(self) -> None:
        """As `vote`, among all headers: the clock has moved on."""
        self._fresh.clear()
        self._vote_among(list(self.tree.links.values()))

    def _vote_among(self, links: list[Link]) -> None:
        if not self.voter.is_elector or self.ended() is not None:
            return
        last = None if self.voter.last is None else self.tree.get(self.voter.last.hash)
        may = [link for link in links if self.voter.may_acknowledge(link, last, self.now)]
        if may:
            self._acknowledge(min(may, key=lambda link: (-link.header.height, link.hash)))

    def _acknowledge(self, link: Link) -> None:
        """V8."""
        acknowledgement = self.voter.acknowledge(link)
        self.save(link)
        self.site.out.add(self.voter.record())
        targets = self.targets(link)
        self.site.out.send(targets, acknowledgement)
        if self.site.me in targets:
            self.count(self.site.me, acknowledgement)

    def targets(self, link: Link) -> tuple[NodeId, ...]:
        """V8: who gathers the acknowledgements of `link`."""
        if link.header.view > 0:
            return self.epoch.proposer(link.header.view), self.epoch.proposer(link.header.view + 1)
        leaders = self.epoch.leaders()
        turn = link.header.height % len(leaders)
        rotated = (leaders[0], *leaders[turn:], *leaders[:turn])
        chosen = tuple(dict.fromkeys(rotated))[: self.site.params.acknowledgement_fanout]
        return chosen if link.closed is None else (*chosen, self.epoch.proposer(1))

    def count(self, sender: NodeId, acknowledgement: Acknowledgement) -> None:
        """An acknowledgement came in. Raises Rejected."""
        certificate = self.tallies.add(acknowledgement, sender)
        block_hash = acknowledgement.ballot.header_hash
        link = self.tree.get(block_hash)
        for evidence in self.watch.acknowledgement(acknowledgement, self.tallies, self.tree):
            self.accuse(evidence)
        if certificate is None:
            if link is None and acknowledgement.ballot.view >= self.voter.view:
                self.pulls.want_header(block_hash, None if sender == self.site.me else sender)
            return
        self.learn(certificate, sender if sender != self.site.me else None)
        self._publish(certificate, link)

    def _publish(self, certificate: Certificate, link: Link | None) -> None:
        """V8: whoever completes a certificate publishes it, in view 0 to those leaders that gather nothing."""
        if certificate.ballot.view > 0 or (link is not None and link.closed is not None):
            self.site.out.send(self.site.others, certificate)
            return
        gathering = () if link is None else self.targets(link)
        self.site.out.send([leader for leader in self.epoch.leaders() if leader not in gathering], certificate)

    # ------------------------------------------------------------ proofs

    def on_proof(self, sender: NodeId, proof: ConfirmationProof) -> None:
        """C2: somebody shows that a block is confirmed. Raises Rejected."""
        if header_hash(proof.carrier) in self.tree.vouchers and header_hash(proof.path[-1]) in self.tree.vouchers:
            return
        self.site.rules.verify(proof, self.epoch.number, self.epoch.electorate, self.site.scope)
        self.take_proof(proof, sender)

    def take_proof(self, proof: ConfirmationProof, sender: NodeId | None) -> None:
        """Takes a proof that was verified."""
        for certificate in (proof.certificate, proof.carrier_certificate):
            self.tree.vouchers.setdefault(certificate.ballot.header_hash, certificate)
            self.voter.learn(certificate)
        for header in (*proof.path, proof.carrier):
            self.add_header(header, sender, proof.restart if header is proof.path[-1] else None)
        for header in (proof.path[-1], proof.carrier):
            link = self.tree.certify(self.tree.vouchers[header_hash(header)])
            if link is not None:
                self.settle(link, sender)
                self._follow(link)

    # ------------------------------------------------------------ small things

    def may_answer(self, peer: NodeId) -> bool:
        """Whether a peer gets an answer to what it repeats: four in T_repeat at most."""
        last = self._answered.get(peer)
        if last is not None and self.now - last < self.site.params.repeat_us // 4:
            return False
        self._answered[peer] = self.now
        return True

    def push(self, to: tuple[NodeId, ...], envelope: Envelope, body: Body) -> None:
        """Sends a header, and its body as far as it fits one chunk."""
        self.site.out.send(to, envelope)
        if envelope.header.kind is not Kind.CLOSING:
            self.site.out.send(to, cut_body(header_hash(envelope.header), body, 0))

    def start_timer(self) -> None:
        """R1. An alarm that rings earlier stays: it is set again then, so that progress costs no alarm."""
        self._due = Micros(self.now + self.epoch.view_timeout_us(self.voter.view, self.site.params))
        if self._alarm is None or self._due < self._alarm:
            self._set_alarm()

    def is_overdue(self) -> bool:
        """R1: the alarm rang; whether the view's time is up. What is left is waited for."""
        self._alarm = None
        if self.now < self._due:
            self._set_alarm()
            return False
        return True

    def _set_alarm(self) -> None:
        self._alarm = self._due
        self.site.out.add(SetTimer(VIEW_TIMER, self._due))

    def accuse(self, *evidence: object) -> None:
        """V9: reports evidence; the source of blocks orders it."""
        if evidence and not self.is_replaying:
            self.site.out.add(*(Accuse(each) for each in evidence))
