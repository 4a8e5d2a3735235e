"""What the decisions of WHERE depend on, each with unit and reason. Agreed: the same in every node."""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of reports, assignment and handover.

    Attributes:
        max_size: vehicles in a shard at most; above it a shard splits.
        min_size: vehicles below which a shard closes into a neighbour. At most half of `max_size`, so that both halves
            of a split stand.
        range_cm: how far a radio link reaches (300 m, the RSU's radius of the paper, section V-A).
        cell_cm: side of the squares in which a summary tells where its members are. Half of the range: smaller told
            little more on the Hamburg trace, larger lost handovers.
        look_ahead_s: instants, in seconds from now, at which links are predicted from positions and velocities. Two
            vehicles' link counts once per instant in range, so short meetings weigh less. City traffic turns: on the
            Hamburg trace straight lines over 20 s foretold less than over 10 s.
        handover_cost: links times instants that a move must gain beyond what it loses; the hysteresis. 10 is a little
            over three links for the whole look-ahead.
        stray_ratio: a member strays if the square of its distance to its shard's centre is more than so many times that
            to another's (2: about 1.4 times as far).
        rounds: times that shards tell their summaries, ask and answer before an assignment stands. One is enough where
            assignments follow each other every five seconds, two for every fifteen.
        reach_cm: how far an arrival looks for a shard with room (3 km, the paper's largest shard, section V-A).
        speed_max_cm_s: no vehicle is faster (252 km/h).
        position_noise_cm: error of two positions together, allowed on top of speed times time (30 m: GPS in streets).
        report_age_max_us: an older report is stale (5 s: five heartbeats).
        clock_ahead_max_us: a report from further in the future is refused.
        region_cm: west, south, east, north edge of the region's plane.
        neighbours_min: neighbours that witness a report where no relay does.
        residence_epochs: epochs that an arrival lives in a shard before it votes there.
        voters_min: voters that each half of a split needs, if units are given.
        units_min: voting units that each half needs then.
    """

    max_size: int = 64
    min_size: int = 8
    range_cm: int = 30_000
    cell_cm: int = 15_000
    look_ahead_s: tuple[int, ...] = (0, 5, 10)
    handover_cost: int = 10
    stray_ratio: int = 2
    rounds: int = 2
    reach_cm: int = 300_000
    speed_max_cm_s: int = 7_000
    position_noise_cm: int = 3_000
    report_age_max_us: int = 5_000_000
    clock_ahead_max_us: int = 1_000_000
    region_cm: tuple[int, int, int, int] = (-5_000_000, -5_000_000, 5_000_000, 5_000_000)
    neighbours_min: int = 2
    residence_epochs: int = 2
    voters_min: int = 4
    units_min: int = 1

    def __post_init__(self) -> None:
        for name in (
            "min_size", "range_cm", "cell_cm", "stray_ratio", "rounds", "speed_max_cm_s", "neighbours_min",
            "voters_min", "units_min",
        ):  # fmt: skip
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive")
        for name in (
            "handover_cost", "reach_cm", "position_noise_cm", "report_age_max_us", "clock_ahead_max_us",
            "residence_epochs",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")
        if self.max_size < 2 * self.min_size:
            raise ValueError("max_size must be at least twice min_size")
        instants = self.look_ahead_s
        if not instants or instants[0] < 0 or any(a >= b for a, b in itertools.pairwise(instants)):
            raise ValueError("look_ahead_s must be ascending instants from now on")
        west, south, east, north = self.region_cm
        if not (west < east and south < north):
            raise ValueError("region_cm must be west, south, east, north")
