"""What the trials of all engines share that confirm blocks by finality: keys, genesis, clients' payments, costs.

Cryptography is the stand-in; with a memo, in measurements, pure answers are shared between nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bac.crypto.keys import NodeSecrets
from bac.crypto.metered import Meter, Metered
from bac.crypto.standin import StandIn, StandInKeyPair
from bac.genesis import Genesis, make_genesis, make_member, make_shard, network_id, suggest_scheme
from bac.params import Params
from bac.proofs.electorate import Electorate
from bac.protocol import Construction, Persist, Protocol, Store
from bac.sim import seeds
from bac.sim.ledger_oracle import SHARD, LedgerOracle
from bac.sim.memo import Memo
from bac.sim.shared import SharedElectorate, SharedSuite
from bac.sim.world import World
from bac.types import Micros, NodeId, Units
from bac.wire.codec import encode
from bac.wire.registry import decode_message
from bac.wire.transactions import (
    AuthorityOrder,
    DecodedTransaction,
    Operation,
    Order,
    SignedTransaction,
    Transaction,
    Transfer,
    VerifiedTransaction,
    decode_transaction,
    order_preimage,
    transaction_preimage,
)

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

COINS: Final = 10**12
FEE: Final = 20_000
FOREVER: Final = Micros(2**60)

_codec: Final = msgspec.msgpack.Encoder()


class Codec:
    """As the simulator's: everything that such an engine sends, commits, accuses with or is given."""

    def encode(self, value: Any) -> bytes:
        """The bytes; a transaction's are those that its client sent."""
        return _codec.encode(value.signed if isinstance(value, DecodedTransaction) else value)

    def decode(self, data: bytes) -> Any:
        """The message. Raises Rejected."""
        return decode_message(data)


