"""Basic BAC in a world: nodes with stand-in cryptography, clients that pay each other, and what the checks ask.

Electorates change from epoch to epoch: units move, and honest vehicles leave and come back, while the dishonest keep
less than a third of each. Committees are drawn by hash, or made of attackers alone where the world says so.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from bac.baselines.basic.ground import lay
from bac.baselines.basic.machine import LedgerMachine, Post
from bac.baselines.basic.rotation import order
from bac.baselines.basic_bac import BasicBac
from bac.crypto.keys import NodeSecrets
from bac.crypto.metered import Meter, Metered
from bac.crypto.standin import StandIn
from bac.errors import Rejected
from bac.finality.epochs import Epoch, next_seed, succeed
from bac.finality.evidence import Court, incriminate
from bac.finality.machine import Draw, Place
from bac.finality.newview import rank_of
from bac.finality.site import Block
from bac.finality.validity import fits, tag_at
from bac.genesis import Genesis, make_genesis, make_member, make_shard, network_id, suggest_scheme
from bac.intake import Intake
from bac.ledger.audit import audit
from bac.ledger.state import State
from bac.ledger.verifications import Verifications
from bac.params import MINIMAL, SECOND, Params
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.protocol import Construction, Persist, Protocol, Store
from bac.sim import seeds
from bac.sim.attacks_basic import Traitor, draw_deeds
from bac.sim.facts import Committed
from bac.sim.memo import Memo
from bac.sim.oracle import BlockFacts
from bac.sim.shared import SharedElectorate, SharedSuite
from bac.sim.world import World
from bac.types import Hash, Micros, NodeId, Units
from bac.wire.block import ConfirmationProof, Elector, Envelope, Leader
from bac.wire.codec import decode, encode
from bac.wire.header import header_hash
from bac.wire.registry import decode_message, tag_of
from bac.wire.transactions import (
    DecodedTransaction,
    SignedTransaction,
    Transaction,
    Transfer,
    VerifiedTransaction,
    decode_transaction,
    transaction_preimage,
)
from bac.wire.votes import Acknowledgement, Certificate, NewView, StateAnnouncement

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

SHARD: Final = 0
COINS: Final = 10**12
UNIT: Final = 1000
"""Voting units for each unit of the world, so that shares can move."""
CAPTURED_WEIGHT: Final = 1000
FOREVER: Final = Micros(2**60)
_TRANSACTION_TAG: Final = tag_of(SignedTransaction)
_NEW_VIEW_TAG: Final = tag_of(NewView)
_CERTIFICATE_TAG: Final = tag_of(Certificate)

PARAMS: Final = replace(
    MINIMAL,
    min_total_units=1,
    acknowledgement_keys_ahead=4,
    view_timeout_us=2 * SECOND,
    view_timeout_max_us=32 * SECOND,
)
"""Short epochs and views: what costs T0 costs two seconds."""

_codec: Final = msgspec.msgpack.Encoder()


class Codec:
    """As the simulator's: everything that basic BAC sends, commits, accuses with or is given."""

    def encode(self, value: Any) -> bytes:
        """The bytes; a transaction's are those that its client sent."""
        return _codec.encode(value.signed if isinstance(value, DecodedTransaction) else value)

    def decode(self, data: bytes) -> Any:
        """The message. Raises Rejected."""
        return decode_message(data)


