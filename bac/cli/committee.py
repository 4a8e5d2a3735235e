"""`bac committee`: who leads and votes, the draw that made it so, and whether draws follow the units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import erfc, exp, pi, sqrt
from pathlib import Path
from typing import Annotated

import typer

from bac.cli.archive import Chain, File, From, accounts, beginning_of, elected, open_chain
from bac.cli.errors import CommandFailed, Exit
from bac.cli.lightproof import collect_boundaries
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row, say
from bac.cli.place import HERE, Net, Via, connect
from bac.node.network import Network
from bac.replica.recounting import Recount, Seat, recounts
from bac.types import Hash, NodeId
from bac.wire.block import BoundaryRecord, Elector, Leader
from bac.wire.codec import decode

app = noun("Who leads and votes, and the draw that made it so.")


class MemberRow(Row, frozen=True):
    """A voter of an epoch; `place` is that in the succession, from 0, and null for who does not lead."""

    WIDE = frozenset({"seed"})

    epoch: int
    place: int | None
    role: str
    name: str | None
    identity: str
    weight: int
    units: int
    share: float
    seed: str


class SeatRow(Row, frozen=True):
    """A claim to seats, counted again: the output of the random function lies in the interval of so many seats.

    `draw`, `low` and `high` are shares of the range of outputs; null for who was not drawn, and fills up.
    """

    WIDE = frozenset({"seed", "seed_from", "total_units", "tau_units", "is_listed", "output"})

    epoch: int
    place: int | None
    name: str | None
    identity: str
    role: str
    units: int | None
    total_units: int | None
    tau_units: int | None
    draw: float | None
    low: float | None
    high: float | None
    seats: int
    is_listed: bool | None
    weight: int
    seed: str
    seed_from: str
    output: str | None
    verdict: str


class ShareRow(Row, frozen=True):
    """How often an identity led, beside its share of the units; the last row is of all together.

    `expected` is how often it would be primary by its units, `chi_square` its part of the statistic; `chance` is that
    of a statistic at least as high, if draws follow the units: an approximation, good where all expect five or more.
    """

    name: str | None
    identity: str | None
    epochs: int
    led: int
    weight: int
    primary: int
    expected: float
    units_share: float | None
    chi_square: float
    chance: float | None


SHOW = Answer("committee.show", MemberRow, many=True)
VERIFY = Answer("committee.verify", SeatRow, many=True)
STATS = Answer("committee.stats", ShareRow, many=True)


# ---------------------------------------------------------------- who leads


class Epochs:
    """Electorates, committees and seeds of past epochs, as a node's boundary records tell them."""

    def __init__(self, network: Network, net: Path, via: str | None) -> None:
        first = beginning_of(Chain(str(net), network.genesis, 0, (), (), {})).ground.epoch
        assert first.base.boundary is not None, "an epoch begins with a boundary"
        with connect(net, via) as client:
            self.present = int(client.query("committee")["epoch"])
            records = [decode(BoundaryRecord, each) for each in collect_boundaries(client, self.present)]
        self.electorates: list[tuple[Elector, ...]] = [first.electorate.members, *(each.electorate for each in records)]
        self.committees: list[tuple[Leader, ...]] = [first.committee, *(each.committee for each in records)]
        boundaries = [each.proof.path[0].boundary for each in records]
        after = [each.seed for each in boundaries if each is not None]
        self.seeds: list[Hash] = [first.seed, first.base.boundary.seed, *after]

    def __len__(self) -> int:
        return len(self.electorates)


