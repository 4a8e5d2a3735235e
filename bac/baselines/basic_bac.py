"""Basic BAC: no hashgraph. The primary packages transactions, candidate primaries verify and sign, every voter executes
and acknowledges; two certified headers in a row confirm (BAC paper, Algorithm 1, by the rules of finality).

Theory of operation. All that makes a block final is `bac.finality`; this file is a source of blocks. The primary
proposes a header and its body to the leaders; whoever of them finds it valid sends its signature to all of them; with
more than two thirds of the weight the header is published. The certificate of one block stands in the body of the next.
While a transaction is not confirmed the primary proposes as soon as it has the certificate of the last block; otherwise
once per heartbeat, so that the last block before silence is confirmed too.

A silent primary is succeeded: candidate k proposes k · T_repeat after nothing has happened. A committee that disagrees
or is captured costs a view change, which is finality's business.

Source: docs/spec/finality.md BB-1 to BB-6, MP-1 to MP-5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, cast

from bac.baselines.basic.ground import Ground, lay
from bac.baselines.basic.machine import LedgerMachine, Post
from bac.baselines.basic.proposals import Proposal, Proposals
from bac.crypto.keys import NodeSecrets
from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.finality.calls import is_call
from bac.finality.chain import Link, Verdict, header_hash
from bac.finality.confirmation import TWO_BLOCKS, TwoBlocks
from bac.finality.epochs import Epoch
from bac.finality.evidence import Court
from bac.finality.finality import Finality
from bac.finality.records import load_signed, save_signed
from bac.finality.site import Outbox, Roster, Site
from bac.finality.voter import KeyChain
from bac.genesis import Genesis, shard_of
from bac.intake import Intake
from bac.ledger.forwarding import Forwarding, Told
from bac.ledger.mempool import Mempool
from bac.ledger.verifications import Verifications, is_awaited
from bac.params import Params
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.protocol import Accuse, Commit, Construction, Effect, Message, SetTimer, Timer
from bac.types import Micros, NodeId
from bac.wire.block import Body, ConfirmationProof, Envelope, LeaderSignature
from bac.wire.codec import encode
from bac.wire.evidence import Evidence
from bac.wire.header import Header, Kind, Rank
from bac.wire.sync import TransactionBatch
from bac.wire.transactions import VerifiedTransaction
from bac.wire.votes import Acknowledgement, Certificate

PACE_TIMER: Final = "pace"
HAND_TIMER: Final = "hand"
"""Rings at once, and T_batch later at the earliest: what comes in meanwhile is handed on and proposed together."""
EVIDENCE_MAX: Final = 16
IDLE_EVENTS: Final = 4
"""T_event between two blocks while nothing waits: an idle block costs as much as one with a transaction."""
_VOTES: Final = (Acknowledgement, Envelope)


class BasicBac:
    """One node; see the head of this file."""

    RULES: ClassVar[TwoBlocks] = TWO_BLOCKS
    ELECTORATE: ClassVar[type[Electorate]] = Electorate

    def __init__(self, construction: Construction, ground: Ground | None = None) -> None:
        """`construction.keys` is a `NodeSecrets`, its verifier a whole `Suite`; `ground` is laid if it is not given."""
        genesis: Genesis = construction.genesis
        secrets: NodeSecrets = construction.keys
        suite = cast(Suite, construction.verifier)
        self._params: Params = construction.params
        signing = suite.key_pair(secrets.signing)
        me = NodeId(signing.public)
        ground = ground or lay(genesis, shard_of(genesis, me), self._params, kind=self.ELECTORATE)
        scope = Scope(ground.network, ground.shard.shard, suite.quorum, genesis.authority, suite)
        keys: dict[NodeId, bytes] = {each: each for each in ground.members}
        intake = Intake(scope.network, scope.shard, genesis.authority, suite, keys.get)
        self._verify = Verifications(intake)
        self._epochs: dict[int, Epoch] = {}
        self.court = Court(scope, suite, self._electorate)
        machine = LedgerMachine(ground, self._params, self._verify, self.court.judge_item)
        self._site = Site(
            me=me, roster=Roster(me, ground.members), scope=scope, params=self._params, machine=machine,
            suite=suite, intake=intake, signing=signing, keys=KeyChain(secrets.acknowledgement, scope),
            random=construction.random, store=construction.store, collect=self._collect,
            claims=_no_claims, out=Outbox(me),
            epochs=self._epochs, rules=self.RULES, remember=ground.remember,
        )  # fmt: skip
        self.mempool = Mempool(self._params)
        self._forwarding = Forwarding()
        self._is_handing = False
        self._handed_us = Micros(0)
        self._evidence: dict[bytes, None] = {}
        self._epoch = -1
        self.finality = Finality(self._site, ground.epoch)
        self._proposals = Proposals()
        self._signed: dict[int, bytes] = {}
        self._progress_us = Micros(0)
        self._wanted: list[Micros] = []
        self._armed = Micros(0)

    def _electorate(self, epoch: int) -> Electorate | None:
        known = self._epochs.get(epoch)
        return None if known is None else known.electorate

    # ------------------------------------------------------------ handlers

    def start(self, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self._after(self.finality.start(now), now)

    def on_transaction(self, transaction: VerifiedTransaction, now: Micros) -> Sequence[Effect]:
        """A client's transaction: kept, and handed to leaders. Raises Rejected."""
        self.finality.term.now = now
        if is_call(transaction):
            self.finality.on_call(transaction)
            return self._after([], now)
        self.mempool.add(transaction, self._confirmed_state().ledger)
        self._verify.learn(transaction)
        self._forwarding.take(transaction, now)
        return self._soon(now)

    def _soon(self, now: Micros) -> list[Effect]:
        """Acts upon new transactions once, after all that have come in by now, and once in T_batch."""
        if self._is_handing:
            return []
        self._is_handing = True
        self._handed_us = Micros(max(now, self._handed_us + self._params.event_batch_us))
        return [SetTimer(HAND_TIMER, self._handed_us)]

    def on_message(self, sender: NodeId, message: Message, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        self.finality.term.now = now
        match message:
            case TransactionBatch():
                self._on_transactions(sender, message)
                return self._soon(now)
            case Evidence():
                self._on_evidence(sender, message)
            case Envelope() if self._is_known(message):
                return ()
            case Envelope() if self._is_proposal(message):
                self._on_proposal(sender, message)
            case _:
                known = self._newest_certificate()
                effects = self.finality.on_message(sender, message, now)
                if not effects and isinstance(message, _VOTES) and self._newest_certificate() is known:
                    return effects  # nothing has changed that the source of blocks could act upon
                return self._after(effects, now)
        return self._after([], now)

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        if timer == HAND_TIMER:
            self._is_handing = False
            self._hand_on(self._forwarding.tell(self._leaders_told()))
            return self._after([], now)
        if timer == PACE_TIMER:
            return self._after([], now)
        effects = self.finality.on_timer(timer, now)
        if timer == "repeat":
            self._repeat(now)
        return self._after(effects, now)

    def _after(self, effects: list[Effect], now: Micros) -> list[Effect]:
        """What the source of blocks does after any input."""
        self.finality.term.now = now
        done = list(effects)
        self._wanted.clear()
        self._notice(done)
        for _ in range(8):  # each turn can complete one step: sign, publish, propose
            more = self._turn(now)
            self._notice(more)
            done += more
            if not more:
                break
        wake = min(self._wanted, default=None)
        if wake is not None and not now < self._armed <= wake:
            self._armed = wake
            done.append(SetTimer(PACE_TIMER, wake))
        return done

    def _turn(self, now: Micros) -> list[Effect]:
        self._enter_epoch(now)
        if self._is_leader():
            self._sign_proposals()
            self._publish(now)
            self._propose(now)
        return self.finality.flush()

    def _notice(self, effects: Sequence[Effect]) -> None:
        """Confirmed transactions leave the pool; evidence is kept for the next block."""
        is_confirmed, confirmed = False, list[bytes]()
        for effect in effects:
            if isinstance(effect, Commit):
                is_confirmed = True
                confirmed += effect.block.body.items
            elif isinstance(effect, Accuse):
                self._keep_evidence(effect.evidence)
        if is_confirmed:
            if len(self.mempool):
                self.mempool.settle(self._confirmed_state().ledger, self._verify.senders(confirmed))
            self._forwarding.settle(self.mempool)

    # ------------------------------------------------------------ transactions and evidence

    def _confirmed_state(self) -> Post:
        """The state after the last block that was executed and confirmed; of genesis while there is none at hand."""
        state = self.finality.term.committed.state
        known: Post = self._site.machine.genesis() if state is None else state
        return known

    def _leaders_told(self) -> tuple[NodeId, ...]:
        return self.finality.term.epoch.leaders()[: self._params.acknowledgement_fanout]

    def _hand_on(self, told: Iterable[Told]) -> None:
        for to, batch in told:
            self._site.out.send(to, batch)

    def _on_transactions(self, sender: NodeId, batch: TransactionBatch) -> None:
        try:
            verified = [self._verify(item) for item in batch.transactions]
        except Rejected as refusal:
            raise Rejected(refusal.code, refusal.reason, sender) from refusal
        state = self._confirmed_state().ledger
        for each in verified:
            if is_call(each):
                self.finality.on_call(each)
                continue
            try:
                self.mempool.add(each, state)
            except Rejected:
                continue  # decided, expired or too many: nobody's fault

    def _on_evidence(self, sender: NodeId, evidence: Any) -> None:
        if not self.court.culprits(evidence):
            raise Rejected(Code.BAD_PROOF, "evidence that proves nothing", sender)
        self._keep_evidence(evidence)

    def _keep_evidence(self, evidence: Any) -> None:
        item = encode(evidence)
        if item not in self._evidence and len(self._evidence) < EVIDENCE_MAX:
            self._evidence[item] = None
            self._site.out.send(self._leaders_told(), evidence)

    def _repeat(self, now: Micros) -> None:
        """Says again what has not had its effect: own transactions to all leaders and k others, own signatures."""
        if self._is_leader():
            self._sign_again()
        to = (*self.finality.term.epoch.leaders(), *self._site.some(self._params.gossip_fanout))
        self._hand_on(self._forwarding.repeat(to, Micros(now - self._params.repeat_us), now))

    def _collect(self, state: Post) -> tuple[bytes, ...]:
        """Items for a block on `state`: evidence, then transactions, as many as two events hold: a round takes two."""
        params = self._params
        items = tuple(
            item for item in self._evidence if not set(self.court.judge_item(item, self._epoch)) <= set(state.culprits)
        )
        return items + self.mempool.select(state.ledger, 2 * params.max_event_items, 2 * params.max_event_bytes)

    # ------------------------------------------------------------ proposals

    def _enter_epoch(self, now: Micros) -> None:
        term = self.finality.term
        if term.epoch.number != self._epoch:
            self._epoch = term.epoch.number
            self._verify.turn()
            self._proposals = Proposals()
            self._signed = dict(load_signed(self._site.store, self._epoch))
            self._progress_us = now
            self.mempool.settle(self._confirmed_state().ledger)
            self._hand_on(self._forwarding.tell(self._leaders_told()))
            self._set_pace(now)

    def _is_leader(self) -> bool:
        term = self.finality.term
        is_active = term.voter.view == 0 and term.ended() is None and term.tree.root.state is not None
        return is_active and self._site.me in term.epoch.leaders()

    def _is_known(self, envelope: Envelope) -> bool:
        """Whether the header has been published, and this node has that."""
        known = self.finality.term.tree.get(header_hash(envelope.header))
        return known is not None and known.envelope is not None

    def _is_proposal(self, envelope: Envelope) -> bool:
        """BB-1: a header of view 0 that too few leaders have signed yet."""
        header, term = envelope.header, self.finality.term
        if header.view != 0 or header.kind is not Kind.ORDERED or header.epoch != term.epoch.number:
            return False
        return not term.validity.is_supermajority([each.leader for each in envelope.signatures])

    def _on_proposal(self, sender: NodeId, envelope: Envelope) -> None:
        """BB-1. Raises Rejected."""
        term = self.finality.term
        if self._site.me not in term.epoch.leaders():
            raise Rejected(Code.NO_QUORUM, "a proposal to somebody who does not lead", sender)
        block_hash = header_hash(envelope.header)
        self._site.intake.header(envelope.header)
        if any(each.leader not in term.epoch.leaders() for each in envelope.signatures):
            raise Rejected(Code.NOT_A_MEMBER, "a proposal signed by somebody who does not lead", sender)
        self._site.intake.leader_signatures(block_hash, envelope.signatures)
        proposal = self._proposals.get(block_hash)
        if proposal is None:
            proposer = envelope.signatures[0].leader if envelope.signatures else None
            if (
                proposer is None
                or not self._is_near(envelope.header)
                or not self._proposals.has_room(envelope.header, proposer)
            ):
                return
            proposal = self._proposals.add(term.propose(envelope.header, block_hash, sender), proposer)
        term.accuse(*term.watch.headers(envelope))
        for each in envelope.signatures:
            proposal.signatures.setdefault(each.leader, each)

    def _is_near(self, header: Header) -> bool:
        """Whether a block of this height can be due: not above the backlog."""
        above = header.height - self.finality.term.height
        return 0 < above <= self._params.max_unconfirmed_blocks + 1

    def _sign_proposals(self) -> None:
        """BB-2: signs what is valid, one header per height; durable before it is sent to those who gather."""
        for proposal in self._proposals.open():
            link = proposal.link
            if self._site.me in proposal.signatures or self._signed.get(link.header.height, link.hash) != link.hash:
                continue
            if link.header.time_us <= self.finality.term.now + self._params.ahead_us and self._is_valid(link):
                signature = self._sign(proposal)
                to = (proposal.proposer, *self.finality.term.targets(link))
                self._site.out.send(to, Envelope(link.header, (signature,), None, None, None))

    def _sign_again(self) -> None:
        """BB-2: what nobody has published since the last time is said to all leaders."""
        term, me = self.finality.term, self._site.me
        for proposal in self._proposals.open():
            if me in proposal.signatures and proposal.link.header.height > term.height:
                envelope = Envelope(proposal.link.header, (proposal.signatures[me],), None, None, None)
                self._site.out.send(term.epoch.leaders(), envelope)

    def _is_valid(self, link: Link) -> bool:
        parent = link.parent
        if link.body is None or parent is None or parent.verdict is not Verdict.VALID or parent.state is None:
            return False
        return self.finality.term.preview(link) is not None

    def _sign(self, proposal: Proposal) -> LeaderSignature:
        link = proposal.link
        signature = proposal.signatures[self._site.me] = self._site.sign_header(link.header)
        self._signed[link.header.height] = link.hash
        self._site.out.add(save_signed(self._epoch, link.header.height, link.hash))
        return signature

    def _publish(self, now: Micros) -> None:
        """R8: the primary at once, candidate k after k · T_publish, if nobody has published it."""
        term = self.finality.term
        place = term.epoch.leaders().index(self._site.me)
        for proposal in self._proposals.open():
            if not term.validity.is_supermajority(sorted(proposal.signatures)) or proposal.link.body is None:
                continue
            if proposal.ready_us is None:
                proposal.ready_us = now
            due = proposal.ready_us + place * self._params.publish_us
            if now >= due:
                self._publish_one(proposal)
            else:
                self._set_pace(Micros(due))

    def _publish_one(self, proposal: Proposal) -> None:
        term = self.finality.term
        body = proposal.link.body
        assert body is not None, "who publishes holds the body"
        envelope = proposal.envelope(self._boundary_proof(proposal.link))
        self.finality.place(envelope, body)
        signed = [each for each in self._site.others if each in proposal.signatures]
        self._site.out.send(tuple(signed), envelope)  # who signed has the body
        term.push(tuple(each for each in self._site.others if each not in signed), envelope, body)
        self._progress_us = term.now

    def _boundary_proof(self, link: Link) -> ConfirmationProof | None:
        """E4: the first block of an epoch comes with the proof of the boundary."""
        term = self.finality.term
        return term.epoch.proof if link.parent is term.tree.root else None

    # ------------------------------------------------------------ proposing

    def _propose(self, now: Micros) -> None:
        """BB-3 to BB-6."""
        term = self.finality.term
        tip = term.tip()
        height = tip.header.height + 1
        if (
            tip.closed is not None
            or height in self._signed
            or self._backlog(tip) >= self._params.max_unconfirmed_blocks
        ):
            return
        due = self._due(tip, now)
        if now < due:
            self._set_pace(due)
            return
        items = self._items(tip)
        derived = term.validity.order(tip, Micros(max(now, tip.header.time_us + 1)), items)
        if derived is None:
            return
        link = term.propose(derived.header, header_hash(derived.header), None)
        link.body = Body(items)
        link.draft = derived
        proposal = self._proposals.get(link.hash) or self._proposals.add(link, self._site.me)
        envelope = Envelope(link.header, (self._sign(proposal),), None, self._boundary_proof(link), None)
        term.push(term.epoch.leaders(), envelope, link.body)
        self._progress_us = now

    def _backlog(self, tip: Link) -> int:
        return tip.header.height - self.finality.term.height

    def _due(self, tip: Link, now: Micros) -> Micros:
        """BB-4 to BB-6: when this leader proposes on `tip`."""
        place = self.finality.term.epoch.leaders().index(self._site.me)
        since = max(self._progress_us, min(tip.header.time_us, now)) if tip.parent is not None else self._progress_us
        idle_us = IDLE_EVENTS * self._params.event_max_us
        if place:
            return Micros(since + max(idle_us, 2 * self._params.event_max_us + place * self._params.repeat_us))
        is_certified = tip.certificate is not None or tip.parent is None
        if not is_certified or not self._is_urgent(tip):
            return Micros(since + idle_us)
        return Micros(since + (self._params.event_batch_us if is_awaited(tip.body) else self._params.event_min_us))

    def _is_urgent(self, tip: Link) -> bool:
        """BB-4: somebody waits: for a transaction to be ordered, or for one that is ordered to be confirmed."""
        shown = self.finality.term.shown_confirmed(tip)
        for link in tip.path():
            if link is shown or link.parent is None:
                break
            if is_awaited(link.body):
                return True
        return self.mempool.is_ready(tip.state.ledger)

    def _newest_certificate(self) -> Certificate | None:
        """The highest known one of view 0. Where all leaders gather, it comes about without any effect (V8)."""
        return self.finality.term.voter.high.get(0)

    def _items(self, tip: Link) -> tuple[bytes, ...]:
        certificate = self._newest_certificate()
        items: tuple[bytes, ...] = ()
        if certificate is not None and tip.parent is not None and _is_news(certificate, tip.header.justify):
            items = (encode(certificate),)
        return items + self._collect(tip.state)

    def _set_pace(self, at: Micros) -> None:
        self._wanted.append(at)


def _no_claims() -> None:
    """Leaders rotate: nobody claims a seat."""


def _is_news(certificate: Certificate, justify: Rank) -> bool:
    return justify.view < 0 or certificate.ballot.height > justify.height
