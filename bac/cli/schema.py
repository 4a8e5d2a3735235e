"""`bac schema`: what the answers of the verbs look like, for programs."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import msgspec
import typer

from bac.cli.errors import Report
from bac.cli.main import offered
from bac.cli.noun import single
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.prefixes import choose

app = single("JSON Schemas of the answers.")


class Listed(Row, frozen=True):
    """One schema by name."""

    schema: str
    rows: str
    fields: list[str]


LIST = Answer("schema", Listed, many=True)


def answers() -> dict[str, Answer[Any]]:
    """Every declared answer, by the name of its schema."""
    modules = {noun.module for noun in offered().values()}
    found = (value for module in sorted(modules) for value in vars(importlib.import_module(module)).values())
    return {value.schema: value for value in found if isinstance(value, Answer)}


def schema_of(answer: Answer[Any]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the envelope of `answer`."""
    kind: Any = list[answer.kind] if answer.many else answer.kind  # type: ignore[name-defined]  # made at run time
    return _envelope(answer.schema, kind)


def _envelope(name: str, kind: Any) -> dict[str, Any]:
    (data,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": name,
        "type": "object",
        "required": ["schema", "data", "warnings"],
        "properties": {
            "schema": {"const": name},
            "data": data,
            "warnings": {"type": "array", "items": {"type": "string"}},
        },
        "$defs": definitions,
    }


@app.command()
def schema(
    name: Annotated[str | None, typer.Argument(help="As in the envelope; a unique prefix will do.")] = None,
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """List the schemas of all answers, or print the JSON Schema of one."""
    known = answers()
    if name is not None:
        if name == "bac.error/1":
            found = _envelope(name, Report)
        else:
            found = schema_of(choose(known, name if name.startswith("bac.") else f"bac.{name}", "schema"))
        typer.echo(msgspec.json.format(msgspec.json.encode(found)))
        return
    rows = [
        Listed(schema=each, rows="many" if answer.many else "one", fields=list(answer.kind.__struct_fields__))
        for each, answer in sorted(known.items())
    ]
    LIST.show(rows, output, as_json)