class ChangingRotation:
    """The draw of the simulated shard: all from a hash of seed, epoch and identity."""

    def __init__(self, ids: Sequence[NodeId], world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> None:
        self._ids = ids
        self._units = dict(zip(ids, world.units, strict=True))
        self._keys = keys
        self._seed = world.seed
        self._dishonest = frozenset(ids[node] for node in range(len(ids)) if node not in world.honest)

    def __call__(self, state: State, epoch: int, seed: Hash, culprits: tuple[NodeId, ...]) -> Draw:  # noqa: ARG002
        """As basic BAC's `DrawFunction`."""
        following = epoch + 1
        electors = [self._elector(identity, following) for identity in sorted(self._ids) if identity not in culprits]
        present = self._bounded([each for each in electors if each.units])
        committee = self._committee(present, seed, following)
        return Draw(tuple(present), committee, next_seed(seed), culprits)

    def _committee(self, present: list[Elector], seed: Hash, epoch: int) -> tuple[Leader, ...]:
        """By hash; in a quarter of the epochs a dishonest primary, in another one that outweighs all others."""
        drawn = order(present, seed, PARAMS)
        dishonest = [each.identity for each in present if each.identity in self._dishonest]
        mode = seeds.digest(self._seed, "mode", epoch)
        if not dishonest or mode[0] >= 128:
            return drawn
        primary = dishonest[mode[1] % len(dishonest)]
        others = [leader for leader in drawn if leader.identity != primary][: PARAMS.max_leaders - 1]
        return (Leader(primary, CAPTURED_WEIGHT if mode[0] < 64 else 1), *others)

    def _elector(self, identity: NodeId, epoch: int) -> Elector:
        draw = seeds.digest(self._seed, "units", epoch, identity.hex())
        is_away = draw[0] < 40 and epoch > 0 and identity not in self._dishonest
        share = 256 if epoch == 0 else 192 + draw[1] // 2
        units = 0 if is_away else self._units[identity] * UNIT * share // 256
        keys = self._keys[identity]
        return Elector(identity, keys[min(epoch, len(keys) - 1)], Units(units))

    def _bounded(self, electors: list[Elector]) -> list[Elector]:
        """Less dishonest ones, until they hold less than a third."""
        kept = list(electors)
        while 3 * sum(each.units for each in kept if each.identity in self._dishonest) >= sum(
            each.units for each in kept
        ):
            if not any(each.identity in self._dishonest for each in kept):
                break
            kept.remove(next(each for each in kept if each.identity in self._dishonest))
        return kept


@dataclass(frozen=True, slots=True)
class Known:
    """The oracle's state: after a block, and the epoch of the next."""

    post: Post
    epoch: Epoch


class BasicOracle:
    """Judges basic BAC from outside: executes confirmed bodies anew, with the electorates that follow from them."""

    def __init__(self, trial: BasicTrial) -> None:
        self._trial = trial
        suite = trial.suite
        self.scope = Scope(trial.network, SHARD, suite.quorum)
        intake = Intake(trial.network, SHARD, trial.genesis_block.authority, suite, lambda each: each)
        self.epochs: dict[int, Epoch] = {}
        self._starts: list[tuple[int, Epoch]] = []
        self.court = Court(self.scope, suite, self._electorate)
        self._machine = LedgerMachine(trial.ground, trial.params, Verifications(intake), self.court.judge_item)
        self._first = trial.ground.epoch
        self._begin(self._first)

    def _begin(self, epoch: Epoch) -> None:
        if epoch.number not in self.epochs:
            self.epochs[epoch.number] = epoch
            self._starts.append((epoch.base.height, epoch))

    def _electorate(self, epoch: int) -> Electorate | None:
        known = self.epochs.get(epoch)
        return None if known is None else known.electorate

    def block(self, block: Block) -> BlockFacts:
        """As the oracle's."""
        header = block.header
        ids = tuple(decode_transaction(item).id for item in block.body.items if tag_at(item) == _TRANSACTION_TAG)
        return BlockFacts(header.shard, header.height, header_hash(header), header.parent, header.state_root, ids)

    def is_proven(self, block: Block, proof: ConfirmationProof) -> bool:
        """As the oracle's."""
        electorate = self._electorate(block.header.epoch)
        if electorate is None:
            return False
        try:
            shown = self._trial.NODE.RULES.verify(proof, block.header.epoch, electorate, self.scope)
        except Rejected:
            return False
        return shown == block.header and fits(block.header, block.body)

    def genesis(self, shard: int) -> tuple[bytes, Any]:  # noqa: ARG002 (there is one)
        """As the oracle's."""
        return header_hash(self._first.base), Known(self._machine.genesis(), self._first)

    def execute(self, state: Known, block: Block) -> tuple[Any, bytes]:
        """As the oracle's."""
        header, epoch = block.header, state.epoch
        assert epoch.base.boundary is not None, "an epoch begins with a boundary"
        seed = epoch.base.boundary.seed
        place = Place(
            header.epoch, header.view, header.height, header.time_us, header.parent, epoch.committee,
            epoch.electorate, epoch.seed, seed, _certificates(block),
        )  # fmt: skip
        post = self._machine.execute(state.post, place, block.body.items)
        if header.boundary is not None:
            post = self._machine.conclude(post, place)
            successors = succeed(epoch, self._machine.draw(post, epoch.number, seed), self._trial.params)
            epoch = Epoch(
                epoch.number + 1, successors.electorate, successors.committee, seed, header, epoch.timeout_us, None
            )
            self._begin(epoch)
        return Known(post, epoch), post.ledger.root

    def imbalance(self, states: Mapping[int, Known]) -> str | None:
        """As the oracle's: the whole state recounted."""
        for _, known in sorted(states.items()):
            wrong = audit(known.post.ledger)
            if wrong:
                return wrong[0]
        return None

    def units(self, shard: int, height: int) -> Mapping[NodeId, int]:  # noqa: ARG002 (there is one)
        """As the oracle's."""
        epoch = next((epoch for start, epoch in reversed(self._starts) if start < height), self._first)
        return {member.identity: member.units for member in epoch.electorate.members}

    def culprits(self, evidence: Any) -> tuple[NodeId, ...]:
        """As the oracle's."""
        return self.court.culprits(evidence)

    def incriminate(self, first: Committed, second: Committed) -> Iterable[Any]:
        """As the oracle's."""
        return incriminate(SHARD, (first.proof, _new_view(first.block)), (second.proof, _new_view(second.block)))

    def promises(self, sender: NodeId, message: Any) -> Iterable[tuple[Hashable, Hashable]]:
        """As the oracle's: one acknowledgement per view and height, one state per view, one header per height."""
        match message:
            case Acknowledgement() if message.voter == sender:
                ballot = message.ballot
                yield ("acknowledgement", ballot.epoch, ballot.view, ballot.height), ballot.header_hash
            case StateAnnouncement() if message.state.identity == sender:
                yield ("state", message.state.epoch, message.state.view), encode(message.state)
            case Envelope() if any(each.leader == sender for each in message.signatures):
                header = message.header
                yield ("header", header.epoch, header.view, header.height), header_hash(header)
            case _:
                return

    def confirmed(self, protocol: Protocol) -> Mapping[int, tuple[int, bytes]]:
        """As the oracle's."""
        assert isinstance(protocol, BasicBac), "only honest nodes are asked"
        return {SHARD: protocol.finality.confirmed()}

    def transaction_id(self, transaction: VerifiedTransaction) -> bytes:
        """As the oracle's."""
        return transaction.id


def _certificates(block: Block) -> tuple[Certificate, ...]:
    """The certificate in a body that the header names, if there is one."""
    for item in block.body.items:
        if tag_at(item) == _CERTIFICATE_TAG and block.header.view == 0:
            certificate = decode(Certificate, item)
            if rank_of(certificate) == block.header.justify:
                return (certificate,)
    return ()


def _new_view(block: Block) -> NewView | None:
    if not block.body.items or tag_at(block.body.items[0]) != _NEW_VIEW_TAG:
        return None
    return decode(NewView, block.body.items[0])


class BasicTrial:
    """The trial; also the factory of it: ``simulate(world, BasicTrial)``."""

    NODE: type[BasicBac] = BasicBac
    ORACLE: type[BasicOracle] = BasicOracle

    def __init__(self, world: World, memo: Memo | None = None) -> None:
        self.params = self.make_params(world)
        scheme = suggest_scheme(len(world.units), self.params)
        self.suite = StandIn(seeds.digest(world.seed, "stand-in"), scheme.suite_name)
        self._meter = Meter()
        self._metered: Any = Metered(self.suite, self._meter) if memo is None else SharedSuite(self.suite)
        kind = self.NODE.ELECTORATE if memo is None else SharedElectorate
        self._secrets = [
            NodeSecrets.from_root(seeds.digest(world.seed, "key", node)) for node in range(len(world.units))
        ]
        self._pairs = [self.suite.key_pair(secrets.signing) for secrets in self._secrets]
        self.ids = tuple(NodeId(pair.public) for pair in self._pairs)
        self.genesis_block = self._make_genesis(world)
        self.network = network_id(self.genesis_block)
        keys = {
            member.identity: tuple(key.public for key in member.acknowledgement_keys)
            for member in self.genesis_block.shards[0].members
        }
        draw = self.make_draw(world, keys)
        shard = self.genesis_block.shards[0]
        self.ground = lay(self.genesis_block, shard, self.params, draw, kind, memo)
        self._deeds = self.make_deeds(world)
        self._nonces = [0] * len(world.units)
        self.codec = Codec()
        self.oracle = self.ORACLE(self)
        costs = "costs charged" if memo is None else "each answer computed once for all, no costs"
        self.name = f"basic BAC; {self.suite.name}, {costs}"

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        """What attackers do, by node."""
        return draw_deeds(world)

    def make_params(self, world: World) -> Params:  # noqa: ARG002 (for those who vary it)
        """The parameters of the network."""
        return PARAMS

    def make_draw(self, world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> Any:
        """Who follows whom."""
        return ChangingRotation(self.ids, world, keys)

    def _make_genesis(self, world: World) -> Genesis:
        epochs = self.params.acknowledgement_keys_ahead
        members = [
            make_member(secrets, self.suite, epochs, not_after=FOREVER, endowment=Units(units * UNIT))
            for secrets, units in zip(self._secrets, world.units, strict=True)
        ]
        balances = [(identity, COINS) for identity in self.ids]
        shard = make_shard(SHARD, suggest_scheme(len(world.units), self.params), members, balances)
        authority = self.suite.key_pair(seeds.digest(world.seed, "authority")).public
        seed = seeds.digest(world.seed, "genesis")
        return make_genesis(self.params, [shard], authority=authority, time_us=Micros(0), seed=seed)

    def node(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Protocol:
        """As the subject's."""
        construction = Construction(
            self.genesis_block, self.params, self._secrets[index], random, records, store, self._metered
        )
        honest = self.NODE(construction, self.ground)
        deeds = self._deeds.get(index)
        return honest if deeds is None else Traitor(honest, deeds, seeds.branch(random))

    def transaction(self, ordinal: int, node: int, random: Random) -> VerifiedTransaction:
        """The next payment of `node` to another."""
        pair = self._pairs[node]
        recipient = random.choice([identity for identity in self.ids if identity != pair.public])
        nonce = self._nonces[node]
        self._nonces[node] += 1
        content = encode(
            Transaction(
                self.network, SHARD, NodeId(pair.public), pair.public, nonce, 20_000 + ordinal, FOREVER,
                Transfer(recipient, random.randrange(1, 1000)),
            )
        )  # fmt: skip
        signature = pair.sign(transaction_preimage(self.network, SHARD, content))
        return VerifiedTransaction(decode_transaction(encode(SignedTransaction(content, signature))))

    def sign(self, node: int, data: bytes) -> bytes:
        """As the trial's."""
        return self._pairs[node].sign(data)

    def tally(self) -> Mapping[str, int]:
        """As the trial's: the calls of cryptography."""
        return {f"crypto: {kind}": count for kind, count in sorted(self._meter.counts.items())}

    def charge_ns(self) -> int:
        """As the trial's."""
        return self._meter.take_ns()
