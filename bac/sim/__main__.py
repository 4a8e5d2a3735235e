"""``python -m bac.sim SEED``: the seed draws a world; the simulator's own protocol runs in it; the checks judge.

Exit code 0: every check holds; 1: one does not, or a replay differs; 2: usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from bac.sim.broadcast.trial import EchoTrial
from bac.sim.replay import replay
from bac.sim.report import Report, describe, world_as_data
from bac.sim.run import simulate
from bac.sim.trace import Kind, Record, read
from bac.sim.trial import Attacked
from bac.sim.world import World, draw


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m bac.sim", description=__doc__)
    parser.add_argument("seed", type=int, help="draws the world, and everything in it")
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    parser.add_argument("--once", action="store_true", help="do not run a second time to check determinism")
    parser.add_argument("--trace", metavar="FILE", help="write the trace")
    parser.add_argument("--replay", metavar="FILE", help="replay a written trace instead of running")
    parser.add_argument("--node", type=int, metavar="N", help="with --replay: this node only")
    arguments = parser.parse_args()
    world = draw(arguments.seed)
    with ExitStack() as stack:
        try:
            if arguments.replay is not None:
                return _replay(world, arguments.replay, arguments.node)
            sink = stack.enter_context(open(arguments.trace, "wb")) if arguments.trace else None
        except (OSError, NotThisTraceError) as error:
            parser.error(str(error))
        report = simulate(world, EchoTrial, twice=not arguments.once, sink=sink)
    if arguments.json:
        print(json.dumps(report.as_data(), indent=2, sort_keys=True))
    else:
        print("\n".join(_lines(report)))
    return 0 if report.holds else 1


class NotThisTraceError(Exception):
    """A file that is no trace of this seed, or a node that this seed does not have."""


def _lines(report: Report) -> Iterator[str]:
    data = world_as_data(report.world)
    yield f"seed {report.world.seed}: {report.subject}"
    yield "\nWORLD"
    for key, value in data.items():
        yield from _setting(key, value)
    yield "\nPHASES"
    yield f"  faults    0 to {report.healed_us} us"
    yield f"  healed    {report.healed_us} to {report.ended_us} us, of {report.world.patience_us} us granted"
    yield f"  memo      {'shared execution' if report.memo else 'none'}"
    for key, count in report.tally.items():
        yield f"  {key:<24} {count}"
    yield "\nCHECKS"
    for verdict in report.verdicts:
        passed = "holds" if verdict.examined else "nothing to judge"
        yield f"  {verdict.check:<16} {passed if verdict.holds else 'VIOLATED':<18} {verdict.examined} examined"
        for violation in verdict.violations:
            yield f"    {violation}"
    yield f"\ntrace {report.trace_hash.hex()}"


def _setting(key: str, value: Any) -> Iterator[str]:
    """One line for a plain setting, one per item for a list, one per link class for the links."""
    items = value if isinstance(value, list) and value and isinstance(value[0], dict) else None
    if isinstance(value, dict):
        items = [{name: part} for name, part in value.items()]
    if items is None:
        yield f"  {key:<16} {json.dumps(value)}"
    else:
        for place, item in enumerate(items):
            yield f"  {key if place == 0 else '':<16} {json.dumps(item)}"


def _replay(world: World, path: str, only: int | None) -> int:
    if only is not None and not 0 <= only < len(world.units):
        raise NotThisTraceError(f"seed {world.seed} has no node {only}")
    records = _read(path, world)
    differs = False
    for node in range(len(world.units)) if only is None else (only,):
        replayed = replay(records, Attacked(EchoTrial(world), world), seed=world.seed, node=node)
        differs = differs or replayed.divergence is not None
        outcome = replayed.divergence or "all equal"
        print(f"node {node}: {replayed.inputs} inputs, {replayed.effects} effects, {outcome}")
    return 1 if differs else 0


def _read(path: str, world: World) -> list[Record]:
    try:
        with open(path, "rb") as source:
            records = list(read(source))
    except ValueError as error:
        raise NotThisTraceError(str(error)) from None
    if not records or records[0].kind is not Kind.WORLD or records[0].payload != describe(world):
        raise NotThisTraceError(f"the trace is not of seed {world.seed}")
    return records


if __name__ == "__main__":
    sys.exit(main())
