"""What all nodes of one shard begin with: it follows from genesis, and one process may share it between many nodes.

Source: docs/spec/replica.md RP-16, RP-24.
"""

from __future__ import annotations

from dataclasses import dataclass

from bac.finality.epochs import Epoch, genesis_epoch
from bac.finality.machine import Remember
from bac.genesis import Genesis, GenesisShard, network_id
from bac.ledger.state import State, genesis_state
from bac.params import Params
from bac.proofs.electorate import Electorate
from bac.replica.drawing import draw_first
from bac.replica.standings import endow
from bac.types import Hash, NodeId


@dataclass(frozen=True, slots=True)
class Ground:
    """One shard at its beginning.

    Attributes:
        network: hash of genesis.
        shard: its part of genesis.
        members: identities, ascending.
        state: the first state.
        epoch: epoch 0.
        remember: shares execution, and what follows from it, between nodes; or None.
    """

    network: Hash
    shard: GenesisShard
    members: tuple[NodeId, ...]
    state: State
    epoch: Epoch
    remember: Remember | None = None


def lay(
    genesis: Genesis, shard: GenesisShard, params: Params, kind: type[Electorate] = Electorate,
    remember: Remember | None = None,
) -> Ground:  # fmt: skip
    """The ground of `shard`; `kind` is the type of electorates.

    Raises:
        ValueError: the first electorate does not qualify, or an epoch is longer than a proof's path may be.
    """
    state = endow(genesis_state(genesis, shard.shard), shard, params)
    drawn = draw_first(state, Hash(genesis.seed), shard.shard, shard.scheme, params)
    epoch = genesis_epoch(genesis, shard.shard, state.root, drawn, params, kind)
    members = tuple(member.identity for member in shard.members)
    return Ground(network_id(genesis), shard, members, state, epoch, remember)
