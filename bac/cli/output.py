"""What verbs print: rows of a declared type, as a table for people or in one of three forms for programs.

Data goes to standard output, everything else to standard error. JSON comes in an envelope whose schema is named in it
and printed by ``bac schema``; within one version of a schema, fields are only added. Whole numbers carry their unit in
the field's name; tables turn them into what people read. Unknown is null, never 0.
"""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Generic, TypeVar

import msgspec
import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Format(StrEnum):
    """Forms of an answer."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


Output = Annotated[Format, typer.Option("--output", "-o", envvar="BAC_OUTPUT", help="Form of the answer.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as -o json.")]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what verbs answer with: built-in types only."""

    WIDE: ClassVar[frozenset[str]] = frozenset()
    """Fields that a table leaves out where there are fewer than `WIDE_COLUMNS`."""


R = TypeVar("R", bound=Row)

WIDE_COLUMNS: Final = 110
SHORT_ID: Final = 12
GOOD: Final = frozenset({"ok", "valid", "up", "ready", "final", "done", "holds", "running", "yes"})
DOUBTFUL: Final = frozenset({"warn", "expiring", "paused", "unknown", "stopping", "starting"})
BAD: Final = frozenset({"fail", "expired", "revoked", "rejected", "down", "dead", "fails", "no", "killed", "stopped"})
_HEX: Final = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """The declared answer of one verb: ``bac.<noun>.<verb>/1``, one row or many."""

    name: str
    kind: type[R]
    many: bool = False

    @property
    def schema(self) -> str:
        """As it stands in the envelope."""
        return f"bac.{self.name}/1"

    def show(self, data: R | Sequence[R], output: Format, as_json: bool = False, warnings: Sequence[str] = ()) -> None:
        """Prints `data`."""
        rows: Sequence[R] = data if isinstance(data, Sequence) else (data,)
        match Format.JSON if as_json else output:
            case Format.JSON:
                envelope = {"schema": self.schema, "data": data, "warnings": list(warnings)}
                _write(msgspec.json.format(msgspec.json.encode(envelope)).decode())
            case Format.JSONL:
                for row in rows:
                    _write(msgspec.json.encode(row).decode())
            case Format.CSV:
                _write_csv(self.kind, rows)
            case Format.TABLE:
                _write_table(self.kind, rows, self.many)
        if as_json or output is not Format.JSON:
            for warning in warnings:
                say(f"warning: {warning}")


def say(line: str) -> None:
    """One line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  the one place that does


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


def _write_csv(kind: type[Row], rows: Sequence[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(kind.__struct_fields__)
    for row in rows:
        writer.writerow("" if value is None else _flat(value) for value in msgspec.structs.astuple(row))


def _flat(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str | int | float) else msgspec.json.encode(value).decode()


def width() -> int | None:
    """Columns of the terminal; None where the output is not one, and nothing needs to be cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _write_table(kind: type[Row], rows: Sequence[Row], many: bool) -> None:
    # Rich takes as long to import as the rest: only who needs it pays.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    columns = width()
    console = Console(file=sys.stdout, width=columns or 10_000, highlight=False)
    if many and not rows:
        say("nothing to show")
        return
    narrow = columns is not None and columns < WIDE_COLUMNS
    left_out = kind.WIDE if narrow and many else frozenset()
    told = {name for name in kind.__struct_fields__ for row in rows if getattr(row, name) is not None}
    names = [name for name in kind.__struct_fields__ if name in told and name not in left_out]
    if many:
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for name in names:
            is_number = all(isinstance(getattr(row, name), int | float | None) for row in rows)
            table.add_column(title_of(name), justify="right" if is_number else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell(name, getattr(row, name)), _style(getattr(row, name))) for name in names))
        _print(console, table)
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name in names:
        value = getattr(rows[0], name)
        table.add_row(title_of(name).lower(), Text(cell(name, value, whole=True), _style(value)))
    _print(console, table)


def _print(console: Console, table: Table) -> None:
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    sys.stdout.writelines(line.rstrip() + "\n" for line in captured.get().splitlines())


def _style(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return "green" if value in GOOD else "yellow" if value in DOUBTFUL else "red" if value in BAD else ""


_UNITS: Final = ("_micro", "_us", "_bytes", "_units", "_epochs")


def title_of(name: str) -> str:
    """The heading of a field: its name, without the unit that the cell shows."""
    for unit in _UNITS:
        name = name.removesuffix(unit)
    return name.replace("_", " ").upper()


def cell(name: str, value: Any, *, whole: bool = False) -> str:
    """A value as people read it; ids are cut to a prefix unless the `whole` is asked for."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return quantity(name, value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {cell(name, each)}" for key, each in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(cell(name, each, whole=whole) for each in value) or "-"
    text = str(value)
    is_id = len(text) >= 2 * SHORT_ID and set(text) <= _HEX
    return text[:SHORT_ID] if is_id and not whole else text


def quantity(name: str, value: int | float) -> str:
    """A number with the unit that its field's name carries."""
    if name.endswith("_micro"):
        whole, part = divmod(abs(int(value)), 10**6)
        return f"{'-' if value < 0 else ''}{whole}.{part:06d}"
    if name.endswith("_us"):
        return f"{value / 1e6:.3g} s" if value >= 10**6 else f"{value / 1e3:.3g} ms" if value >= 1000 else f"{value} us"
    if name.endswith("_bytes"):
        for unit in ("B", "KiB", "MiB"):
            if value < 1024:
                return f"{value:.4g} {unit}"
            value /= 1024
        return f"{value:.4g} GiB"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
