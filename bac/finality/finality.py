"""The door: one node's finality in one shard. Inputs in, ordered effects out; a `Commit` is final.

A source of blocks (basic BAC, or the hashgraph's pipeline) submits headers that leaders signed, with bodies, and reads
`term` to know where the chain stands. Finality knows nothing of how bodies come about.

Theory of operation. There is one `Tenure` object per epoch; this file moves from one to the next. Whoever holds the
proof of the last block of an epoch, and the state after it, records the boundary and enters the next epoch; messages of
an older epoch are answered with the record of its end, messages of a newer one with the question for records. A node
that is far behind leaps from record to record, each judged by the electorate before it, and fetches the state.

Source: docs/spec/finality.md E1, E4, E5, E8, V1, V7.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from bac.errors import Code, Rejected
from bac.finality import records
from bac.finality.catchup import PULL_TIMER, serve_body, serve_envelopes
from bac.finality.chain import Link, Tree, Verdict, header_hash
from bac.finality.epochs import Epoch, Successors, following
from bac.finality.retirement import Tenure
from bac.finality.site import Block, Site
from bac.finality.term import VIEW_TIMER
from bac.proofs.electorate import Electorate
from bac.protocol import Commit, Effect, SetTimer, Timer
from bac.types import Micros, NodeId
from bac.wire.block import Body, BoundaryRecord, ConfirmationProof, Envelope
from bac.wire.sync import EnvelopeBatch, EnvelopePull, RecordPull, TransactionBatch
from bac.wire.transactions import VerifiedTransaction
from bac.wire.transfer import BodyChunk, BodyPull, StateChunk, StatePull
from bac.wire.votes import Acknowledgement, Certificate, NewView, StateAnnouncement, Wish, WishBatch

REPEAT_TIMER: Final = "repeat"
RECORDS_SERVED: Final = 4
EPOCHS_KNOWN: Final = 4
"""Past epochs whose electorates are remembered: evidence lives for three (V9)."""


def epoch_of(message: Any) -> int | None:
    """The epoch that a message is about; None for questions and pieces."""
    match message:
        case Envelope():
            return message.header.epoch
        case Acknowledgement() | Certificate():
            return message.ballot.epoch
        case Wish():
            return message.epoch
        case WishBatch():
            return message.wishes[0].epoch
        case StateAnnouncement():
            return message.state.epoch
        case NewView():
            return message.states[0].epoch
        case ConfirmationProof():
            return message.path[0].epoch
        case _:
            return None


class Finality:
    """One node's finality in one shard."""

    def __init__(self, site: Site, genesis: Epoch) -> None:
        """Takes up what was persisted; `genesis` is epoch 0."""
        self.site = site
        self._served: list[Tree] = []
        self._said: dict[NodeId, Micros] = {}
        self._leap: BoundaryRecord | None = None
        self._leap_us = Micros(0)
        self._confirmed_before = genesis.base.height
        site.keys.resume(records.load_erased(site.store))
        epoch = genesis
        for record in records.load_records(site.store):
            self._remember(epoch)
            epoch = following(epoch, record.proof, successors_of(record, type(epoch.electorate)), site.params)
        self.term = self._restore(epoch)

    # ------------------------------------------------------------ restart

    def _restore(self, epoch: Epoch) -> Tenure:
        state = self._load_state(epoch)
        self._settle_in(epoch, state)
        term = Tenure(self.site, epoch, state, records.load_vote(self.site.store))
        self._remember(epoch)
        self._served = [term.tree]
        term.is_replaying = True
        for envelope, body in records.load_blocks(self.site.store, epoch.number):
            link = term.tree.add(envelope.header, header_hash(envelope.header))
            link.body, link.is_signed, link.is_saved = body, True, True
            term.mark(link, envelope.restart)
            if envelope.signatures or envelope.certificate is not None or envelope.restart is not None:
                link.envelope = envelope  # else only a quorum vouched for it
            if envelope.certificate is not None:  # a crash may have come before the vote record that holds it
                term.learn(envelope.certificate, None)
            term.settle(link)
        for certificate in [*term.voter.high.values()]:
            term.learn(certificate, None)
        tip = records.load_tip(self.site.store)
        if tip is not None and tip.path[0].epoch == epoch.number:
            term.take_proof(tip, None)
        self.site.out.take()
        term.is_replaying = False
        return term

    def _load_state(self, epoch: Epoch) -> Any:
        if epoch.number == 0:
            return self.site.machine.genesis()
        restoring = self.site.machine.restoring(epoch.base.state_root)
        for chunk in records.load_state(self.site.store, epoch.number):
            restoring.add(chunk)
        return restoring.state() if restoring.wanted is None else None

    def start(self, now: Micros) -> list[Effect]:
        """As the contract's: reports again what is confirmed of the present epoch, and takes up the rest."""
        self.term.now = now
        self._report_again()
        self.term.start_timer()
        self._set_repeat(now)
        self._resume()
        return self._finish()

    def _report_again(self) -> None:
        path = [link for link in self.term.committed.path() if link.is_block and link.parent is not None]
        for link in reversed(path):
            self.term.report(link)
        if not path and self.term.epoch.proof is not None:
            base = self.term.epoch.base
            for envelope, body in records.load_blocks(self.site.store, base.epoch):
                if envelope.header == base:
                    self.site.out.add(Commit(Block(base, body), self.term.epoch.proof))

    def _resume(self) -> None:
        tree = self.term.tree
        for block_hash in [each for each in tree.vouchers if tree.get(each) is None]:
            self.term.pulls.want_header(block_hash, None, is_sure=True)
        for link in list(tree.links.values()):
            missing = tree.missing_ancestor(link)
            if missing is not None:
                self.term.pulls.want_header(missing, None, is_sure=True)
            self.term.settle(link)
        if tree.root.state is None:
            self.term.pulls.want_state(None)

    # ------------------------------------------------------------ inputs

    def on_message(self, sender: NodeId, message: Any, now: Micros) -> list[Effect]:
        """As the contract's."""
        self.term.now = now
        self._take(sender, message)
        return self._finish()

    def on_timer(self, timer: Timer, now: Micros) -> list[Effect]:
        """As the contract's."""
        self.term.now = now
        if timer == VIEW_TIMER:
            if self.term.is_overdue():
                self.term.on_view_timer()
                self.term.start_timer()
        elif timer == PULL_TIMER:
            self.term.pulls.on_timer()
        elif timer == REPEAT_TIMER:
            self._set_repeat(now)
            self._repeat()
        return self._finish()

    def flush(self) -> list[Effect]:
        """What follows from what the source of blocks did."""
        return self._finish()

    def on_call(self, transaction: VerifiedTransaction) -> None:
        """R10, R13: the authority calls; what is news is told to all members once, and heeded."""
        news = self.site.calls.take(transaction, self.term.epoch.number)
        if news is not None:
            self.site.out.send(self.site.others, TransactionBatch((news,)))
            self.term.heed()

    def place(self, envelope: Envelope, body: Body) -> None:
        """The source of blocks has a header that leaders signed, and its body. Raises Rejected."""
        if envelope.header.epoch != self.term.epoch.number:
            return
        self.term.add_envelope(self.site.me, envelope)
        link = self.term.tree.get(header_hash(envelope.header))
        if link is not None and link.body is None:
            link.body = body
            self.term.settle(link)

    def _finish(self) -> list[Effect]:
        """What follows from any input: the next epoch, an acknowledgement, an opening."""
        if not self.term.is_quiet():
            self._advance()
            self.term.vote()
            self._advance()
            self.term.open()
        return self.site.out.take()

    def _set_repeat(self, now: Micros) -> None:
        self.site.out.add(SetTimer(REPEAT_TIMER, Micros(now + self.site.jitter_us(self.site.params.repeat_us))))

    def _repeat(self) -> None:
        if self._leap is not None and self.term.now >= self._leap_us:
            self._enter(self._leap, None)
        self.term.repeat()
        if self.term.height == self._confirmed_before or not self.term.voter.is_elector:
            self.site.out.send(self.site.some(1), RecordPull(self.site.scope.shard, self.term.epoch.number))
        self._confirmed_before = self.term.height

    # ------------------------------------------------------------ messages

    def _take(self, sender: NodeId, message: Any) -> None:
        epoch = epoch_of(message)
        if epoch is not None and epoch != self.term.epoch.number:
            self._of_another_epoch(sender, message, epoch)
            if epoch == self.term.epoch.number:
                with suppress(Rejected):  # its proof has been taken: it is not a message that changed nothing
                    self._on_envelope(sender, message)
            return
        match message:
            case Envelope():
                self._on_envelope(sender, message)
            case Acknowledgement():
                self.term.count(sender, message)
            case Certificate():
                self.term.on_certificate(sender, message)
            case Wish():
                self.term.on_wish(sender, message)
            case WishBatch():
                self.term.on_wishes(sender, message)
            case StateAnnouncement():
                self.term.on_state(sender, message)
            case NewView():
                self.term.on_new_view(sender, message)
            case ConfirmationProof():
                self.term.on_proof(sender, message)
            case _:
                self._take_other(sender, message)

    def _take_other(self, sender: NodeId, message: Any) -> None:
        match message:
            case BoundaryRecord():
                self._on_record(sender, message)
            case EnvelopeBatch():
                self._on_envelopes(sender, message)
            case BodyChunk():
                link = self.term.pulls.on_chunk(sender, message)
                if link is not None:
                    self.term.settle(link)
            case StateChunk():
                if self.term.pulls.on_state_chunk(sender, message):
                    self._got_state()
            case EnvelopePull() | BodyPull() | StatePull() | RecordPull():
                self._serve(sender, message)
            case _:
                raise Rejected(Code.MALFORMED, f"{type(message).__name__} is not for peers", sender)

    def _on_envelope(self, sender: NodeId, envelope: Envelope) -> None:
        """R8: a header that is news is forwarded to k peers, of which those that have it are left out."""
        if self.term.add_envelope(sender, envelope):
            having = {sender, *(each.leader for each in envelope.signatures)}
            drawn = self.site.some(self.site.params.gossip_fanout)
            self.site.out.send(tuple(peer for peer in drawn if peer not in having), envelope)

    def _on_envelopes(self, sender: NodeId, batch: EnvelopeBatch) -> None:
        """From the lowest up; what is wrong after something good is left out."""
        for place, envelope in enumerate(reversed(batch.envelopes)):
            if envelope.header.epoch != self.term.epoch.number:
                continue
            try:
                self._on_envelope(sender, envelope)
            except Rejected:
                if place == 0:
                    raise
                return

    def _got_state(self) -> None:
        state = self.term.tree.root.state
        self._save_state(self.term.epoch.number, state)
        self._settle_in(self.term.epoch, state)
        for child in list(self.term.tree.root.children):
            self.term.settle(child)

    # ------------------------------------------------------------ epochs

    def _of_another_epoch(self, sender: NodeId, message: Any, epoch: int) -> None:
        """E5, E8: an older epoch is answered with the record of its end; for a newer one records are asked.

        Raises:
            Rejected: the proof that a header of the next epoch brings is not good; nothing changed.
        """
        if epoch < self.term.epoch.number:
            if self._may_say(sender):
                self._send_records(sender, epoch, 1)
            return
        proof = message.proof if isinstance(message, Envelope) else None
        if proof is not None and proof.path[0].epoch == self.term.epoch.number:
            self.term.on_proof(sender, proof)
            self._advance()
        if epoch > self.term.epoch.number and self._may_say(sender):
            self.site.out.send((sender,), RecordPull(self.site.scope.shard, self.term.epoch.number))

    def _may_say(self, peer: NodeId) -> bool:
        """Once per peer and quarter of T_repeat."""
        last = self._said.get(peer)
        if last is not None and self.term.now - last < self.site.params.repeat_us // 4:
            return False
        self._said[peer] = self.term.now
        return True

    def _send_records(self, peer: NodeId, epoch: int, count: int) -> None:
        for number in range(epoch, min(epoch + count, self.term.epoch.number)):
            record = records.load_record(self.site.store, number)
            if record is not None:
                self.site.out.send((peer,), record)

    def _on_record(self, sender: NodeId, record: BoundaryRecord) -> None:
        """E8: the end of this epoch, with the next electorate. Raises Rejected."""
        term = self.term
        if record.proof.path[0].epoch != term.epoch.number:
            return
        self.site.rules.verify_record(record, term.epoch.number, term.epoch.electorate, self.site.scope)
        term.take_proof(record.proof, sender)
        self._advance()
        if self.term is not term:
            self.site.out.send((sender,), RecordPull(self.site.scope.shard, self.term.epoch.number))
            return
        if term.tree.get(header_hash(record.proof.path[0])) is not None and term.tree.root.state is not None:
            # Who was away for a moment gets what it missed from those who have just ended the epoch, and executes it.
            if self._leap is None:
                self._leap, self._leap_us = record, Micros(term.now + self.site.params.repeat_us)
            return
        self._enter(record, None)
        self.site.out.send((sender,), RecordPull(self.site.scope.shard, self.term.epoch.number))

    def _advance(self) -> None:
        """E5: enters the next epoch with the proof of this one's last block, once that is executed."""
        while (last := self.term.ended()) is not None and self._is_done(last):
            successors = last.successors
            proof = self.term.tip_proof()
            assert proof is not None, "the last block is confirmed"
            record = BoundaryRecord(proof, successors.electorate.members, successors.committee)
            self._enter(record, last.state, successors)

    def _is_done(self, last: Link) -> bool:
        return last.verdict is Verdict.VALID and self.term.committed.header.height >= last.header.height

    def _enter(self, record: BoundaryRecord, state: Any, successors: Successors | None = None) -> None:
        """E1, E4: the epoch after the one that `record` (judged) ends; `state` is None where it must be fetched.

        `successors` are those of the record, if they are at hand.
        """
        ended, now = self.term, self.term.now
        number = ended.epoch.number + 1
        if state is not None:
            self._save_state(number, state)
        self.site.out.add(records.save_record(record, ended.epoch.number))
        self.site.out.persist(records.forget_before(self.site.store, ended.epoch.number))
        self.site.out.add(records.save_snapshot(number))
        successors = successors or successors_of(record, type(ended.epoch.electorate))
        epoch = following(ended.epoch, record.proof, successors, self.site.params)
        self._remember(epoch)
        self._leap = None
        self._settle_in(epoch, state)
        self.term = Tenure(self.site, epoch, state, None)
        self.term.now = now
        self._served = [self.term.tree, ended.tree]
        self.term.start_timer()
        self.term.heed()
        self.site.out.send(self.site.some(self.site.params.gossip_fanout), record.proof)
        if state is None:
            self.term.pulls.want_state(None)

    def _settle_in(self, epoch: Epoch, state: Any) -> None:
        if state is not None and self.site.settle_in is not None:
            self.site.settle_in(epoch, state)

    def _remember(self, epoch: Epoch) -> None:
        self.site.epochs[epoch.number] = epoch
        self.site.epochs.pop(epoch.number - EPOCHS_KNOWN, None)

    def _save_state(self, epoch: int, state: Any) -> None:
        chunks = self.site.machine.chunks(state)
        self.site.out.persist(records.save_state(epoch, place, chunk) for place, chunk in enumerate(chunks))

    # ------------------------------------------------------------ serving

    def _serve(self, sender: NodeId, pull: EnvelopePull | BodyPull | StatePull | RecordPull) -> None:
        match pull:
            case EnvelopePull():
                batches = (serve_envelopes(tree, pull) for tree in self._served)
                self._answer(sender, next((batch for batch in batches if batch is not None), None))
            case BodyPull():
                chunks = (serve_body(tree, pull) for tree in self._served)
                self._answer(sender, next((chunk for chunk in chunks if chunk is not None), None))
            case StatePull():
                self._answer(sender, self._state_chunk(sender, pull))
            case RecordPull():
                if pull.shard == self.site.scope.shard:
                    self._send_records(sender, pull.epoch, RECORDS_SERVED)

    def _answer(self, peer: NodeId, message: Any) -> None:
        if message is not None:
            self.site.out.send((peer,), message)

    def _state_chunk(self, sender: NodeId, pull: StatePull) -> StateChunk | None:
        """V7: who has the state of a boundary serves it until the next is confirmed."""
        for tree in self._served:
            if tree.root.state is not None and tree.root.header.state_root == pull.state_root:
                try:
                    return StateChunk(pull.state_root, self.site.machine.chunk(tree.root.state, pull.start))
                except ValueError as error:
                    raise Rejected(Code.MALFORMED, str(error), sender) from error
        return None

    # ------------------------------------------------------------ reading

    def confirmed(self) -> tuple[int, bytes]:
        """Height and hash of the last block that was reported, or will be at the start."""
        path: Sequence[Link] = [link for link in self.term.committed.path() if link.is_block or link.parent is None]
        return path[0].header.height, path[0].hash

    def missing_units(self) -> int:
        """R9: units of the electorate that are not heard of any more, once this node has given up its view or retired.

        Before: those that did not acknowledge the highest certificate known; all without one.
        """
        silent = self.term.silent_units()
        if silent is not None:
            return silent
        certificate = self.term.voter.highest_below(self.term.voter.view + 1)
        known = None if certificate is None else self.term.voters_for(certificate.ballot)
        electorate = known or self.term.epoch.electorate
        signers = None if certificate is None else electorate.signers(certificate.signers)
        return electorate.total_units - sum(signer.units for signer in signers or ())


def successors_of(record: BoundaryRecord, kind: type[Electorate]) -> Successors:
    """What a record, judged already, says of the next epoch."""
    boundary = record.proof.path[0].boundary
    assert boundary is not None, "the record of a last block"
    return Successors(kind(record.electorate), record.committee, boundary)
