"""The electorate V of an epoch: voting units clipped against whales, and who stays where too few would remain.

A member with a third of the units is a veto, with a quorum it is the network. So units are clipped to the largest c
with 4c <= the sum of min(u, c): then nobody has more than a quarter of what counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

VOTERS_MIN = 4


def clip_level(weights: Iterable[int]) -> int:
    """The largest c with 4c <= Σ min(w, c).

    Fewer than four positive weights know no such c above 0; there it is the least of them, so that all are equal.

    Raises:
        ValueError: a weight is negative, or none is positive.
    """
    ordered = sorted(weights, reverse=True)
    if not ordered or ordered[-1] < 0 or ordered[0] == 0:
        raise ValueError("weights are not negative, and one at least is positive")
    positive = [weight for weight in ordered if weight]
    if len(positive) < VOTERS_MIN:
        return positive[-1]
    rest = sum(positive)
    for above, weight in enumerate(positive[:VOTERS_MIN]):
        level = rest // (VOTERS_MIN - above)  # the largest c if exactly the first `above` weights exceed it
        if level >= weight:
            return level
        rest -= weight
    raise AssertionError("three clipped weights leave the fourth within the rest")


def clip(weights: Mapping[bytes, int]) -> dict[bytes, int]:
    """The positive weights by identity, ascending, none above `clip_level`."""
    positive = {identity: weights[identity] for identity in sorted(weights) if weights[identity] != 0}
    level = clip_level(positive.values())
    return {identity: min(weight, level) for identity, weight in positive.items()}


def qualifies(electorate: Mapping[bytes, int], units_min: int) -> bool:
    """Whether an epoch may open with these clipped units: four voters, and `units_min` units in all."""
    voters = [units for units in electorate.values() if units > 0]
    return len(voters) >= VOTERS_MIN and sum(voters) >= units_min


def next_electorate(
    units: Mapping[bytes, int],
    present: Mapping[bytes, int],
    leaving: Sequence[bytes],
    culprits: Collection[bytes],
    units_min: int,
) -> dict[bytes, int]:
    """The electorate of the next epoch: clipped units by identity, ascending.

    Where the new one does not qualify, the present one stays less proven culprits and leavers; leavers go in the order
    of their announcements, and wait while fewer than four voters would remain. Units stay as they are: levelling those
    of a few who remain could give a dishonest one a third. Empty only if all are culprits.

    Args:
        units: voting units of all who are registered for the next epoch, unclipped.
        present: the electorate of the present epoch.
        leaving: who announced to leave, in the order on chain.
        culprits: whose dishonesty was proven.
        units_min: least sum of clipped units.
    """
    gone = {*leaving, *culprits}
    coming = {identity: count for identity, count in units.items() if count > 0 and identity not in gone}
    if coming and qualifies(clipped := clip(coming), units_min):
        return clipped
    staying = {identity: count for identity, count in sorted(present.items()) if identity not in culprits and count}
    for identity in leaving:
        if len(staying) > VOTERS_MIN:
            staying.pop(identity, None)
    return staying
