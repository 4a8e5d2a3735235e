"""`bac config`: what is set, and by whom. An option of the command wins over the environment, that over the default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.errors import CommandFailed
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.node.settings import Settings

app = noun("Settings, and where each comes from.")


@dataclass(frozen=True, slots=True)
class Known:
    """A setting that the command knows."""

    option: str | None
    default: str | None
    meaning: str
    is_secret: bool = False


KNOWN: Final[Mapping[str, Known]] = {
    "BAC_NET": Known("--net", "net", "directory of the network"),
    "BAC_CA": Known("--ca", "ca", "directory of the authority"),
    "BAC_OUTPUT": Known("--output", "table", "form of answers"),
    "BAC_PASSPHRASE": Known("--passphrase-file", None, "passphrase of key files", is_secret=True),
    "BAC_TRACE": Known(None, None, "shows where an error was raised"),
    "NO_COLOR": Known(None, None, "no colours"),
}


class Setting(Row, frozen=True):
    """A setting and its origin."""

    WIDE = frozenset({"meaning"})

    name: str
    value: str | None
    origin: str
    meaning: str


class Candidate(Row, frozen=True):
    """One place where a setting may come from, the winner first."""

    origin: str
    value: str | None
    wins: bool


SHOW = Answer("config.show", Setting, many=True)
EXPLAIN = Answer("config.explain", Candidate, many=True)


def _environment(name: str, known: Known) -> str | None:
    value = os.environ.get(name)
    return "(set)" if value is not None and known.is_secret else value


def node_settings(net: Path) -> list[Setting]:
    """What every node of a network may use, and whether ``net.toml`` says so; nothing where there is no network."""
    file = net / "net.toml"
    if not file.is_file():
        return []
    given = tomllib.loads(file.read_text()).get("settings", {})
    return [
        Setting(
            name=f"settings.{name}",
            value=str(value),
            origin=str(file) if name in given else "default",
            meaning="of every node: see `bac.node.settings`",
        )
        for name, value in Settings.of(given).rows().items()
    ]


@app.command()
def show(
    net: Annotated[Path, typer.Option("--net", envvar="BAC_NET", help="Directory of the network.")] = Path("net"),
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show every setting with its value and its origin; those of the nodes, too, where there is a network."""
    rows = []
    for name, known in KNOWN.items():
        given = _environment(name, known)
        origin = "default" if given is None else "environment"
        rows.append(Setting(name=name, value=given or known.default, origin=origin, meaning=known.meaning))
    SHOW.show(rows + node_settings(net), output, as_json)


@app.command()
def explain(
    name: Annotated[str, typer.Argument(help="As `bac config show` names it.")],
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show who decides a setting, and who would if that one did not."""
    known = KNOWN.get(name.upper()) or KNOWN.get(f"BAC_{name.upper()}")
    if known is None:
        raise CommandFailed("not-found", f"there is no setting {name}", next_="bac config show")
    canonical = next(each for each, setting in KNOWN.items() if setting is known)
    given = _environment(canonical, known)
    rows = [] if known.option is None else [Candidate(origin=f"option {known.option}", value=None, wins=False)]
    rows.append(Candidate(origin=f"environment {canonical}", value=given, wins=given is not None))
    rows.append(Candidate(origin="default", value=known.default, wins=given is None))
    EXPLAIN.show(rows, output, as_json)
