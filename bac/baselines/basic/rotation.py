"""Who votes and who leads without election: the voters of genesis, their endowed units, committees by hash of the seed.

Acknowledgement keys are those announced on chain, or else those of genesis, of which the last one stays in use.

Source: docs/spec/finality.md E6, E7.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import TypeAlias

from bac.finality.epochs import next_seed
from bac.finality.machine import Draw
from bac.genesis import GenesisShard
from bac.ledger.membership import candidates
from bac.ledger.records import Standing
from bac.ledger.state import State
from bac.params import Params
from bac.types import Hash, NodeId
from bac.wire.block import Elector, Leader

DrawFunction: TypeAlias = Callable[[State, int, Hash, tuple[NodeId, ...]], Draw]
"""(state after the last block of an epoch, that epoch, seed of the next, culprits proven in it) -> who follows."""

_ORDER = b"\x0cbac/rotation"


class Rotation:
    """The draw of basic BAC."""

    def __init__(self, shard: GenesisShard, params: Params) -> None:
        self._members = {member.identity: member for member in shard.members if member.endowment}
        self._params = params

    def __call__(self, state: State, epoch: int, seed: Hash, culprits: tuple[NodeId, ...]) -> Draw:
        """As `DrawFunction`; epoch -1 for the first."""
        following = epoch + 1
        gone: list[NodeId] = []
        electors: list[Elector] = []
        for each in candidates(state, max(following, 0), self._params):
            member = self._members.get(each.identity)
            if member is None:
                continue
            if each.standing is not Standing.PRESENT or each.is_expired:
                gone.append(each.identity)
            elif each.identity not in culprits:
                keys = member.acknowledgement_keys
                public = each.acknowledgement_key or keys[min(following, len(keys) - 1)].public
                electors.append(Elector(each.identity, public, member.endowment))
        return Draw(tuple(electors), order(electors, seed, self._params), next_seed(seed), culprits, tuple(gone))


def order(electors: list[Elector], seed: Hash, params: Params) -> tuple[Leader, ...]:
    """Leaders with equal weight, in the order of a hash of the seed and their identities."""
    ranked = sorted(electors, key=lambda each: sha256(_ORDER + seed + each.identity).digest())
    return tuple(Leader(each.identity, 1) for each in ranked[: params.max_leaders])
