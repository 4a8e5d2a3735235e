"""BAC 2.0: one node of one shard. The leaders order by a hashgraph, every voter executes, acknowledges and confirms.

Theory of operation. All that makes a block final is `bac.finality`; all that an item does to the chain's facts is
`bac.replica.machine`. This file gives each input to whom it concerns and lets everybody act in turn until nothing more
follows: the leader of the epoch (`Leadership`), the candidate for the next one (`Candidacy`), finality. What a leader
loads into its next event is gathered here.

Who leads, votes and may be told something changes with the epoch: at each boundary the roster and the signing keys are
read from the state after it.

Source: docs/spec/replica.md; PROTOCOL 7 as docs/spec/replica.md and docs/spec/finality.md have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, ClassVar, Final, cast

from bac.crypto.keys import NodeSecrets
from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.finality.calls import is_call
from bac.finality.confirmation import TWO_BLOCKS, TwoBlocks
from bac.finality.epochs import Epoch
from bac.finality.finality import Finality
from bac.finality.site import Outbox, Roster, Site
from bac.finality.voter import KeyChain
from bac.genesis import Genesis, GenesisShard, shard_of
from bac.intake import Intake
from bac.ledger.forwarding import Forwarding, Told
from bac.ledger.mempool import Mempool
from bac.ledger.verifications import Verifications
from bac.params import Params
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.protocol import Accuse, Commit, Construction, Effect, Message, SetTimer, Timer
from bac.replica.announcing import announce, find_unannounced
from bac.replica.author import Memory, forget_events
from bac.replica.candidacy import Candidacy
from bac.replica.ground import Ground, lay
from bac.replica.leadership import EARLY_MAX, EARLY_OF_ONE, Leadership
from bac.replica.machine import Post, ReplicaMachine
from bac.types import Micros, NodeId
from bac.wire.block import Envelope
from bac.wire.claims import Claim, ClaimList, Departure
from bac.wire.codec import encode
from bac.wire.evidence import Evidence
from bac.wire.sync import EventBatch, EventPull, EventRequest, TipAnswer, TipPull, TransactionBatch
from bac.wire.transactions import Leave, VerifiedTransaction
from bac.wire.votes import Acknowledgement, StateAnnouncement

PACE_TIMER: Final = "pace"
HAND_TIMER: Final = "hand"
"""Rings as soon as what has come in at the same time is here: transactions are handed on and ordered together."""
EVIDENCE_MAX: Final = 16
TURNS_MAX: Final = 8


class Replica:
    """One node; see the head of this file."""

    RULES: ClassVar[TwoBlocks] = TWO_BLOCKS
    ELECTORATE: ClassVar[type[Electorate]] = Electorate

    def __init__(self, construction: Construction, ground: Ground | None = None) -> None:
        """`construction.keys` is a `NodeSecrets`, its verifier a whole `Suite`; `ground` is laid if it is not given."""
        genesis: Genesis = construction.genesis
        secrets: NodeSecrets = construction.keys
        suite = cast(Suite, construction.verifier)
        params: Params = construction.params
        signing = suite.key_pair(secrets.signing)
        me = NodeId(signing.public)
        ground = ground or lay(genesis, home_of(genesis, me), params)
        self._params = params
        self._scope = Scope(ground.network, ground.shard.shard, suite.quorum, genesis.authority, suite)
        self._keys: dict[NodeId, bytes] = {}
        self._roster = Roster(me, ground.members)
        intake = Intake(ground.network, self._scope.shard, genesis.authority, suite, self._keys.get)
        self._verify = Verifications(intake)
        self._epochs: dict[int, Epoch] = {}
        self.machine = ReplicaMachine(ground, params, suite, self._verify, self._electorate)
        self.court = self.machine.court(0, ground.epoch.electorate, ground.state)
        self._site = Site(
            me=me, roster=self._roster, scope=self._scope, params=params, machine=self.machine, suite=suite,
            intake=intake, signing=signing, keys=KeyChain(secrets.acknowledgement, self._scope),
            random=construction.random, store=construction.store, collect=self._collect, claims=self._claims,
            out=Outbox(me), epochs=self._epochs, rules=self.RULES, remember=ground.remember,
            settle_in=self._settle_in,
        )  # fmt: skip
        self._secrets = secrets
        self.mempool = Mempool(params)
        self._forwarding = Forwarding()
        self._memory = Memory(construction.store)
        self._evidence: dict[bytes, frozenset[tuple[NodeId, int]]] = {}
        self._ahead: list[tuple[NodeId, EventBatch]] = []
        self._epoch = -1
        self._is_handing = False
        self._armed = Micros(0)
        self.leadership: Leadership | None = None
        self.finality = Finality(self._site, ground.epoch)
        self.candidacy = Candidacy(self._site, self.finality, self.machine, secrets)

    def _electorate(self, epoch: int) -> Electorate | None:
        known = self._epochs.get(epoch)
        return None if known is None else known.electorate

    # ------------------------------------------------------------ handlers

    def start(self, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        return self._after(self.finality.start(now), now)

    def on_transaction(self, transaction: VerifiedTransaction, now: Micros) -> Sequence[Effect]:
        """A client's transaction: kept, ordered by this node if it leads, else handed to a leader. Raises Rejected."""
        self.finality.term.now = now
        if is_call(transaction):
            self.finality.on_call(transaction)
            return self._after([], now)
        self.mempool.add(transaction, self._confirmed().ledger)
        self._verify.learn(transaction)
        self._forwarding.take(transaction, now)
        if transaction.transaction.sender == self._site.me and isinstance(transaction.transaction.operation, Leave):
            self.candidacy.depart()
        return self._soon(now)

    def _soon(self, now: Micros) -> list[Effect]:
        """Acts upon new transactions once, after all that have come in by now."""
        if self._is_handing:
            return []
        self._is_handing = True
        return [SetTimer(HAND_TIMER, now)]

    def on_message(self, sender: NodeId, message: Message, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        self.finality.term.now = now
        match message:
            case TransactionBatch():
                self._on_transactions(sender, message)
                return self._soon(now)
            case EventBatch() | EventPull() | EventRequest() | TipPull() | TipAnswer():
                self._on_gossip(sender, message, now)
            case Claim() | ClaimList() | Departure():
                self.candidacy.receive(sender, message)
                if self.leadership is None and self.finality.term.is_quiet():
                    return []  # it is for leaders, and for later
            case Evidence():
                self._on_evidence(sender, message)
            case Acknowledgement() if self.candidacy.is_foreign(message):
                self.candidacy.on_late(message, self.leadership)
            case Envelope() if self.leadership is not None and self.leadership.is_gathering(message):
                self.leadership.on_signature(sender, message)
            case _:
                if isinstance(message, Acknowledgement) and message.voter == sender:
                    self.candidacy.on_late(message, self.leadership)
                listed = message.claims if isinstance(message, StateAnnouncement) else None
                if listed is not None:
                    self.candidacy.check(listed)  # before anything is changed
                effects = self.finality.on_message(sender, message, now)
                if listed is not None:
                    self.candidacy.receive(sender, listed)
                if not effects and isinstance(message, Acknowledgement | Envelope):
                    return effects  # nothing has changed that the others could act upon
                return self._after(effects, now)
        return self._after([], now)

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """As the contract's."""
        if timer == HAND_TIMER:
            self._is_handing = False
            self._hand_on(self._forwarding.tell(self._homes()))
            return self._after([], now)
        if timer == PACE_TIMER:
            return self._after([], now)
        effects = self.finality.on_timer(timer, now)
        if timer == "repeat":
            self._repeat(now)
        return self._after(effects, now)

    def _after(self, effects: list[Effect], now: Micros) -> list[Effect]:
        """What this node does after any input, until nothing more follows."""
        self.finality.term.now = now
        done = list(effects)
        self._notice(done)
        wake: Micros | None = None
        for _ in range(TURNS_MAX):
            more, wake = self._turn(now)
            self._notice(more)
            done += more
            if not more:
                break
        if wake is not None and not now < self._armed <= wake:
            self._armed = wake
            done.append(SetTimer(PACE_TIMER, wake))
        return done

    def _turn(self, now: Micros) -> tuple[list[Effect], Micros | None]:
        self._enter_epoch(now)
        wake = None if self.leadership is None else self.leadership.turn(now)
        self.candidacy.turn()
        return self.finality.flush(), wake

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
                self.mempool.settle(self._confirmed().ledger, self._verify.senders(confirmed))
            self._forwarding.settle(self.mempool)

    def _repeat(self, now: Micros) -> None:
        """Every T_repeat: says again what is not confirmed yet."""
        if self.leadership is not None:
            self.leadership.repeat()
        self.candidacy.repeat()
        to = (*self.finality.term.epoch.leaders(), *self._site.some(self._params.gossip_fanout))
        self._hand_on(self._forwarding.repeat(to, Micros(now - self._params.repeat_us), now))

    # ------------------------------------------------------------ epochs

    def _enter_epoch(self, now: Micros) -> None:
        term = self.finality.term
        if term.epoch.number != self._epoch:
            self._epoch = term.epoch.number
            self.leadership = None
            self.mempool.settle(self._confirmed().ledger)
            self._site.out.persist(forget_events(self._site.store, self._epoch))
            self.machine.assessor.turn()
            self._verify.turn()
            self.candidacy.enter()
            self._announce_keys(now)
            self._hand_on(self._forwarding.tell(self._homes()))
        if self.leadership is None and self._site.me in term.epoch.leaders() and term.tree.root.state is not None:
            ahead, self._ahead = [each for each in self._ahead if each[1].epoch == self._epoch], []
            self.leadership = Leadership(self._site, self.finality, self._memory, self._verify, self, ahead)
            self.leadership.start(now)

    def _settle_in(self, epoch: Epoch, post: Post) -> None:
        """The state before an epoch is here: who is registered, with which keys, and who judges."""
        self.court = self.machine.court(epoch.number, epoch.electorate, post.ledger)
        register = self.machine.register(post.ledger, epoch.number)
        self._keys.clear()
        self._keys.update(register.keys)
        self._roster.set(register.present)

    def _announce_keys(self, now: Micros) -> None:
        """Hands in what this member has to announce, like a client of its own."""
        state = self._confirmed().ledger
        epochs = find_unannounced(state.member(self._site.me), self._epoch, self._site)
        nonce = self.mempool.next_nonce(self._site.me, state)
        for transaction in announce(self._site, epochs, nonce, now, self._verify):
            try:
                self.mempool.add(transaction, state)
            except Rejected:
                return  # too many of its own wait already: the next epoch is early enough
            self._forwarding.take(transaction, now)

    # ------------------------------------------------------------ transactions and evidence

    def _confirmed(self) -> Post:
        """The state after the last block that was executed and confirmed; of genesis while there is none at hand."""
        known: Post | None = self.finality.term.committed.state
        return self.machine.genesis() if known is None else known

    def _homes(self) -> tuple[NodeId, ...]:
        """The leader that orders what this node's clients hand in: one, so that nonces stay in order."""
        leaders = self.finality.term.epoch.leaders()
        if self._site.me in leaders:
            return (self._site.me,)
        return (leaders[int.from_bytes(sha256(self._site.me).digest()[:4], "big") % len(leaders)],)

    def _hand_on(self, told: Iterable[Told]) -> None:
        for to, batch in told:
            self._site.out.send(to, batch)

    def _on_transactions(self, sender: NodeId, batch: TransactionBatch) -> None:
        try:
            verified = [self._verify(item) for item in batch.transactions]
        except Rejected as refusal:
            raise Rejected(refusal.code, refusal.reason, sender) from refusal
        state = self._confirmed().ledger
        for each in verified:
            if is_call(each):
                self.finality.on_call(each)
                continue
            try:
                self.mempool.add(each, state)
            except Rejected:
                continue  # decided, expired or too many: nobody's fault

    def _on_evidence(self, sender: NodeId, evidence: Any) -> None:
        if evidence.epoch not in self._epochs or encode(evidence) in self._evidence:
            return  # of an epoch whose voters this node does not know, or no news
        if not self.court.culprits(evidence):
            raise Rejected(Code.BAD_PROOF, "evidence that proves nothing", sender)
        self._keep_evidence(evidence)

    def _keep_evidence(self, evidence: Any) -> None:
        """Of what convicts nobody new, no more is kept: one culprit's deeds do not crowd out those of others."""
        named = {(each, evidence.epoch) for each in self.court.culprits(evidence)}
        known = {each for kept in self._evidence.values() for each in kept}
        if not named <= known and len(self._evidence) < EVIDENCE_MAX:
            self._evidence[encode(evidence)] = frozenset(named)
            self._site.out.send(self.finality.term.epoch.leaders()[: self._params.acknowledgement_fanout], evidence)

    def _accusations(self, state: Post) -> list[bytes]:
        """Evidence that convicts somebody who is not convicted yet; what is too old is forgotten."""
        convicted = set(() if state.docket is None else state.docket.culprits())
        news: list[bytes] = []
        for item, named in list(self._evidence.items()):
            if convicted.issuperset(identity for identity, _ in named):
                continue
            if self.court.judge_item(item, self._epoch):
                news.append(item)
            else:
                del self._evidence[item]
        return news

    # ------------------------------------------------------------ events

    def _on_gossip(self, sender: NodeId, message: Any, now: Micros) -> None:
        """Events, and questions about them. Raises Rejected."""
        if message.epoch != self._epoch:
            if isinstance(message, EventBatch) and message.epoch == self._epoch + 1:
                self._hold(sender, message)
            return
        leadership = self.leadership
        if leadership is None:
            return
        match message:
            case EventBatch():
                leadership.on_events(sender, message, now)
            case TipAnswer():
                leadership.on_tip(sender, message)
            case _:
                leadership.answer(sender, message, now)

    def _hold(self, sender: NodeId, batch: EventBatch) -> None:
        """Keeps what came for the next epoch: single events, as they are pushed, and few of each peer."""
        held = sum(each == sender for each, _ in self._ahead)
        if len(batch.events) == 1 and held < EARLY_OF_ONE and len(self._ahead) < EARLY_MAX:
            self._ahead.append((sender, batch))

    def load(self, leadership: Leadership) -> tuple[bytes, ...]:
        """As the desk's: certificate, what the election needs, evidence, then transactions by fee and nonce."""
        tip, manifest = leadership.pipeline.tip, leadership.manifest
        items: list[bytes] = []
        certificate = self.finality.term.voter.high.get(0)
        known = max(tip.header.justify.height, manifest.certified)
        if certificate is not None and certificate.ballot.height > known:
            items.append(encode(certificate))
        items += [item for item in self._accusations(tip.state) if item not in manifest]
        items += self.candidacy.items(leadership)
        kept: list[bytes] = []
        size = 0
        for item in items[: self._params.max_event_items]:
            if size + len(item) <= self._params.max_event_bytes:
                kept.append(item)
                size += len(item)
        if leadership.is_late:
            return tuple(kept)
        room = self._params.max_event_items - len(kept)
        left = self._params.max_event_bytes - size
        return (*kept, *self.mempool.select(tip.state.ledger, room, left, manifest.transactions))

    def is_waiting(self, leadership: Leadership) -> bool:
        """As the desk's."""
        tip = leadership.pipeline.tip
        if leadership.pipeline.awaited_height > self.finality.term.shown_confirmed(tip).header.height:
            return True
        return tip.state is not None and self.mempool.is_ready(tip.state.ledger)

    def _collect(self, state: Post) -> tuple[bytes, ...]:
        """Items for an opening on `state`: evidence, what the election needs, then transactions."""
        items = (*self._accusations(state), *self.candidacy.collect(state))
        limit = self._params.max_event_items
        return items + self.mempool.select(state.ledger, limit, self._params.max_event_bytes)

    def _claims(self) -> ClaimList | None:
        return self.candidacy.listed()


def home_of(genesis: Genesis, identity: NodeId) -> GenesisShard:
    """The shard of a member; a newcomer's is the only one. ValueError where there are several."""
    return genesis.shards[0] if len(genesis.shards) == 1 else shard_of(genesis, identity)
