"""The shards that are searched through, and which mutant each of them must expose."""

from __future__ import annotations

from dataclasses import dataclass

from tests.model import mutants
from tests.model.headers import Electorate, Shard
from tests.model.rules import Rules

ONE_EPOCH = ((Electorate((1, 1, 1), 1),),)  # three honest of four
ROTATION = ((Electorate((1, 1, 1, 0, 0), 1),), (Electorate((1, 0, 0, 1, 1), 1),))  # two leave, two come
RIVALS = (  # which of them votes next depends on which of two boundaries ends the epoch
    (Electorate((1, 1, 1, 0), 1),),
    (Electorate((0, 1, 1, 1), 1), Electorate((1, 1, 0, 2), 1)),
)
SEVEN = ((Electorate((1, 1, 1, 1, 1), 2),),)


@dataclass(frozen=True, slots=True)
class Search:
    """A shard, and within how many states the rules must hold and the mutants fall.

    Args:
        states: the budget.
        long: the budget of the long form.
        whole: how many states all schedules together have, where that is known.
        exposes: mutants that break agreement on this shard within the budget.
    """

    shard: Shard
    states: int
    long: int
    whole: int | None = None
    exposes: tuple[type[Rules], ...] = ()


SEARCHES = {
    # A committee that ends the epoch with its first block, and forks; one recovery view.
    "recovery": Search(
        Shard(ONE_EPOCH), 20_000, 20_000, 19_670,
        (
            mutants.OneCertificateConfirms, mutants.StateWithoutHighest, mutants.AcknowledgingAfterState,
            mutants.SecondBoundary, mutants.LastIsForgotten,
        ),
    ),
    # Four blocks of view 0, forked at the first, and no recovery: the chain rule by itself.
    "chain": Search(
        Shard(ONE_EPOCH, 4, 4, views=(0,), forks_to=1), 200_000, 200_000, 43_710, (mutants.OneVotePerHeight,),
    ),
    # A block and a boundary, both withheld at will, then a recovery view.
    "chain and recovery": Search(
        Shard(ONE_EPOCH, 2, 2, tags=1), 200_000, 200_000, 132_123, (mutants.NotTheHighest,),
    ),
    # A boundary in view 0 or one in view 1 starts an epoch with other voters.
    "epochs": Search(
        Shard(ROTATION, tags=1, views=(1, 0)), 120_000, 400_000, 370_494, (mutants.CertifiedBoundaryStartsEpoch,),
    ),
    # Two boundaries, two electorates, recovery in both epochs.
    "rival electorates": Search(Shard(RIVALS, views=(1, 1)), 60_000, 2_000_000),
    # Two recovery views.
    "two recoveries": Search(Shard(ONE_EPOCH, views=(2,)), 60_000, 2_000_000),
    # Seven voters, two of them dishonest.
    "seven voters": Search(Shard(SEVEN, 1, 2, tags=2), 60_000, 2_000_000),
}  # fmt: skip
