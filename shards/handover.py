"""From one shard to another without gaining votes on the way.

`shards.assignment` says who should be where. This module says what that is worth in votes, and when: an arrival votes
only after residence, imported units are limited, and a closing shard names who decides after it. That both halves of
a split qualify as electorates is seen to in `shards.partition`. Plain functions of chain state, in whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shards.params import Params


@dataclass(frozen=True, slots=True)
class Arrival:
    """A vehicle that came by handover.

    Attributes:
        vehicle: its identity.
        source: the shard that it came from.
        units: voting units that it brought, earned elsewhere.
        epoch: epoch of this shard in which its account arrived.
        is_released: whether a proven boundary of the source excludes it from the source's electorate.
    """

    vehicle: bytes
    source: int
    units: int
    epoch: int
    is_released: bool


def may_vote(arrival: Arrival, epoch: int, params: Params) -> bool:
    """Whether an arrival's residence is over and its vote in the source has ended (docs/spec/shards.md SH-11).

    Without the second, a shard with shorter epochs would have it vote in two electorates at a time.
    """
    return arrival.is_released and epoch >= arrival.epoch + params.residence_epochs


def admit_units(arrivals: Iterable[Arrival], held: Mapping[int, int], total_units: int) -> dict[bytes, int]:
    """How many of the units that arrivals bring count (docs/spec/shards.md SH-12).

    Of units not earned here at most a tenth of the electorate's stands from one source and a fifth from all sources, at
    any time; it is a stock, as a limit on the flow would compound. What is cut off has to be earned here.

    Args:
        arrivals: those who may vote now; served by epoch of arrival, then id.
        held: imported units that stand already, net of what went back, by source.
        total_units: units of the electorate.

    Returns:
        Units admitted, one entry per arrival, possibly 0.

    Raises:
        ValueError: negative units.
    """
    ordered = sorted(arrivals, key=lambda arrival: (arrival.epoch, arrival.vehicle))
    if total_units < 0 or any(arrival.units < 0 for arrival in ordered):
        raise ValueError("units must not be negative")
    standing = dict(held)
    room_all = total_units // 5 - sum(max(own, 0) for own in standing.values())
    admitted: dict[bytes, int] = {}
    for arrival in ordered:
        room = min(total_units // 10 - standing.get(arrival.source, 0), room_all)
        units = max(0, min(arrival.units, room))
        admitted[arrival.vehicle] = units
        standing[arrival.source] = standing.get(arrival.source, 0) + units
        room_all -= units
    return admitted


@dataclass(frozen=True, slots=True)
class Closing:
    """What the last boundary of a closing shard says (docs/spec/shards.md SH-13).

    Attributes:
        shard: the shard that closes.
        successor: the shard that decides its open claims from then on.
        movers: all its vehicles, by id; each goes to the successor by handover.
    """

    shard: int
    successor: int
    movers: tuple[bytes, ...]


def plan_closing(shard: int, successor: int, members: Iterable[bytes]) -> Closing:
    """The plan of a shard that closes into a neighbour.

    Raises:
        ValueError: it names itself.
    """
    if shard == successor:
        raise ValueError(f"shard {shard} cannot succeed itself")
    return Closing(shard, successor, tuple(sorted(set(members))))


def successor_of(shard: int, closings: Mapping[int, Closing]) -> int:
    """The live shard that decides for `shard`: itself if it never closed, else down the chain of successors.

    Raises:
        ValueError: the closings go round in a circle.
    """
    seen = []
    while shard in closings:
        if shard in seen:
            raise ValueError(f"shard {shard} is its own successor")
        seen.append(shard)
        shard = closings[shard].successor
    return shard
