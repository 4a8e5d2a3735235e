"""BAC 2.0 in a world: nodes with stand-in cryptography, clients that pay each other, and what the checks ask.

Units move by the duties done, committees are elected. A dishonest committee is a matter of luck, which the world may
give: the stand-in for the random function is rigged in some epochs, so that attackers win what they claim and the
honest win nothing, or so that the first leader is an attacker. All else takes its ordinary way: claims, lists, weights.
Vehicles that genesis does not know are admitted by the authority, others leave and come back.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bac.crypto.standin import StandIn
from bac.finality.chain import Link, Verdict
from bac.finality.epochs import Epoch, Successors, qualifies, seat
from bac.finality.evidence import Court
from bac.finality.site import Block
from bac.finality.validity import Validity, apply
from bac.genesis import NO_CREDENTIAL
from bac.params import MINIMAL, SECOND, Params
from bac.proofs.electorate import Electorate
from bac.protocol import Construction, Persist, Protocol, Store
from bac.replica.ground import Ground, lay
from bac.replica.machine import Post, ReplicaMachine
from bac.replica.replica import Replica
from bac.sim import seeds
from bac.sim.attacks_ledger import draw_deeds
from bac.sim.attacks_replica import DEEDS, Conspirator, Saboteur
from bac.sim.elections import Ballots
from bac.sim.faults import Crash
from bac.sim.journeys import Journeys, Traveller, draw_journeys
from bac.sim.ledger_oracle import SHARD, LedgerOracle
from bac.sim.ledger_trial import FEE, FOREVER, LedgerTrial
from bac.sim.memo import Memo
from bac.sim.world import World, draw
from bac.types import Micros, NodeId
from bac.wire.block import Leader
from bac.wire.codec import encode
from bac.wire.event import event_id
from bac.wire.header import header_hash
from bac.wire.sync import EventBatch
from bac.wire.transactions import (
    Admit,
    AuthorityOrder,
    Kind,
    Leave,
    Order,
    Renew,
    VerifiedTransaction,
    order_preimage,
)
from election.seed import Role, sortition_input

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

UNIT: Final = 1 << 12

PARAMS: Final = replace(
    MINIMAL,
    max_leaders=6,
    epoch_rounds=12,
    epoch_grace_rounds=6,
    seed_rounds=6,
    event_max_us=SECOND // 4,
    epoch_us=9 * SECOND,
    view_timeout_us=3 * SECOND,
    view_timeout_max_us=48 * SECOND,
)
"""Short epochs and views: what costs T0 costs three seconds."""


PATIENCE_US: Final = 400 * SECOND
"""A recovery view lasts up to 48 s here, and several in a row may have dishonest proposers."""


def draw_world(seed: int) -> World:
    """The world of a seed, with patience. Units follow duties here, so the dishonest must be few by number, too."""
    world = draw(seed)
    nodes = len(world.units)
    dishonest = [node for node in range(nodes) if node not in world.honest]
    kept = dishonest[: (nodes - 1) // 3]
    faults = tuple(
        replace(fault, with_disk=fault.with_disk or fault.node not in kept) if isinstance(fault, Crash) else fault
        for fault in world.faults
    )
    attacks = tuple(each for each in world.attacks if each[0] in kept)
    return replace(world, attacks=attacks, faults=faults, patience_us=PATIENCE_US)


class RiggedStandIn(StandIn):
    """A stand-in whose random function favours some keys in some epochs."""

    def rig(self, seed: int, favoured: Iterable[bytes]) -> None:
        """`favoured` are public keys of the random function; `seed` is the world's."""
        self._seed = seed
        self.favoured = frozenset(favoured)

    def mode(self, epoch: int) -> int:
        """What happens in the draw for `epoch`: 2 captured, 1 a favoured primary, 0 nothing."""
        drawn = seeds.digest(self._seed, "mode", epoch)[0]
        return 0 if not self.favoured or drawn >= 128 else 1 if drawn >= 64 else 2

    def vrf_output(self, public: bytes, alpha: bytes, proof: bytes) -> bytes | None:
        """As the base's, but for luck."""
        beta = super().vrf_output(public, alpha, proof)
        mode = 0 if beta is None or not _is_draw(alpha) else self.mode(int.from_bytes(alpha[-8:], "big"))
        if beta is None or mode == 0 or (mode == 1 and alpha[48] != Role.PRIMARY):
            return beta
        return (b"\xff" if public in self.favoured else b"\x00") * 8 + beta[8:]


_DRAW: Final = sortition_input(bytes(32), Role.PRIMARY, b"\0", 0)[:16]


