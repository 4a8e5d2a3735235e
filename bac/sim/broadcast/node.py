"""A node of the signed echo broadcast.

Every node owns a chain of its own payments. It broadcasts the next block, signed; every other node answers with a
signed echo, at most one per owner and height, ever; echoes of more than two thirds of the units are a certificate, and
a certified block is confirmed. Two certificates of one height share voters who echoed twice and are convicted by it.
Nothing is ordered between owners, and an owner that signs two blocks may block its own chain, nobody else's: this is
consistent broadcast, not consensus.

Sources: Cachin, Guerraoui, Rodrigues, *Introduction to Reliable and Secure Distributed Programming*, 2nd edition,
Algorithm 3.17 (signed echo broadcast), repeated per height; that payments need no more: Guerraoui et al., *The
consensus number of a cryptocurrency*, PODC 2019. Departure: echoes and blocks are repeated on a timer and certificates
pulled, since links lose messages and nodes crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bac.crypto.suite import KeyPair
from bac.errors import Code, Rejected
from bac.protocol import Accuse, Commit, Construction, Effect, Message, Persist, Send, SetTimer, Timer
from bac.sim.broadcast.messages import (
    Block,
    Certificate,
    Echo,
    Inventory,
    Payment,
    TwoBlocks,
    TwoEchoes,
    block_bytes,
    echo_bytes,
    genesis_hash,
    hash_block,
    root_of,
)
from bac.sim.broadcast.rules import Genesis, is_certified, is_consistent, is_signed_block, is_signed_echo
from bac.types import Hash, Micros, NodeId

REPEAT: Final = "repeat"
PAYMENTS_MAX: Final = 8
SERVED_MAX: Final = 16

_encode: Final = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Params:
    """Timing: `repeat_us` between two repetitions, each to `fanout` drawn peers."""

    repeat_us: int = 300_000
    fanout: int = 2


@dataclass(slots=True)
class Chain:
    """What a node knows of one owner: its confirmed chain, and the block that it echoed on top of it."""

    tip: Hash
    height: int = 0
    spent: int = 0
    echoed: Block | None = None


@dataclass(slots=True)
class Own:
    """An owner's own business: payments to make, payments made, echoes of the block under way."""

    waiting: dict[bytes, Payment] = field(default_factory=dict)
    paid: set[bytes] = field(default_factory=set)
    echoes: dict[int, Echo] = field(default_factory=dict)


def key_of(kind: bytes, owner: int, height: int) -> bytes:
    """Where a record stands: kinds are ``c`` (certificate) and ``e`` (block echoed)."""
    return kind + owner.to_bytes(4, "big") + height.to_bytes(8, "big")


