"""Basic BAC in a world: nodes with stand-in cryptography, clients that pay each other, and what the checks ask.

Electorates change from epoch to epoch: units move, and honest vehicles leave and come back, while the dishonest keep
less than a third of each. Committees are drawn by hash, or made of attackers alone where the world says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from bac.baselines.basic.ground import Ground, lay
from bac.baselines.basic.machine import LedgerMachine, Post
from bac.baselines.basic.rotation import order
from bac.baselines.basic_bac import BasicBac
from bac.finality.epochs import Epoch, next_seed, succeed
from bac.finality.machine import Draw, Place
from bac.finality.newview import rank_of, units_of
from bac.finality.site import Block
from bac.ledger.block import Retirements
from bac.ledger.records import Standing
from bac.ledger.state import State
from bac.params import MINIMAL, SECOND, Params
from bac.proofs.electorate import Electorate
from bac.proofs.restart import is_restart
from bac.protocol import Protocol
from bac.sim import seeds
from bac.sim.attacks_ledger import Traitor, draw_deeds
from bac.sim.ledger_oracle import LedgerOracle
from bac.sim.ledger_trial import LedgerTrial
from bac.sim.memo import Memo
from bac.sim.world import World
from bac.types import Hash, NodeId, Units
from bac.wire.block import Elector, Leader
from bac.wire.codec import decode
from bac.wire.header import header_hash
from bac.wire.registry import tag_at, tag_of
from bac.wire.transactions import Mandate, Reconfigure
from bac.wire.votes import Certificate, NewView

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

UNIT: Final = 1000
CAPTURED_WEIGHT: Final = 1000
_CERTIFICATE_TAG: Final = tag_of(Certificate)

PARAMS: Final = replace(
    MINIMAL,
    event_max_us=SECOND // 16,
    min_total_units=1,
    acknowledgement_keys_ahead=4,
    view_timeout_us=2 * SECOND,
    view_timeout_max_us=32 * SECOND,
)
"""Short epochs and views: what costs T0 costs two seconds."""


class ChangingRotation:
    """The draw of the simulated shard: all from a hash of seed, epoch and identity."""

    def __init__(self, ids: Sequence[NodeId], world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> None:
        self._ids = ids
        self._units = dict(zip(ids, world.units, strict=True))
        self._keys = keys
        self._seed = world.seed
        self._dishonest = frozenset(ids[node] for node in range(len(ids)) if node not in world.honest)

    def __call__(self, state: State, epoch: int, seed: Hash, culprits: tuple[NodeId, ...]) -> Draw:
        """As basic BAC's `DrawFunction`."""
        following = epoch + 1
        gone = {*culprits, *(each for each, member in state.members() if member.standing is Standing.REMOVED)}
        electors = [self._elector(identity, following) for identity in sorted(self._ids) if identity not in gone]
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


class BasicOracle(LedgerOracle):
    """Judges basic BAC from outside."""

    def __init__(self, trial: Any) -> None:
        super().__init__(trial)
        self._machine = LedgerMachine(trial.ground, trial.params, self._verify, self.court.judge_item)

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
            epoch.electorate, epoch.seed, seed, _certificates(block), *_restart(block, epoch.electorate),
        )  # fmt: skip
        post = self._machine.execute(state.post, place, block.body.items)
        if header.boundary is not None:
            post = self._machine.conclude(post, place)
            removed = () if place.order is None else place.order.removed
            successors = succeed(epoch, self._machine.draw(post, epoch.number, seed), self._trial.params, removed)
            epoch = Epoch(
                epoch.number + 1, successors.electorate, successors.committee, seed, header, epoch.timeout_us, None
            )
            self._begin(epoch)
        return Known(post, epoch), post.ledger.root


def _certificates(block: Block) -> tuple[Certificate, ...]:
    """The certificate in a body that the header names, if there is one."""
    for item in block.body.items:
        if tag_at(item) == _CERTIFICATE_TAG and block.header.view == 0:
            certificate = decode(Certificate, item)
            if rank_of(certificate) == block.header.justify:
                return (certificate,)
    return ()


def _restart(block: Block, electorate: Electorate) -> tuple[Retirements | None, Reconfigure | None]:
    """On what grounds, and by which order, a block restarts the shard; (None, None) for another block."""
    if not is_restart(block.header):
        return None, None
    statements, mandate = block.body.items
    states = decode(NewView, statements).states
    order = decode(Reconfigure, decode(Mandate, mandate).order)
    retired = Units(sum(units_of(electorate, state) for state in states))
    return Retirements(order.retirements, retired, electorate.total_units), order


class BasicTrial(LedgerTrial):
    """The trial; also the factory of it: ``simulate(world, BasicTrial)``."""

    NAME = "basic BAC"
    UNIT = UNIT
    NODE: type[BasicBac] = BasicBac
    ORACLE: type[BasicOracle] = BasicOracle

    def make_deeds(self, world: World) -> Mapping[int, frozenset[str]]:
        """What attackers do, by node."""
        return draw_deeds(world)

    def make_params(self, world: World) -> Params:  # noqa: ARG002 (for those who vary it)
        """The parameters of the network."""
        return PARAMS

    def make_draw(self, world: World, keys: Mapping[NodeId, Sequence[bytes]]) -> Any:
        """Who follows whom."""
        return ChangingRotation(self.ids, world, keys)

    def lay_ground(self, world: World, kind: type[Electorate], memo: Memo | None) -> Ground:
        """As the base's."""
        shard = self.genesis_block.shards[0]
        keys = {member.identity: tuple(key.public for key in member.acknowledgement_keys) for member in shard.members}
        return lay(self.genesis_block, shard, self.params, self.make_draw(world, keys), kind, memo)

    def corrupt(self, honest: Any, deeds: frozenset[str], random: Random) -> Protocol:
        """As the base's."""
        return Traitor(honest, deeds, random)
