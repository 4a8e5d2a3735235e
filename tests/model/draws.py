"""Shards drawn at random: 4 to 7 voters, electorates that change, what the committee and the proposers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.model.headers import Electorate, Shard

if TYPE_CHECKING:
    from random import Random

UNITS_MAX = 3


def draw_electorate(random: Random, honest: int, half: bool = False) -> Electorate:
    """Three or more of the honest voters with 1 to 3 units each, and the most dishonest units that are sound.

    Args:
        half: the dishonest have half of the units.
    """
    members = sorted(random.sample(range(honest), random.randint(3, honest)))
    whole = random.randrange(2) == 0
    units = tuple((1 if whole else random.randint(1, UNITS_MAX)) * (voter in members) for voter in range(honest))
    sound = (sum(units) - 1) // 2
    return Electorate(units, (sum(units) if half else sound))


def draw_shard(random: Random, half: bool = False) -> Shard:
    """Three to six honest voters, one to three epochs, up to three recovery views in each."""
    honest, epochs = random.randint(3, 6), random.randint(1, 3)
    electorates = tuple(
        tuple(draw_electorate(random, honest, half) for _ in range(1 if epoch == 0 else 2)) for epoch in range(epochs)
    )
    first = random.randint(1, 4)
    return Shard(
        electorates,
        boundary_from=first,
        boundary_to=random.randint(first, 4),
        views=tuple(random.randint(1, 3) for _ in range(epochs)),
        captured=random.randrange(4) > 0,
        honest_proposers=frozenset(view for view in (1, 2, 3) if random.randrange(3) == 0),
        skipping=random.randrange(2),
    )