class LedgerTrial:
    """Base of the trials; a subclass names itself, its parameters and its nodes, and lays the ground.

    Attributes:
        UNIT: voting units for each unit of the world, so that shares can move.
        params, suite, genesis_block, network: of the shard.
        ids: identity of each node.
        oracle: of the run.
    """

    NAME: str
    UNIT: int
    NODE: Any
    ORACLE: Callable[[Any], LedgerOracle]

    def __init__(self, world: World, memo: Memo | None = None) -> None:
        self.world = world
        self.params = self.make_params(world)
        self.suite = self.make_suite(world)
        self._meter = Meter()
        self._metered: Any = Metered(self.suite, self._meter) if memo is None else SharedSuite(self.suite)
        self._secrets = [
            NodeSecrets.from_root(seeds.digest(world.seed, "key", node)) for node in range(len(world.units))
        ]
        self._pairs = [self.suite.key_pair(secrets.signing) for secrets in self._secrets]
        self.ids = tuple(NodeId(pair.public) for pair in self._pairs)
        self._accounts = self.make_accounts(world)
        self._authority = self.suite.key_pair(seeds.digest(world.seed, "authority"))
        self.genesis_block = self._make_genesis(world)
        self.network = network_id(self.genesis_block)
        kind = self.NODE.ELECTORATE if memo is None else SharedElectorate
        self.ground: Any = self.lay_ground(world, kind, memo)
        self._deeds = self.make_deeds(world)
        self._nonces = [0] * len(world.units)
        self.codec = Codec()
        self.oracle = self.ORACLE(self)
        costs = "costs charged" if memo is None else "each answer computed once for all, no costs"
        self.name = f"{self.NAME}; {self.suite.name}, {costs}"

    # ------------------------------------------------------------ what subclasses say

    def make_params(self, world: World) -> Params:
        """The parameters of the network."""
        raise NotImplementedError

    def make_suite(self, world: World) -> StandIn:
        """The cryptography."""
        scheme = suggest_scheme(len(world.units), self.params)
        return StandIn(seeds.digest(world.seed, "stand-in"), scheme.suite_name)

    def make_accounts(self, world: World) -> list[StandInKeyPair]:  # noqa: ARG002 (for those who vary it)
        """The keys that clients of each node pay with: here those of the node itself."""
        return self._pairs

    def make_members(self, world: World) -> tuple[int, ...]:
        """The nodes that genesis registers."""
        return tuple(range(len(world.units)))

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        """What attackers do, by node."""
        raise NotImplementedError

    def lay_ground(self, world: World, kind: type[Electorate], memo: Memo | None) -> Any:
        """What all nodes begin with."""
        raise NotImplementedError

    def corrupt(self, honest: Any, deeds: frozenset[str], random: Random) -> Protocol:
        """The traitor behind whom `honest` works."""
        raise NotImplementedError

    # ------------------------------------------------------------ the shard

    def _make_genesis(self, world: World) -> Genesis:
        epochs = self.params.acknowledgement_keys_ahead
        members = [
            make_member(
                self._secrets[node], self.suite, epochs, not_after=FOREVER,
                endowment=Units(world.units[node] * self.UNIT),
            )
            for node in self.make_members(world)
        ]  # fmt: skip
        balances = [(NodeId(public), COINS) for public in dict.fromkeys(
            pair.public for pair in (*self._pairs, *self._accounts)
        )]  # fmt: skip
        shard = make_shard(SHARD, suggest_scheme(len(world.units), self.params), members, balances)
        seed = seeds.digest(world.seed, "genesis")
        return make_genesis(self.params, [shard], authority=self._authority.public, time_us=Micros(0), seed=seed)

    def construct(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Any:
        """The honest object of node `index`."""
        construction = Construction(
            self.genesis_block, self.params, self._secrets[index], random, records, store, self._metered
        )
        return self.NODE(construction, self.ground)

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """As the subject's."""
        honest: Protocol = self.construct(index, random, records, store)
        deeds = self._deeds.get(index)
        return honest if deeds is None else self.corrupt(honest, deeds, seeds.branch(random))

    def transaction(self, ordinal: int, node: int, random: Random) -> VerifiedTransaction:
        """The next payment of a client of `node` to another node."""
        pair = self._accounts[node]
        recipient = random.choice([identity for identity in self.ids if identity != pair.public])
        return self.ask(node, FEE + ordinal, Transfer(recipient, random.randrange(1, 1000)))

    def ask(self, node: int, fee: int, operation: Operation) -> VerifiedTransaction:
        """The next transaction of a client of `node`."""
        nonce = self._nonces[node]
        self._nonces[node] += 1
        return self.sign_transaction(self._accounts[node], nonce, fee, operation)

    def sign_transaction(self, pair: StandInKeyPair, nonce: int, fee: int, operation: Operation) -> VerifiedTransaction:
        """A transaction of the account of `pair`."""
        content = encode(
            Transaction(self.network, SHARD, NodeId(pair.public), pair.public, nonce, fee, FOREVER, operation)
        )
        signature = pair.sign(transaction_preimage(self.network, SHARD, content))
        return VerifiedTransaction(decode_transaction(encode(SignedTransaction(content, signature))))

    def call(self, order: AuthorityOrder, signer: StandInKeyPair | None = None) -> VerifiedTransaction:
        """What brings in an order that no ledger executes; by the authority's hand, unless told otherwise."""
        data = encode(order)
        pair = self._authority if signer is None else signer
        signed = Order(data, pair.sign(order_preimage(self.network, SHARD, data)))
        return self.sign_transaction(self._pairs[0], 0, 0, signed)

    # ------------------------------------------------------------ as the trial's

    def sign(self, node: int, data: bytes) -> bytes:
        """As the trial's."""
        return self._pairs[node].sign(data)

    def tally(self) -> Mapping[str, int]:
        """As the trial's: the calls of cryptography."""
        return {f"crypto: {kind}": count for kind, count in sorted(self._meter.counts.items())}

    def charge_ns(self) -> int:
        """As the trial's."""
        return self._meter.take_ns()
