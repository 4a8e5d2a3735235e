"""`bac params`."""

from __future__ import annotations

from typing import Annotated

import typer

from bac.cli.errors import CommandFailed
from bac.cli.noun import noun
from bac.cli.output import Answer, AsJson, Format, Output, Row, say
from bac.params import DEFAULT, PRESETS, rows

app = noun("The parameters that nodes of one network share.")


class Parameter(Row, frozen=True):
    """One parameter."""

    WIDE = frozenset({"reason", "formula"})

    name: str
    value: int
    default: int
    unit: str
    formula: str
    reason: str


SHOW = Answer("params.show", Parameter, many=True)


@app.command()
def show(
    names: Annotated[list[str] | None, typer.Argument(help="Only these, or those that begin so.")] = None,
    preset: Annotated[str, typer.Option("--preset", help=" or ".join(PRESETS))] = "default",
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Show every parameter with its unit, formula and reason, beside the default."""
    if preset not in PRESETS:
        raise CommandFailed("not-found", f"there is no preset {preset}", next_=f"one of: {', '.join(PRESETS)}")
    params = PRESETS[preset]
    defaults = {name: value for name, value, *_ in rows(DEFAULT)}
    found = [
        Parameter(name=name, value=value, default=defaults[name], unit=unit, formula=formula, reason=reason)
        for name, value, unit, formula, reason in rows(params)
        if not names or any(name.startswith(prefix) for prefix in names)
    ]
    if not found:
        raise CommandFailed("not-found", f"there is no parameter {' or '.join(names or ())}")
    SHOW.show(found, output, as_json)
    say(f"digest {params.digest().hex()}")