@app.command()
def show(
    epoch: Annotated[int | None, typer.Option("--epoch", min=0, help="Default the present one.")] = None,
    net: Net = HERE,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show who leads and votes in an epoch: roles, weights, units, and the seed that drew them."""
    network = elected(net)
    epochs = Epochs(network, net, via)
    number = len(epochs) - 1 if epoch is None else epoch
    if number >= len(epochs):
        raise CommandFailed("not-found", f"epoch {number} has not begun", next_="bac committee show")
    seed = epochs.seeds[number].hex()
    SHOW.show(list(_members(epochs, number, names_of(network), seed)), output, as_json)
    say(f"epoch {number}, seed {seed}")


def names_of(network: Network) -> dict[NodeId, str]:
    """The nodes' names by identity."""
    return {home.identity: home.name for home in network.homes.values()}


def _members(epochs: Epochs, number: int, names: Mapping[NodeId, str], seed: str) -> Iterator[MemberRow]:
    """The leaders in their order, then the other voters."""
    units = {each.identity: each.units for each in epochs.electorates[number]}
    leaders = {each.identity: each.weight for each in epochs.committees[number]}
    total = sum(units.values())
    for place, identity in enumerate((*leaders, *(each for each in units if each not in leaders))):
        leads = identity in leaders
        yield MemberRow(
            epoch=number, place=place if leads else None,
            role=("candidate" if place else "primary") if leads else "consensus node",
            name=names.get(identity), identity=identity.hex(), weight=leaders.get(identity, 0), units=units[identity],
            share=units[identity] / total, seed=seed,
        )  # fmt: skip


# ---------------------------------------------------------------- how it was drawn


@app.command()
def verify(
    epoch: Annotated[int | None, typer.Option("--epoch", min=0, help="Show this one; default the last one.")] = None,
    is_all: Annotated[bool, typer.Option("--all", help="Show the draws of all epochs.")] = False,
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Count the draws again, offline: seed, proof, interval, seats. Status 1 if one is wrong; all are looked at."""
    opened = open_chain(net, via, chain)
    beginning = beginning_of(opened)
    shown: list[Recount] = []
    wrong: list[Recount] = []
    last = 0
    found = recounts(
        beginning.ground.epoch, accounts(opened, beginning), beginning.shard.shard, beginning.suite, beginning.params
    )
    for each in found:
        last = each.epoch
        wrong += [each] if each.faults else []
        if is_all or epoch in (None, each.epoch):
            shown = [*shown, each] if is_all else [each]
    if not shown:
        raise CommandFailed("not-found", f"epoch {epoch} was not drawn yet", next_="bac committee verify")
    shown += [each for each in wrong if each not in shown]
    VERIFY.show([row for each in shown for row in _seat_rows(each, opened.names)], output, as_json)
    for each in wrong:
        say(f"epoch {each.epoch}: {'; '.join(each.faults)}")
    if wrong:
        raise typer.Exit(Exit.CHECK_FAILED)
    if len(shown) == 1:
        say(f"epoch {shown[0].epoch}, seed {shown[0].seed.hex()}, from {shown[0].origin}")
    say(f"{last + 1} committees follow from their seeds, proofs and units")


def _seat_rows(recount: Recount, names: Mapping[NodeId, str]) -> Iterator[SeatRow]:
    verdict = "fails" if recount.faults else "holds"
    for each in recount.seats:
        drawn = each.role is not None
        yield SeatRow(
            epoch=recount.epoch, place=each.place, name=names.get(each.identity), identity=each.identity.hex(),
            role=_role(each), units=each.units if drawn else None, total_units=each.total_units if drawn else None,
            tau_units=each.tau if drawn else None, draw=each.draw if drawn else None,
            low=each.low if drawn else None, high=each.high if drawn else None, seats=each.wins,
            is_listed=each.is_listed if drawn else None, weight=each.weight, seed=recount.seed.hex(),
            seed_from=recount.origin, output=each.output.hex() if drawn else None, verdict=verdict,
        )  # fmt: skip


def _role(seat: Seat) -> str:
    return "filled up" if seat.role is None else seat.role.name.lower()


# ---------------------------------------------------------------- whether it follows the units


@app.command()
def stats(net: Net = HERE, via: Via = None, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Show who led how often beside its share of the units, and by a chi-square test whether draws follow the units."""
    network = elected(net)
    epochs = Epochs(network, net, via)
    if len(epochs) < 2:
        raise CommandFailed("not-found", "no committee was drawn yet", next_="bac net wait")
    STATS.show(count(epochs.electorates, epochs.committees, names_of(network)), output, as_json)


def count(
    electorates: list[tuple[Elector, ...]], committees: list[tuple[Leader, ...]], names: Mapping[NodeId, str]
) -> list[ShareRow]:
    """Of the epochs from 1 on, whose primaries were drawn by the electorate of the epoch before.

    Among those drawn every unit has the same chance of the first place, so the chance of a primary is its share of the
    units of those who still vote in the epoch that it leads.
    """
    expected: dict[NodeId, float] = {}
    primary: dict[NodeId, int] = {}
    led: dict[NodeId, int] = {}
    weight: dict[NodeId, int] = {}
    voted: dict[NodeId, int] = {}
    for drawing, present, committee in zip(electorates, electorates[1:], committees[1:], strict=False):
        voters = {each.identity for each in present}
        units = {each.identity: each.units for each in drawing if each.identity in voters}
        for identity, count_ in units.items():
            expected[identity] = expected.get(identity, 0.0) + count_ / sum(units.values())
            voted[identity] = voted.get(identity, 0) + 1
        first = committee[0].identity
        primary[first] = primary.get(first, 0) + 1
        for leader in committee:
            led[leader.identity] = led.get(leader.identity, 0) + 1
            weight[leader.identity] = weight.get(leader.identity, 0) + leader.weight
    total = len(electorates) - 1
    rows = []
    for identity, wanted in sorted(expected.items(), key=lambda pair: (-pair[1], pair[0])):
        won = primary.get(identity, 0)
        rows.append(
            ShareRow(
                name=names.get(identity), identity=identity.hex(), epochs=voted[identity], led=led.get(identity, 0),
                weight=weight.get(identity, 0), primary=won, expected=wanted, units_share=wanted / voted[identity],
                chi_square=(won - wanted) ** 2 / wanted, chance=None,
            )
        )  # fmt: skip
    statistic = sum(row.chi_square for row in rows)
    whole = ShareRow(
        name="all", identity=None, epochs=total, led=sum(led.values()), weight=sum(weight.values()),
        primary=sum(primary.values()), expected=sum(expected.values()), units_share=None, chi_square=statistic,
        chance=chi_square_tail(statistic, len(rows) - 1) if len(rows) > 1 else None,
    )  # fmt: skip
    return [*rows, whole]


def chi_square_tail(statistic: float, freedom: int) -> float:
    """The chance of at least this value of chi-square with so many degrees of freedom, at least one.

    Source: Abramowitz and Stegun 26.4.4, 26.4.5.
    """
    half = statistic / 2
    if freedom % 2 == 0:
        term = tail = exp(-half)
        for step in range(1, freedom // 2):
            term *= half / step
            tail += term
        return tail
    tail, term = erfc(sqrt(half)), 2 * sqrt(half / pi) * exp(-half)
    for step in range(1, freedom // 2 + 1):
        tail += term
        term *= half / (step + 0.5)
    return tail
