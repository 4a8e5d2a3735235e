"""Duties: the tasks by which voting units are earned, a fixed number per epoch for all, so there is nothing to farm."""

from __future__ import annotations

from election.seed import check_seed, number, tagged_hash

DUTIES_PER_EPOCH = 8


def duty_offsets(seed: bytes, length: int, duties: int = DUTIES_PER_EPOCH) -> tuple[int, ...]:
    """The heights of an epoch, counted from its first, whose acknowledgement is a duty: ascending, drawn from its seed.

    Args:
        seed: the epoch's seed, 32 bytes.
        length: heights that the epoch has at least; heights that it does not reach were never offered.
        duties: how many; all heights if there are fewer.
    """
    order = sorted((tagged_hash(b"bac duty 1", check_seed(seed), number(offset)), offset) for offset in range(length))
    return tuple(sorted(offset for _, offset in order[:duties]))


def leader_duties(witnesses: int, rounds: int, duties: int = DUTIES_PER_EPOCH) -> int:
    """A leader's duties done: the share of the epoch's rounds in which it made a witness, scaled, rounded down.

    Raises:
        ValueError: more witnesses than rounds, or a negative number.
    """
    if not 0 <= witnesses <= rounds:
        raise ValueError(f"{witnesses} witnesses in {rounds} rounds")
    return duties * witnesses // rounds if rounds else 0