def _is_draw(alpha: bytes) -> bool:
    return alpha[:16] == _DRAW


@dataclass(frozen=True, slots=True)
class Known:
    """The oracle's state: the last block, what judges the next, what the epoch's bodies elect, what is wrong."""

    link: Link
    validity: Validity
    epoch: Epoch
    ballots: Ballots
    fault: str | None = None

    @property
    def post(self) -> Post:
        """The state after the last block."""
        post: Post = self.link.state
        return post


class ReplicaOracle(LedgerOracle):
    """Judges BAC 2.0 from outside: derives each confirmed header anew from its body, and each committee."""

    def __init__(self, trial: ReplicaTrial) -> None:
        self._machine = ReplicaMachine(
            trial.ground, trial.params, trial.suite, self._judge_transaction, self._electorate
        )
        super().__init__(trial)

    def _judge_transaction(self, item: bytes) -> VerifiedTransaction:
        return self._verify(item)

    def _make_court(self) -> Court:
        return self._machine.court(0, self._trial.ground.epoch.electorate, self._trial.ground.state)

    def genesis(self, shard: int) -> tuple[bytes, Any]:  # noqa: ARG002 (there is one)
        """As the oracle's."""
        return header_hash(self._first.base), self._known(self._first, self._machine.genesis())

    def _known(self, epoch: Epoch, post: Post, fault: str | None = None) -> Known:
        trial = self._trial
        link = Link(epoch.base, header_hash(epoch.base), state=post, verdict=Verdict.VALID)
        validity = Validity(epoch, self.scope, trial.params, self._machine, self._intake)
        ballots = Ballots(epoch, post.ledger, SHARD, trial.suite, trial.params, trial.network)
        return Known(link, validity, epoch, ballots, fault)

    def execute(self, state: Known, block: Block) -> tuple[Any, bytes]:
        """As the oracle's; the root is empty where the header does not follow from the body."""
        link = Link(block.header, header_hash(block.header), parent=state.link, body=block.body)
        derived = state.validity.judge(link)
        apply(link, derived)
        if derived is None:
            return replace(state, link=link), b""
        state.ballots.add(block.body.items)
        known = replace(state, link=link)
        if derived.successors is not None:
            epoch = self._next(state.epoch, link, derived.successors)
            known = self._known(epoch, known.post, self._fault(state, link, epoch))
        return known, derived.header.state_root

    def _next(self, epoch: Epoch, last: Link, successors: Successors) -> Epoch:
        assert epoch.base.boundary is not None, "an epoch begins with a boundary"
        found = Epoch(
            epoch.number + 1, successors.electorate, successors.committee, epoch.base.boundary.seed, last.header,
            epoch.timeout_us, None,
        )  # fmt: skip
        self._begin(found)
        return found

    def _fault(self, state: Known, last: Link, epoch: Epoch) -> str | None:
        """What is wrong with the committee of `epoch`, which begins after the block `last`."""
        post: Post = last.state
        assert post.draw is not None, "the epoch was concluded"
        drawn = Electorate(post.draw.electors) if post.draw.electors else None
        if drawn is None or not qualifies(drawn, self._trial.params):
            return None
        elected = tuple(
            Leader(NodeId(each), weight) for each, weight in state.ballots.committee(post.draw, last.header)
        )
        if seat(elected, epoch.electorate, self._trial.params) == epoch.committee:
            return None
        return f"the committee of epoch {epoch.number} is not the one that the bodies elect"

    def imbalance(self, states: Mapping[int, Known]) -> str | None:
        """As the base's; here also whether the committee is the one elected."""
        return states[SHARD].fault or super().imbalance(states)

    def promises(self, sender: NodeId, message: Any) -> Iterable[tuple[Hashable, Hashable]]:
        """As the base's; and one event on each own event."""
        if isinstance(message, EventBatch):
            for event in message.events:
                header = event.header
                if header.creator == sender:
                    yield ("event", header.epoch, header.boundary, header.self_parent), event_id(header)
        else:
            yield from super().promises(sender, message)

    def outvoted(self, dishonest: Iterable[NodeId]) -> list[int]:
        """Epochs in whose electorate `dishonest` hold a third or more: nothing is promised of them."""
        return [epoch.number for _, epoch in self._starts if self._share(epoch, frozenset(dishonest)) >= 1]

    def _share(self, epoch: Epoch, dishonest: frozenset[NodeId]) -> int:
        held = sum(each.units for each in epoch.electorate.members if each.identity in dishonest)
        return 3 * held // epoch.electorate.total_units


