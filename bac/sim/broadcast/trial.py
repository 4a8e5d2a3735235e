"""The signed echo broadcast in a world: nodes, oracle, clients. What a protocol has to bring, by example."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from bac.crypto.metered import Meter, Metered
from bac.crypto.standin import StandIn
from bac.protocol import Construction, Persist, Protocol, Store
from bac.sim import seeds
from bac.sim.broadcast.messages import (
    CAP,
    Anything,
    Block,
    Certificate,
    Echo,
    Payment,
    genesis_hash,
    hash_block,
    root_of,
)
from bac.sim.broadcast.node import EchoNode, Params, two_echoes
from bac.sim.broadcast.rules import Genesis, culprits, is_certified
from bac.sim.codec import MessageCodec
from bac.sim.facts import Committed
from bac.sim.memo import Memo
from bac.sim.oracle import BlockFacts
from bac.sim.world import World
from bac.types import NodeId

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

ENDOWMENT: Final = 1_000_000


class EchoOracle:
    """Judges the broadcast by its rules, with the unmetered suite. A shard is the chain of one owner."""

    def __init__(self, genesis: Genesis, suite: StandIn) -> None:
        self._genesis = genesis
        self._suite = suite

    def block(self, block: Block) -> BlockFacts:
        """As the oracle's."""
        payments = tuple(payment.id for payment in block.payments)
        return BlockFacts(block.owner, block.height, hash_block(block), block.parent, block.state_root, payments)

    def is_proven(self, block: Block, proof: Certificate) -> bool:
        """As the oracle's: the proof is the certificate."""
        return proof.block == block and is_certified(self._genesis, self._suite, proof)

    def genesis(self, shard: int) -> tuple[bytes, Any]:
        """As the oracle's: nothing is spent."""
        return genesis_hash(shard), 0

    def execute(self, state: int, block: Block) -> tuple[Any, bytes]:
        """As the oracle's: the state is what is spent."""
        after = state + sum(payment.amount for payment in block.payments)
        return after, root_of(block.owner, after)

    def imbalance(self, states: Mapping[int, int]) -> str | None:
        """As the oracle's: nobody spends what it has not."""
        for owner, spent in sorted(states.items()):
            if not 0 <= spent <= self._genesis.endowment:
                return f"owner {owner} spent {spent} of {self._genesis.endowment}"
        return None

    def units(self, shard: int, height: int) -> Mapping[NodeId, int]:  # noqa: ARG002 (the same for all)
        """As the oracle's."""
        return dict(zip(self._genesis.ids, self._genesis.units, strict=True))

    def culprits(self, evidence: Any) -> tuple[NodeId, ...]:
        """As the oracle's."""
        return culprits(self._genesis, self._suite, evidence)

    def incriminate(self, first: Committed, second: Committed) -> Iterable[Any]:
        """As the oracle's: who echoed in both certificates."""
        return two_echoes(first.proof, second.proof)

    def promises(self, sender: NodeId, message: Any) -> Iterable[tuple[Hashable, Hashable]]:
        """As the oracle's: one block per height, one echo per owner and height."""
        if isinstance(message, Block) and self._genesis.ids[message.owner] == sender:
            yield ("block", message.height), hash_block(message)
        if isinstance(message, Echo) and self._genesis.ids[message.voter] == sender:
            yield ("echo", message.owner, message.height), message.block

    def confirmed(self, protocol: Protocol) -> Mapping[int, tuple[int, bytes]]:
        """As the oracle's."""
        assert isinstance(protocol, EchoNode), "only honest nodes are asked"
        return {owner: (chain.height, chain.tip) for owner, chain in enumerate(protocol.chains)}

    def transaction_id(self, transaction: Payment) -> bytes:
        """As the oracle's."""
        return transaction.id


class EchoTrial:
    """The trial; also the factory of it: ``simulate(world, EchoTrial)``."""

    NODE: type[EchoNode] = EchoNode

    def __init__(self, world: World, memo: Memo | None = None) -> None:
        """There is nothing to share: `memo` must be None."""
        assert memo is None, "payments of one owner are not worth a memo"
        suite = StandIn(seeds.digest(world.seed, "stand-in"), "ed25519-list")
        self._meter = Meter()
        self._metered = Metered(suite, self._meter)
        self._suite = suite
        self._seeds = [seeds.digest(world.seed, "key", node) for node in range(len(world.units))]
        self.ids = tuple(NodeId(suite.key_pair(seed).public) for seed in self._seeds)
        self._genesis = Genesis(self.ids, world.units, ENDOWMENT)
        self._params = Params()
        self.codec = MessageCodec(Anything, CAP)
        self.oracle = EchoOracle(self._genesis, suite)
        self.name = f"signed echo broadcast (the simulator's example, not BAC); {suite.name}, costs charged"

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """As the subject's."""
        keys = self._metered.key_pair(self._seeds[index])
        return self.NODE(Construction(self._genesis, self._params, keys, random, records, store, self._metered))

    def transaction(self, ordinal: int, node: int, random: Random) -> Payment:
        """A small payment: no owner can spend all it has in one run."""
        return Payment(seeds.digest(ordinal, "payment", node), random.randrange(1, 1_000))

    def sign(self, node: int, data: bytes) -> bytes:
        """As the trial's."""
        return self._suite.key_pair(self._seeds[node]).sign(data)

    def charge_ns(self) -> int:
        """As the trial's."""
        return self._meter.take_ns()

    def tally(self) -> Mapping[str, int]:
        """As the trial's."""
        return {f"crypto: {kind}": count for kind, count in sorted(self._meter.counts.items())}