class EchoNode:
    """One node; see the head of this file. Constructed from a `Construction` with `Genesis`, `Params`, `KeyPair`."""

    def __init__(self, construction: Construction) -> None:
        self._genesis: Genesis = construction.genesis
        self._params: Params = construction.params
        self._keys: KeyPair = construction.keys
        self._random = construction.random
        self._store = construction.store
        self._verifier = construction.verifier
        self._me = self._genesis.ids.index(NodeId(self._keys.public))
        self._peers = tuple(identity for identity in self._genesis.ids if identity != self._keys.public)
        self._own = Own()
        self._accused: set[tuple[bytes, int]] = set()
        self.chains = [Chain(genesis_hash(owner)) for owner in range(len(self._genesis.ids))]
        self._recover()

    def _recover(self) -> None:
        for _, record in self._store.scan(b"c"):
            self._apply(msgspec.msgpack.decode(record, type=Certificate).block)
        for _, record in self._store.scan(b"e"):
            block = msgspec.msgpack.decode(record, type=Block)
            if block.height > self.chains[block.owner].height:  # else the crash came between two records of `_confirm`
                self.chains[block.owner].echoed = block
        for _, record in self._store.scan(b"p"):
            payment = msgspec.msgpack.decode(record, type=Payment)
            if payment.id not in self._own.paid:
                self._own.waiting[payment.id] = payment
        if (block_under_way := self.chains[self._me].echoed) is not None:
            self._own.echoes = {self._me: self._echo(block_under_way)}

    # ------------------------------------------------------------ handlers

    def start(self, now: Micros) -> Sequence[Effect]:
        """As the contract's: reports again what was confirmed last of each owner, and takes up what was under way."""
        tips = [self._certificate(owner, chain.height) for owner, chain in enumerate(self.chains)]
        commits = [Commit(tip.block, tip) for tip in tips if tip is not None]
        return [*commits, *self._propose(), SetTimer(REPEAT, self._next_repeat(now))]

    def on_transaction(self, transaction: Payment, now: Micros) -> Sequence[Effect]:  # noqa: ARG002 (the contract's)
        """A payment of this owner. Raises Rejected if it cannot pay."""
        if transaction.id in self._own.paid or transaction.id in self._own.waiting:
            return ()
        promised = sum(payment.amount for payment in self._own.waiting.values())
        if self.chains[self._me].spent + promised + transaction.amount > self._genesis.endowment:
            raise Rejected(Code.INSUFFICIENT_BALANCE, "the owner has promised more than it has")
        self._own.waiting[transaction.id] = transaction
        return [Persist(b"p" + transaction.id, _encode(transaction)), *self._propose()]

    def on_message(self, sender: NodeId, message: Message, now: Micros) -> Sequence[Effect]:  # noqa: ARG002
        """As the contract's."""
        match message:
            case Block():
                return self._on_block(sender, message)
            case Echo():
                return self._on_echo(sender, message)
            case Certificate():
                return self._on_certificate(sender, message)
            case Inventory():
                return self._on_inventory(sender, message)
            case _:
                raise Rejected(Code.MALFORMED, f"{type(message).__name__} is not for peers", sender)

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        """Repeats the block under way to all who have not echoed it, and compares with some peers."""
        effects: list[Effect] = [SetTimer(timer, self._next_repeat(now))]
        block = self.chains[self._me].echoed
        if block is not None:
            missing = [place for place in range(len(self.chains)) if place not in self._own.echoes]
            if missing:
                effects.append(Send(tuple(self._genesis.ids[place] for place in missing), block))
        drawn = self._random.sample(self._peers, min(self._params.fanout, len(self._peers)))
        return [*effects, Send(tuple(drawn), self._inventory())]

    def _next_repeat(self, now: Micros) -> Micros:
        return Micros(now + self._params.repeat_us + self._random.randrange(self._params.repeat_us // 4))

    # ------------------------------------------------------------ own chain

    def _propose(self) -> list[Effect]:
        """The next block of this owner, if there are payments and none is under way."""
        chain = self.chains[self._me]
        if chain.echoed is not None or not self._own.waiting:
            return []
        payments = tuple(self._own.waiting.values())[:PAYMENTS_MAX]
        root = root_of(self._me, chain.spent + sum(payment.amount for payment in payments))
        unsigned = Block(self._me, chain.height + 1, chain.tip, payments, root, b"")
        block = msgspec.structs.replace(unsigned, signature=self._keys.sign(block_bytes(unsigned)))
        chain.echoed = block
        self._own.echoes = {self._me: self._echo(block)}
        done = self._certify(block)  # alone it may be a quorum
        return [Persist(key_of(b"e", self._me, block.height), _encode(block)), Send(self._peers, block), *done]

    def _echo(self, block: Block) -> Echo:
        unsigned = Echo(self._me, block.owner, block.height, hash_block(block), b"")
        return msgspec.structs.replace(unsigned, signature=self._keys.sign(echo_bytes(unsigned)))

    def _on_echo(self, sender: NodeId, echo: Echo) -> Sequence[Effect]:
        if echo.owner != self._me or not is_signed_echo(self._genesis, self._verifier, echo):
            raise Rejected(Code.BAD_SIGNATURE, "not an echo for this owner by its voter", sender)
        block = self.chains[self._me].echoed
        if block is None or (echo.height, echo.block) != (block.height, hash_block(block)):
            return ()  # late
        self._own.echoes[echo.voter] = echo
        return self._certify(block)

    def _certify(self, block: Block) -> list[Effect]:
        voters = sorted(self._own.echoes)
        if not self._genesis.is_quorum(frozenset(voters)):
            return []
        certificate = Certificate(block, tuple(self._own.echoes[voter] for voter in voters))
        return [*self._confirm(certificate), Send(self._peers, certificate), *self._propose()]

    # ------------------------------------------------------------ others' chains

    def _on_block(self, sender: NodeId, block: Block) -> Sequence[Effect]:
        if not is_signed_block(self._genesis, self._verifier, block):
            raise Rejected(Code.BAD_SIGNATURE, "not a block signed by its owner", sender)
        chain = self.chains[block.owner]
        if block.height <= chain.height:
            certificate = self._certificate(block.owner, block.height)
            return () if certificate is None else self._accuse_owner(certificate.block, block)
        if block.height > chain.height + 1:
            return ()  # early: what comes before it is pulled
        if block.parent != chain.tip or not is_consistent(self._genesis, chain.spent, block):
            raise Rejected(Code.MALFORMED, "a block that its owner must not sign", self._genesis.ids[block.owner])
        if chain.echoed is not None and chain.echoed != block:
            return self._accuse_owner(chain.echoed, block)
        if block.owner == self._me:
            return ()
        answer = Send((self._genesis.ids[block.owner],), self._echo(block))
        if chain.echoed == block:
            return (answer,)
        chain.echoed = block
        return (Persist(key_of(b"e", block.owner, block.height), _encode(block)), answer)

    def _on_certificate(self, sender: NodeId, certificate: Certificate) -> Sequence[Effect]:
        if not is_certified(self._genesis, self._verifier, certificate):
            raise Rejected(Code.NO_QUORUM, "not a certificate", sender)
        block = certificate.block
        chain = self.chains[block.owner]
        if block.height > chain.height + 1:
            return (Send((sender,), self._inventory()),)
        if block.height <= chain.height:
            known = self._certificate(block.owner, block.height)
            return () if known is None else self._accuse_voters(known, certificate)
        if block.parent != chain.tip or not is_consistent(self._genesis, chain.spent, block):
            return ()  # a quorum went another way below: seen where it did
        return [*self._confirm(certificate), *(self._propose() if block.owner == self._me else ())]

    def _on_inventory(self, sender: NodeId, inventory: Inventory) -> Sequence[Effect]:
        if len(inventory.heights) != len(self.chains):
            raise Rejected(Code.MALFORMED, "an inventory has one height per owner", sender)
        effects: list[Effect] = []
        for owner, (chain, theirs) in enumerate(zip(self.chains, inventory.heights, strict=True)):
            heights = range(theirs + 1, chain.height + 1)[: SERVED_MAX - len(effects)]
            certificates = (self._certificate(owner, height) for height in heights)
            effects.extend(Send((sender,), each) for each in certificates if each is not None)
        return effects

    # ------------------------------------------------------------ confirmation and evidence

    def _confirm(self, certificate: Certificate) -> list[Effect]:
        """What a certificate of the next block of its owner leads to: records first."""
        block = certificate.block
        records = [Persist(key_of(b"c", block.owner, block.height), _encode(certificate))]
        if self.chains[block.owner].echoed is not None:
            records.append(Persist(key_of(b"e", block.owner, block.height), None))
        if block.owner == self._me:
            records += [Persist(b"p" + payment.id, None) for payment in block.payments]
        self._apply(block)
        return [*records, Commit(block, certificate)]

    def _apply(self, block: Block) -> None:
        chain = self.chains[block.owner]
        chain.tip, chain.height, chain.echoed = hash_block(block), block.height, None
        chain.spent += sum(payment.amount for payment in block.payments)
        if block.owner == self._me:
            self._own.echoes.clear()
            for payment in block.payments:
                self._own.waiting.pop(payment.id, None)
                self._own.paid.add(payment.id)

    def _certificate(self, owner: int, height: int) -> Certificate | None:
        record = self._store.get(key_of(b"c", owner, height))
        return None if record is None else msgspec.msgpack.decode(record, type=Certificate)

    def _inventory(self) -> Inventory:
        return Inventory(tuple(chain.height for chain in self.chains))

    def _accuse_owner(self, first: Block, second: Block) -> list[Effect]:
        if hash_block(first) == hash_block(second) or not self._is_new(b"owner", first.owner, first.height):
            return []
        return [Accuse(TwoBlocks(first, second))]

    def _accuse_voters(self, first: Certificate, second: Certificate) -> list[Effect]:
        return [
            Accuse(evidence)
            for evidence in two_echoes(first, second)
            if self._is_new(b"voter", evidence.first.voter, evidence.first.height)
        ]

    def _is_new(self, role: bytes, culprit: int, height: int) -> bool:
        key = (role + culprit.to_bytes(4, "big"), height)
        is_new = key not in self._accused
        self._accused.add(key)
        return is_new


def two_echoes(first: Certificate, second: Certificate) -> list[TwoEchoes]:
    """Who echoed in both of two certificates of different blocks, with the proof."""
    if hash_block(first.block) == hash_block(second.block):
        return []
    others = {echo.voter: echo for echo in second.echoes}
    return [TwoEchoes(echo, others[echo.voter]) for echo in first.echoes if echo.voter in others]
