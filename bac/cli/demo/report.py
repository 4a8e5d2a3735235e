"""The answer of the demo: what happened, epoch by epoch and vehicle by vehicle, and whether every invariant held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bac.cli.demo.cast import Window
from bac.cli.demo.energy import DAY, price_at
from bac.cli.demo.fleet import RATE
from bac.cli.demo.record import Record, Recount
from bac.cli.demo.verdict import CheckRow
from bac.cli.output import Answer, Format, Row, cell
from bac.cli.reputationrows import CauseRow, causes_of
from bac.cli.times import SECOND, show_time
from bac.mobility.packaged import german_day_ahead
from bac.replica.explaining import Reckoning, votes_of
from bac.replica.replay import EpochAccount

SCALE: Final = 1 << 16
WORDS: Final = {
    "PositionReport": "positions", "Transfer": "payments", "AcknowledgementKey": "keys", "Order": "admissions",
    "Leave": "leaves",
}  # fmt: skip


class EpochRow(Row, frozen=True):
    """One epoch: what it confirmed, and who led with which weight, the primary first.

    `duration_us` is of block time; `views` above 1 mean that it ended by recovery.
    """

    WIDE = frozenset({"units", "duration_us"})

    epoch: int
    blocks: int
    transactions: int
    duration_us: int
    views: int
    voters: int
    units: int
    convicted: list[str]
    leaders: str


class VehicleRow(Row, frozen=True):
    """One vehicle: its votes in the first and the last electorate, and what it did.

    `participation` is the share of duties done, averaged over the last epochs.
    """

    WIDE = frozenset({"blocks"})

    node: str
    vehicle: str
    part: str
    votes_first: int | None
    votes_last: int | None
    participation: float | None
    led: int
    blocks: int
    remark: str


class DemoRow(Row, frozen=True):
    """The whole demo, read back from what its nodes have on disk.

    Times of the trace are block times; latencies and rates are by the machine's clock. `latency_*` is from handing in
    to the node's word that a transaction is final, over those of the vehicles.
    """

    verdict: str
    seed: int
    trace_from: str
    trace_to: str
    rate: int
    price_micro_per_kwh: int
    blocks: int
    confirmed: dict[str, int]
    without_effect: dict[str, int]
    transactions_per_s: float
    latency_p50_us: int | None
    latency_p99_us: int | None
    paid_micro: int
    burnt_micro: int
    epochs: list[EpochRow]
    vehicles: list[VehicleRow]
    fall: list[CauseRow]
    checks: list[CheckRow]
    elapsed_us: int
    directory: str | None


@dataclass(frozen=True, slots=True)
class Frame:
    """What the answer holds beside the record."""

    seed: int
    window: Window
    elapsed_us: int
    directory: str | None


def report(record: Record, recount: Recount, checks: Sequence[CheckRow], frame: Frame) -> DemoRow:
    """The answer."""
    kept = record.longest()[1]
    span_us = kept[-1].block.header.time_us - kept[0].block.header.time_us
    kinds = Counter(WORDS.get(each.kind, each.kind) for _, each in recount.transactions if each.code is None)
    codes = Counter(each.code.value for _, each in recount.transactions if each.code is not None)
    waits = sorted(
        at - journey.sent[told]
        for journey in record.journeys.values()
        for told, (at, _) in journey.final.items()
        if told in journey.sent
    )
    totals = recount.replay.post.ledger.totals()
    return DemoRow(
        verdict="holds" if all(each.verdict == "holds" for each in checks) else "fails",
        seed=frame.seed,
        trace_from=show_time(kept[0].block.header.time_us),
        trace_to=show_time(kept[-1].block.header.time_us),
        rate=RATE,
        price_micro_per_kwh=price_at(DAY + frame.window.start_us, german_day_ahead()),
        blocks=recount.blocks,
        confirmed=dict(kinds.most_common()),
        without_effect=dict(codes.most_common()),
        transactions_per_s=len(recount.transactions) * RATE * SECOND / max(1, span_us),
        latency_p50_us=waits[len(waits) // 2] if waits else None,
        latency_p99_us=waits[len(waits) * 99 // 100] if waits else None,
        paid_micro=recount.paid_micro,
        burnt_micro=totals.burnt,
        epochs=[epoch_row(account, record, recount) for account in recount.accounts],
        vehicles=list(_vehicles(record, recount)),
        fall=fall_of(record, recount),
        checks=list(checks),
        elapsed_us=frame.elapsed_us,
        directory=frame.directory,
    )


def epoch_row(account: EpochAccount, record: Record, recount: Recount) -> EpochRow:
    """One epoch that has ended."""
    first, last = account.docket.base + 1, account.last.height
    kept = [each for each in record.longest()[1] if first <= each.height <= last]
    leaders = [f"{_name(record, each.identity)}:{each.weight}" for each in account.epoch.committee]
    return EpochRow(
        epoch=account.number,
        blocks=last - first + 1,
        transactions=sum(first <= height <= last for height, _ in recount.transactions),
        duration_us=kept[-1].block.header.time_us - account.epoch.base.time_us,
        views=1 + account.last.view,
        voters=len(account.epoch.electorate.members),
        units=account.epoch.electorate.total_units,
        convicted=[_name(record, each) for each in account.docket.culprits()],
        leaders=" ".join(leaders),
    )


def _name(record: Record, identity: bytes) -> str:
    return next((name for known, name in record.names.items() if known == identity), identity.hex()[:12])


def _vehicles(record: Record, recount: Recount) -> Iterator[VehicleRow]:
    accounts = recount.accounts
    for name, vehicle in record.plan.vehicles.items():
        identity = record.identities[name]
        mine = [each for each in recount.reckonings if each.identity == identity]
        yield VehicleRow(
            node=name,
            vehicle=vehicle,
            part=record.plan.part(name),
            votes_first=votes_of(accounts[0].epoch.electorate, identity) if accounts else None,
            votes_last=votes_of(accounts[-1].successors.electorate, identity) if accounts else None,
            participation=mine[-1].after.participation / SCALE if mine else None,
            led=sum(any(each.identity == identity for each in account.epoch.committee) for account in accounts),
            blocks=len(record.stores[name]),
            remark=_remark(record, name, mine, recount),
        )


def _remark(record: Record, name: str, mine: Sequence[Reckoning], recount: Recount) -> str:
    if name == record.plan.traitor:
        heights = [each.height for reckoning in mine for each in reckoning.convictions]
        return f"equivocated; proven in block {heights[0]}" if heights else "was to equivocate"
    if name == record.plan.killed:
        return "killed with -9, came back"
    if record.plan.part(name) == "arrives":
        votes = [account.number + 1 for account in recount.accounts if _votes(account, record, name)]
        return f"votes since epoch {votes[0]}" if votes else "no votes yet"
    return ""


def _votes(account: EpochAccount, record: Record, name: str) -> int:
    return votes_of(account.successors.electorate, record.identities[name])


def fall_of(record: Record, recount: Recount) -> list[CauseRow]:
    """How the equivocator lost its units: the epoch of its conviction, cause by cause."""
    identity = record.identities[record.plan.traitor]
    fallen = [each for each in recount.reckonings if each.identity == identity and each.convictions]
    return [row for each in fallen[:1] for row in causes_of(each)]


# ---------------------------------------------------------------- for people

_EPOCHS: Final = Answer("demo.epochs", EpochRow, many=True)
_VEHICLES: Final = Answer("demo.vehicles", VehicleRow, many=True)
_FALL: Final = Answer("demo.fall", CauseRow, many=True)
_CHECKS: Final = Answer("demo.checks", CheckRow, many=True)


def show(row: DemoRow, say: Callable[[str], None]) -> None:
    """The whole answer as tables."""
    say(
        f"{len(row.vehicles)} vehicles of the Hamburg trace, "
        f"{row.trace_from[11:-1]} to {row.trace_to[11:-1]} at {row.rate} times its speed"
    )
    kinds = ", ".join(f"{count} {kind}" for kind, count in row.confirmed.items())
    say(f"confirmed: {row.blocks} blocks with {kinds}")
    if row.without_effect:
        say("without effect: " + ", ".join(f"{count} {code}" for code, count in row.without_effect.items()))
    latencies = f"{cell('x_us', row.latency_p50_us)}, 99 of 100 within {cell('x_us', row.latency_p99_us)}"
    say(f"{row.transactions_per_s:.1f} transactions a second; final after {latencies}")
    say(f"paid for energy {row.paid_micro / 1e6:.4f} coins at {row.price_micro_per_kwh / 1e6:.5f} EUR/kWh")
    say("")
    _EPOCHS.show(row.epochs, Format.TABLE)
    say("")
    _VEHICLES.show(row.vehicles, Format.TABLE)
    if row.fall:
        say("")
        say("The fall of the equivocator, every cause with the block that shows it:")
        _FALL.show(row.fall, Format.TABLE)
    say("")
    _CHECKS.show(row.checks, Format.TABLE)
