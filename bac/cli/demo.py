"""`bac demo`: basic BAC confirms transfers in a simulated shard that is cut from a real road network's traffic.

The rule of the draw: the packaged Hamburg trace is sharded at its first tick; of the largest shard the first vehicles
by name that stay for the whole demo take part. Their radios reach as far as the trace says at each second, the rest
goes by relay. One of them equivocates and lies about state roots when it leads, one crashes and comes back with its
disk. The checks of the simulator judge every confirmed block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, Final

import typer

from bac.baselines.basic_bac import BasicBac
from bac.cli.errors import CommandFailed
from bac.cli.noun import single
from bac.cli.output import Answer, AsJson, Format, Output, Row, say
from bac.finality.validity import tag_at
from bac.mobility.packaged import hamburg_ticks
from bac.mobility.replay import replay
from bac.protocol import Accuse, Commit, Effect
from bac.sim.basic import BasicTrial
from bac.sim.faults import Crash
from bac.sim.latency import Latency
from bac.sim.links import LinkClass, Links, Radio
from bac.sim.positions import Recorded
from bac.sim.report import Report
from bac.sim.run import simulate
from bac.sim.world import SECOND, World
from bac.types import Micros
from bac.wire.registry import tag_of
from bac.wire.transactions import SignedTransaction, decode_transaction
from shards import Params

VEHICLES: Final = 12
TRAITOR, CRASHING = 3, 5
SUBMIT_EVERY_US: Final = 50_000
LINKS: Final = Links(
    LinkClass(latency=Latency.uniform(20_000, 60_000), bits_per_second=10_000_000),
    Radio(LinkClass(latency=Latency.uniform(1_000, 3_000)), ((10_000, 27_000_000), (30_000, 6_000_000))),
)
_TRANSACTION: Final = tag_of(SignedTransaction)

app = single("A first look: basic BAC in a simulated shard of real traffic.")


class Epoch(Row, frozen=True):
    """What one epoch of the shard confirmed; times are of the simulated clock."""

    epoch: int
    blocks: int
    transactions: int
    views: int
    latency_median_us: int | None
    latency_p99_us: int | None
    accusations: int


DEMO = Answer("demo", Epoch, many=True)


@dataclass
class Log:
    """What the nodes reported, the first report of each thing."""

    submitted: dict[bytes, int] = field(default_factory=dict)
    blocks: dict[int, tuple[int, int, int, Sequence[bytes]]] = field(
        default_factory=dict
    )  # height: epoch, view, at, ids
    accusations: dict[int, int] = field(default_factory=dict)

    def note(self, effects: Sequence[Effect], now: Micros) -> Sequence[Effect]:
        """Looks at effects and passes them on."""
        for effect in effects:
            if isinstance(effect, Commit) and effect.block.header.height not in self.blocks:
                header = effect.block.header
                ids = [decode_transaction(i).id for i in effect.block.body.items if tag_at(i) == _TRANSACTION]
                self.blocks[header.height] = (header.epoch, header.view, now, ids)
            if isinstance(effect, Accuse):
                epoch = max((known[0] for known in self.blocks.values()), default=0)
                self.accusations[epoch] = self.accusations.get(epoch, 0) + 1
        return effects


def watched(log: Log) -> type[BasicBac]:
    """Basic BAC whose effects are read into `log`."""

    class Watched(BasicBac):
        def start(self, now: Micros) -> Sequence[Effect]:
            return log.note(super().start(now), now)

        def on_transaction(self, transaction: Any, now: Micros) -> Sequence[Effect]:
            log.submitted.setdefault(transaction.id, now)
            return log.note(super().on_transaction(transaction, now), now)

        def on_message(self, sender: Any, message: Any, now: Micros) -> Sequence[Effect]:
            return log.note(super().on_message(sender, message, now), now)

        def on_timer(self, timer: Any, now: Micros) -> Sequence[Effect]:
            return log.note(super().on_timer(timer, now), now)

    return Watched


def make_world(seconds: int, seed: int) -> World:
    """The shard of the trace as a world."""
    ticks = list(islice(hamburg_ticks(SECOND), seconds + 1))
    _, _, assignment = next(replay(ticks, Params()))
    members = assignment.members()
    largest = max(members, key=lambda shard: (len(members[shard]), -shard))
    stays = [
        name for name in members[largest] if all(name in {f.vehicle.encode() for f in fixes} for _, fixes in ticks)
    ]
    names = [name.decode() for name in stays[:VEHICLES]]
    return World(
        seed=seed,
        units=(1,) * len(names),
        links=LINKS,
        positions=Recorded(ticks, names),
        input_us=20,
        persist_us=100,
        attacks=((TRAITOR, ()),),
        faults=(Crash(node=CRASHING, at_us=seconds * SECOND // 4, persists=0, down_us=seconds * SECOND // 4),),
        submissions=tuple(
            (at, number % len(names)) for number, at in enumerate(range(SECOND, seconds * SECOND, SUBMIT_EVERY_US))
        ),
        heal_us=seconds * SECOND,
    )


def play(seconds: int, seed: int) -> tuple[list[Epoch], Report]:
    """Runs the shard. Returns a row an epoch and the checks' report."""
    log = Log()

    class Trial(BasicTrial):
        NODE = watched(log)

        def make_deeds(self, world: World) -> dict[int, frozenset[str]]:
            return {node: frozenset({"equivocate", "false-root"}) for node, _ in world.attacks}

    report = simulate(make_world(seconds, seed), Trial)
    return [row(number, log) for number in sorted({block[0] for block in log.blocks.values()})], report


def row(number: int, log: Log) -> Epoch:
    """What `log` says of an epoch."""
    blocks = [block for _, block in sorted(log.blocks.items()) if block[0] == number]
    waits = sorted(at - log.submitted[each] for _, _, at, ids in blocks for each in ids if each in log.submitted)
    return Epoch(
        epoch=number,
        blocks=len(blocks),
        transactions=sum(len(ids) for *_, ids in blocks),
        views=1 + max(view for _, view, _, _ in blocks),
        latency_median_us=waits[len(waits) // 2] if waits else None,
        latency_p99_us=waits[len(waits) * 99 // 100] if waits else None,
        accusations=log.accusations.get(number, 0),
    )


@app.command()
def show(
    seconds: Annotated[int, typer.Option(min=5, max=120, help="of the trace, and of the simulated clock")] = 30,
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="draws latencies, payments and committees")] = 1,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """A first look: basic BAC confirms transfers in a simulated shard of real traffic, and every check is shown."""
    rows, report = play(seconds, seed)
    DEMO.show(rows, output, as_json)
    vehicles = len(report.world.units)
    say(f"{vehicles} vehicles of the Hamburg trace, {sum(each.transactions for each in rows)} transfers confirmed;")
    say("one vehicle equivocates and lies about state roots, one crashes and comes back")
    for verdict in report.verdicts:
        if verdict.check != "determinism":
            say(f"  {verdict.check:<16}{'holds' if verdict.holds else 'VIOLATED':<10}{verdict.examined} examined")
    say(f"trace {report.trace_hash.hex()[:16]}, {report.subject}")
    if not report.holds:
        raise CommandFailed("check-failed", "an invariant was violated")
