"""`bac reputation`: voting units, and why everybody has those it has, recomputed offline from the chain's own facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bac.cli.archive import ENGINE, Chain, File, From, accounts, beginning_of, elected, open_chain, params_of, walk
from bac.cli.errors import CommandFailed
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, say
from bac.cli.place import HERE, Net, Via, connect
from bac.cli.prefixes import choose
from bac.cli.reputationrows import (
    CauseRow,
    EpochRow,
    ProspectRow,
    StandingRow,
    VerifiedRow,
    causes_of,
    epoch_row,
    prospect_row,
    standing_row,
)  # fmt: skip
from bac.ledger.records import Reputation
from bac.node.network import Network
from bac.replica.explaining import Reckoning, foresee, reckon
from bac.replica.standings import reputation_params, standing_of
from bac.types import NodeId
from election.standing import Evidence

app = noun("Voting units, and why everybody has those it has.")

LIST = Answer("reputation.list", StandingRow, many=True)
SHOW = Answer("reputation.show", StandingRow)
EXPLAIN = Answer("reputation.explain", CauseRow, many=True)
HISTORY = Answer("reputation.history", EpochRow, many=True)
WHATIF = Answer("reputation.whatif", ProspectRow, many=True)
VERIFY = Answer("reputation.verify", VerifiedRow)

Who = Annotated[str, typer.Argument(help="A node's name, or how an identity begins.")]
EpochNumber = Annotated[int | None, typer.Option("--epoch", min=0, help="This epoch; default the last that ended.")]


# ---------------------------------------------------------------- as a node knows it


@app.command("list")
def list_(net: Net = HERE, via: Via = None, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """List everybody's reputation and voting units, those with most first."""
    network = elected(net)
    rows = [row for _, row in _standings(network, net, via)]
    LIST.show(sorted(rows, key=lambda row: (-row.votes, -row.units, row.identity)), output, as_json)


@app.command()
def show(who: Who, net: Net = HERE, via: Via = None, output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Show one reputation with all that it is made of."""
    network = elected(net)
    SHOW.show(_find(_standings(network, net, via), who)[1], output, as_json)


def _standings(network: Network, net: Path, via: str | None) -> list[tuple[dict[str, Any], StandingRow]]:
    """What the node says of each vehicle, and the same as a row."""
    constants = reputation_params(params_of(network.genesis))
    names = {home.identity: home.name for home in network.homes.values()}
    with connect(net, via) as client:
        members = client.query("members")
        total = client.query("electorate")["total_units"]
    vehicles = [each for each in members if each["kind"] == "vehicle"]
    return [(each, standing_row(each, names.get(each["identity"]), total, constants)) for each in vehicles]


def _find(standings: Sequence[tuple[dict[str, Any], StandingRow]], who: str) -> tuple[dict[str, Any], StandingRow]:
    known = {row.identity: (said, row) for said, row in standings}
    known |= {row.name: (said, row) for said, row in standings if row.name is not None}
    return choose(known, who, "vehicle")


@app.command()
def whatif(
    who: Who,
    epochs: Annotated[int, typer.Option("--epochs", min=1, max=10_000, help="For so many epochs.")] = 16,
    done: Annotated[int | None, typer.Option("--do", min=0, help="Duties done per epoch; default all.")] = None,
    is_missing: Annotated[bool, typer.Option("--miss", help="It does no duty: the same as --do 0.")] = False,
    is_convicted: Annotated[bool, typer.Option("--convicted", help="A fault is proven in the first epoch.")] = False,
    net: Net = HERE,
    via: Via = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Foresee the units of an identity that does, or misses, its duties, or is convicted; all else stays as it is."""
    network = elected(net)
    params = params_of(network.genesis)
    offered = params.duties_per_epoch
    doing = 0 if is_missing else offered if done is None else done
    if doing > offered or (is_missing and done):
        raise ValueError(f"of {offered} duties per epoch nobody does {done if is_missing else doing}")
    said, row = _find(_standings(network, net, via), who)
    with connect(net, via) as client:
        total = client.query("electorate")["total_units"]
    record = None if said["reputation"] is None else Reputation(**{**said["reputation"], "deeds": ()})
    first = row.epoch
    plan = [Evidence(offered, doing, proofs=(at,) if is_convicted and at == first else ())
            for at in range(first, first + epochs)]  # fmt: skip
    constants = reputation_params(params)
    found = foresee(standing_of(record, constants), plan, first, total, constants)
    WHATIF.show([prospect_row(each) for each in found], output, as_json)


# ---------------------------------------------------------------- as it follows from the blocks


@app.command()
def explain(
    who: Who,
    epoch: EpochNumber = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="So many epochs up to that one.")] = 1,
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Explain the units of an identity: every cause with its height, its evidence, and its exact share; offline."""
    found = _pick(open_chain(net, via, chain), who)
    last = found[-1].epoch if epoch is None else epoch
    chosen = [each for each in found if last - epochs < each.epoch <= last]
    if not chosen:
        raise CommandFailed(
            "not-found", f"nothing is known of {who} in epoch {last}", next_=f"bac reputation history {who}"
        )
    EXPLAIN.show([row for each in chosen for row in causes_of(each)], output, as_json)


@app.command()
def history(
    who: Who,
    last: Annotated[int, typer.Option("--last", min=1, help="At most so many epochs.")] = 20,
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """List the epochs of an identity: its duties, what was proven, its units; the newest last; offline."""
    found = _pick(open_chain(net, via, chain), who)
    HISTORY.show([epoch_row(each) for each in found[-last:]], output, as_json)


def _pick(chain: Chain, who: str) -> list[Reckoning]:
    """The reckonings of the one identity that `who` means, by epoch."""
    by_identity: dict[NodeId, list[Reckoning]] = {}
    for each in _reckonings(chain):
        by_identity.setdefault(each.identity, []).append(each)
    if not by_identity:
        raise CommandFailed("not-found", "no epoch has ended yet", next_="bac net wait")
    known = {identity.hex(): found for identity, found in by_identity.items()}
    known |= {name: by_identity[identity] for identity, name in chain.names.items() if identity in by_identity}
    return choose(known, who, "vehicle")


def _reckonings(chain: Chain) -> Iterator[Reckoning]:
    beginning = beginning_of(chain)
    constants = reputation_params(beginning.params)
    for account in accounts(chain, beginning):
        yield from reckon(account, constants)


@app.command()
def verify(
    net: Net = HERE,
    via: From = None,
    chain: File = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Recompute all units, offline, from the chain's own facts: bit for bit, or status 1 and where it differs."""
    opened = open_chain(net, via, chain)
    beginning = beginning_of(opened)
    blocks = epochs = standings = 0
    replay = beginning.replay()
    for step in walk(opened, beginning):
        replay, blocks = step.replay, blocks + 1
        if step.account is not None:
            epochs, standings = epochs + 1, standings + len(step.account.assessments)
    row = VerifiedRow(
        verdict="holds", chain=opened.source, network=beginning.ground.network.hex(), engine=ENGINE, blocks=blocks,
        epochs=epochs, standings=standings, height=replay.tip.header.height, head=replay.tip.hash.hex(),
        state_root=replay.tip.header.state_root.hex(),
        electorates=min(epochs, len(opened.boundaries)),
    )  # fmt: skip
    VERIFY.show(row, output, as_json)
    say(f"all units of {epochs} epochs follow from the {blocks} confirmed blocks, bit for bit")