class ReplicaTrial(LedgerTrial):
    """The trial; also the factory of it: ``simulate(world, ReplicaTrial)``."""

    NAME = "BAC 2.0"
    UNIT = UNIT
    SUITE: type[RiggedStandIn] = RiggedStandIn
    NODE: type[Replica] = Replica
    ORACLE: type[ReplicaOracle] = ReplicaOracle
    oracle: ReplicaOracle

    def make_params(self, world: World) -> Params:  # noqa: ARG002 (for those who vary it)
        """As the base's."""
        return PARAMS

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        """As the base's."""
        return draw_deeds(world, DEEDS)

    def make_journeys(self, world: World) -> Journeys:
        """Who comes and goes."""
        return draw_journeys(world)

    def make_members(self, world: World) -> tuple[int, ...]:
        """As the base's: all but the newcomers."""
        self._journeys = self.make_journeys(world)
        return tuple(node for node in range(len(world.units)) if node not in self._journeys.newcomers)

    def make_accounts(self, world: World) -> list[Any]:
        """Clients have accounts of their own: a member's nonces are its own business."""
        return [self.suite.key_pair(seeds.digest(world.seed, "client", node)) for node in range(len(world.units))]

    def make_suite(self, world: World) -> StandIn:
        """As the base's; rigged in favour of the dishonest."""
        plain = super().make_suite(world)
        suite = self.SUITE(seeds.digest(world.seed, "stand-in"), plain.quorum.name)
        suite.rig(world.seed, ())
        return suite

    def lay_ground(self, world: World, kind: type[Electorate], memo: Memo | None) -> Ground:
        """As the base's."""
        assert isinstance(self.suite, RiggedStandIn), "made here"
        self.suite.rig(world.seed, self._vrf_keys(self.dishonest(world)))
        return lay(self.genesis_block, self.genesis_block.shards[0], self.params, kind, memo)

    def _vrf_keys(self, nodes: Iterable[int]) -> Iterator[bytes]:
        return (self.suite.vrf_key_pair(self._secrets[node].vrf).public for node in nodes)

    def dishonest(self, world: World) -> tuple[int, ...]:
        """The nodes that owe nothing."""
        return tuple(node for node in range(len(world.units)) if node not in world.honest)

    def construct(self, index: int, random: Random, records: tuple[Persist, ...], store: Store) -> Replica:
        """As the base's: a saboteur, a traveller, or just a node."""
        construction = Construction(
            self.genesis_block, self.params, self._secrets[index], random, records, store, self._metered
        )
        if index in self._deeds:
            saboteur = Saboteur(construction, self.ground)
            saboteur.deeds, saboteur.chance = self._deeds[index], seeds.branch(random)
            saboteur.gang = frozenset(self.ids[node] for node in self.dishonest(self.world))
            return saboteur
        if index in self._journeys.departures:
            traveller = Traveller(construction, self.ground)
            traveller.departs_us, is_for_good = self._journeys.departures[index]
            if is_for_good:
                traveller.leave = lambda nonce: self.sign_transaction(self._pairs[index], nonce, FEE, Leave())
            return traveller
        return self.NODE(construction, self.ground)

    def corrupt(self, honest: Any, deeds: frozenset[str], random: Random) -> Protocol:
        """As the base's."""
        gang = {self.ids[node]: self._pairs[node] for node in self.dishonest(self.world)}
        return Conspirator(honest, deeds, random, gang)

    def transaction(self, ordinal: int, node: int, random: Random) -> VerifiedTransaction:
        """As the base's; or an order of the authority's, which somebody has to bring in."""
        payment = super().transaction(ordinal, node, random)
        if ordinal not in self._journeys.orders:
            return payment
        content = payment.transaction
        order = encode(self._order(self._journeys.orders[ordinal]))
        operation = Order(order, self._authority.sign(order_preimage(self.network, SHARD, order)))
        return self.sign_transaction(self._accounts[node], content.nonce, content.fee, operation)

    def _order(self, node: int) -> AuthorityOrder:
        identity, (vrf,) = self.ids[node], self._vrf_keys((node,))
        if node in self._journeys.newcomers:
            return Admit(identity, Kind.VEHICLE, vrf, FOREVER, NO_CREDENTIAL)
        return Renew(identity, identity, vrf, Micros(FOREVER + 1), NO_CREDENTIAL)  # a renewal ends later

    def tally(self) -> Mapping[str, int]:
        """As the base's; and what became of the epochs."""
        outvoted = self.oracle.outvoted(self.ids[node] for node in self.dishonest(self.world))
        return {**super().tally(), "epochs": len(self.oracle.epochs), "outvoted": len(outvoted)}
