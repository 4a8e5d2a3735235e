"""What a run leaves: the world, the phases, the verdicts, the name of the trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bac.sim.checks.court import Verdict
from bac.sim.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The record of a run.

    Attributes:
        subject: protocol and cryptography.
        world: as drawn or given.
        memo: whether execution was shared between nodes.
        healed_us: end of the first phase.
        ended_us: end of the second: everything settled, or the patience over.
        verdicts: of the checks, in the order of the invariants.
        trace_hash: SHA-256 of the trace.
        marks: the hash after each part of the trace.
        tally: counts of what happened.
    """

    subject: str
    world: World
    memo: bool
    healed_us: int
    ended_us: int
    verdicts: tuple[Verdict, ...]
    trace_hash: bytes
    marks: tuple[bytes, ...]
    tally: Mapping[str, int]

    @property
    def holds(self) -> bool:
        """Whether every check holds."""
        return all(verdict.holds for verdict in self.verdicts)

    def as_data(self) -> dict[str, Any]:
        """Built-in types, for JSON. Ids of blocks and hashes are hexadecimal."""
        return {
            "subject": self.subject,
            "seed": self.world.seed,
            "world": world_as_data(self.world),
            "memo": self.memo,
            "healed_us": self.healed_us,
            "ended_us": self.ended_us,
            "verdicts": [
                {
                    "check": verdict.check,
                    "holds": verdict.holds,
                    "examined": verdict.examined,
                    "violations": list(verdict.violations),
                }
                for verdict in self.verdicts
            ],
            "tally": dict(self.tally),
            "trace_hash": self.trace_hash.hex(),
            "holds": self.holds,
        }


def describe(world: World) -> bytes:
    """The world as canonical JSON: what the trace begins with."""
    return msgspec.json.encode(world_as_data(world), order="deterministic")


def world_as_data(world: World) -> dict[str, Any]:
    """The world in built-in types; each fault with its kind; positions other than drawn ones by their type's name."""
    data: dict[str, Any] = msgspec.to_builtins(world, enc_hook=lambda value: type(value).__name__)
    data["faults"] = [
        {"fault": type(fault).__name__, **described}
        for fault, described in zip(world.faults, data["faults"], strict=True)
    ]
    return data
