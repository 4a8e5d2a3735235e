"""Mutants of the signed echo broadcast: each breaks what one check watches, and is otherwise what it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from bac.protocol import Accuse, Commit, Construction, Effect, Persist, Protocol, Send, SetTimer, Store, Timer
from bac.sim.broadcast import messages
from bac.sim.broadcast.messages import Block, Certificate, Echo, Payment, TwoEchoes, hash_block, root_of
from bac.sim.broadcast.node import EchoNode
from bac.sim.broadcast.trial import EchoOracle, EchoTrial
from bac.sim.facts import Committed
from bac.sim.memo import Memo
from bac.sim.world import World
from bac.types import Micros, NodeId


def without_records(effects: Sequence[Effect]) -> list[Effect]:
    return [effect for effect in effects if not isinstance(effect, Persist)]


class Hasty(EchoNode):
    """Takes two echoes for a quorum."""

    def _certify(self, block: Block) -> list[Effect]:
        voters = sorted(self._own.echoes)
        if len(voters) < 2:
            return []
        certificate = Certificate(block, tuple(self._own.echoes[voter] for voter in voters))
        return [*self._confirm(certificate), Send(self._peers, certificate)]


class Repeater(EchoNode):
    """Reports the first block of an owner again with the third."""

    def _confirm(self, certificate: Certificate) -> list[Effect]:
        effects = super()._confirm(certificate)
        first = self._certificate(certificate.block.owner, 1)
        if certificate.block.height == 3 and first is not None:
            effects.append(Commit(first.block, first))
        return effects


class Spendthrift(EchoNode):
    """Believes that everybody has more than genesis gave."""

    def __init__(self, construction: Construction) -> None:
        rich = replace(construction.genesis, endowment=10**12)
        super().__init__(replace(construction, genesis=rich))


class Mute(EchoNode):
    """Never repeats and never compares."""

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        return [SetTimer(timer, self._next_repeat(now))]


class Careless(EchoNode):
    """Reports without having recorded."""

    def _confirm(self, certificate: Certificate) -> list[Effect]:
        return without_records(super()._confirm(certificate))


class Forgetful(EchoNode):
    """Does not record what it proposed and echoed."""

    def _on_block(self, sender: NodeId, block: Block) -> Sequence[Effect]:
        return without_records(super()._on_block(sender, block))

    def _propose(self) -> list[Effect]:
        return without_records(super()._propose())


class Slanderer(EchoNode):
    """Accuses with evidence that proves nothing."""

    def _on_echo(self, sender: NodeId, echo: Echo) -> Sequence[Effect]:
        return [*super()._on_echo(sender, echo), Accuse(TwoEchoes(echo, echo))]


_STARTS = itertools.count()


class Dice(EchoNode):
    """Asks the process, not its arguments."""

    def start(self, now: Micros) -> Sequence[Effect]:
        return [*super().start(now), SetTimer("process", Micros(now + next(_STARTS)))]

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        return () if timer == "process" else super().on_timer(timer, now)


def mutant(node: type[EchoNode]) -> type[EchoTrial]:
    return type(f"{node.__name__}Trial", (EchoTrial,), {"NODE": node})


class Equivocator(EchoNode):
    """Proposes two blocks to two halves of the nodes, echoes everything, and certifies what it can."""

    def __init__(self, construction: Construction) -> None:
        super().__init__(construction)
        self.blocks: dict[bytes, Block] = {}
        self.echoes: dict[bytes, dict[int, Echo]] = {}

    def start(self, now: Micros) -> Sequence[Effect]:
        return ()

    def on_timer(self, timer: Timer, now: Micros) -> Sequence[Effect]:
        return ()

    def on_transaction(self, transaction: Payment, now: Micros) -> Sequence[Effect]:
        if self.blocks:
            return ()
        for amount in (1, 2):
            payments = (Payment(transaction.id, amount),)
            unsigned = Block(self._me, 1, self.chains[self._me].tip, payments, root_of(self._me, amount), b"")
            block = msgspec.structs.replace(unsigned, signature=self._keys.sign(messages.block_bytes(unsigned)))
            self.blocks[hash_block(block)] = block
            self.echoes[hash_block(block)] = {self._me: self._echo(block)}
        half = len(self._peers) // 2
        groups = ((*self._peers[:half], self._peers[-1]), self._peers[half:])  # the last one is the accomplice
        return [Send(to, block) for to, block in zip(groups, self.blocks.values(), strict=True)]

    def on_message(self, sender: NodeId, message: Any, now: Micros) -> Sequence[Effect]:
        if isinstance(message, Block):
            return [Send((sender,), self._echo(message))]
        if not isinstance(message, Echo) or message.block not in self.echoes:
            return ()
        echoes = self.echoes[message.block]
        echoes[message.voter] = message
        if not self._genesis.is_quorum(frozenset(echoes)):
            return ()
        certificate = Certificate(self.blocks[message.block], tuple(echoes[voter] for voter in sorted(echoes)))
        voters = tuple(self._genesis.ids[voter] for voter in sorted(echoes) if voter != self._me)
        return [Send(voters, certificate)]


class Collusion(EchoTrial):
    """The last two nodes equivocate together. The world must name them as attackers."""

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        if index < len(self.ids) - 2:
            return super().node(index, random, records, store)
        keys = self._metered.key_pair(self._seeds[index])
        return Equivocator(Construction(self._genesis, self._params, keys, random, records, store, self._metered))


class _Blind(EchoOracle):
    """Finds nobody in conflicting certificates, as for a protocol whose proofs name nobody."""

    def incriminate(self, first: Committed, second: Committed) -> Iterable[Any]:
        return ()


class BlindCollusion(Collusion):
    """As the collusion, of a protocol without accountability."""

    def __init__(self, world: World, memo: Memo | None = None) -> None:
        super().__init__(world, memo)
        self.oracle = _Blind(self._genesis, self._suite)
