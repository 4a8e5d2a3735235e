"""The door of the command: finds the module of a noun when it is called, and turns errors into words and statuses."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, Final

import typer
from typer.completion import get_completion_inspect_parameters
from typer.core import TyperCommand, TyperGroup

from bac.cli.errors import CommandFailed, complain

PROGRAM: Final = "bac"
COMPLETE: Final = "_BAC_COMPLETE"


@dataclass(frozen=True, slots=True)
class Noun:
    """A word after `bac`: the module that knows it, and what it is for."""

    module: str
    panel: str
    summary: str
    verb: str | None = None
    """Set for a daily word that is a verb of another noun: `bac up` is `bac net up`."""


NOUNS: Final = {
    "demo": Noun("bac.cli.demo", "Daily", "A first look: a network that trades, in one command."),
    "up": Noun("bac.cli.net", "Daily", "Start a network, made if it is not there.", "up"),
    "down": Noun("bac.cli.net", "Daily", "Stop the network.", "down"),
    "status": Noun("bac.cli.net", "Daily", "Is it up, and does it confirm?", "status"),
    "top": Noun("bac.cli.top", "Daily", "The network, live."),
    "doctor": Noun("bac.cli.doctor", "Daily", "Is this machine fit?"),
    "net": Noun("bac.cli.net", "Network", "Make, start and stop a network in a directory."),
    "node": Noun("bac.cli.node", "Network", "The nodes of a network, one by one."),
    "params": Noun("bac.cli.params", "Consensus", "The parameters that nodes of one network share."),
    "committee": Noun("bac.cli.committee", "Consensus", "Who leads and votes, and the draw that made it so."),
    "graph": Noun("bac.cli.graph", "Consensus", "The leaders' events of the present epoch."),
    "evidence": Noun("bac.cli.evidence", "Consensus", "What was proven, and against whom."),
    "reputation": Noun("bac.cli.reputation", "Reputation", "Voting units, and why everybody has those it has."),
    "chain": Noun("bac.cli.chain", "Ledger", "Confirmed blocks, and proofs about them."),
    "tx": Noun("bac.cli.tx", "Ledger", "Make, send and follow transactions."),
    "id": Noun("bac.cli.identity", "Identity", "Keys of your own."),
    "ca": Noun("bac.cli.ca", "Identity", "The authority that issues and revokes credentials."),
    "wallet": Noun("bac.cli.wallet", "Market", "Coins of an account."),
    "config": Noun("bac.cli.config", "Tools", "Settings, and where each comes from."),
    "schema": Noun("bac.cli.schema", "Tools", "JSON Schemas of the answers."),
    "completion": Noun("bac.cli.completion", "Tools", "Completion for your shell."),
    "version": Noun("bac.cli.version", "Tools", "Versions of all that takes part."),
}


def offered() -> dict[str, Noun]:
    """The nouns whose modules are installed."""
    return {name: noun for name, noun in NOUNS.items() if find_spec(noun.module) is not None}


def load(name: str) -> Any:
    """The command behind a word."""
    noun = NOUNS[name]
    command: Any = typer.main.get_command(importlib.import_module(noun.module).app)
    if noun.verb is not None:
        command = command.commands[noun.verb]
    return command


class Lazy(TyperGroup):
    """A group whose commands are imported when one is called, not before: `bac version` answers at once."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The words, in the order of `NOUNS`."""
        del ctx
        return list(offered())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, imported now; None if there is none."""
        del ctx
        return load(cmd_name) if cmd_name in offered() else None

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Help without importing anything: by panels."""
        listing = TyperGroup(name=self.name, help=self.help, rich_markup_mode="rich", params=self.params)
        for name, noun in offered().items():
            listing.add_command(TyperCommand(name, help=noun.summary, rich_help_panel=noun.panel))
        listing.format_help(ctx, formatter)


app = typer.Typer(
    cls=Lazy,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A consensus network for vehicles that trade energy. The daily words stand first; `bac WORD --help` goes on.",
)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """A consensus network for vehicles that trade energy. The daily words stand first; `bac WORD --help` goes on."""
    if context.invoked_subcommand is None:
        context.get_help()


WRONG_USAGE: Final[type[Exception]] = typer.BadParameter.__mro__[1]
"""What wrong usage raises. Typer exports only this one child of it."""


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit status; standard output and error are used, nothing is raised."""
    if COMPLETE in os.environ:
        get_completion_inspect_parameters()  # registers the shells
    command = typer.main.get_command(app)
    as_json = "--json" in arguments or any(pair == ("-o", "json") for pair in pairwise(arguments))
    trace = bool(os.environ.get("BAC_TRACE"))
    try:
        status = command.main(list(arguments), PROGRAM, COMPLETE, standalone_mode=False)
        sys.stdout.flush()
    except WRONG_USAGE as error:
        failed = CommandFailed("usage", str(getattr(error, "message", error)) or "wrong usage")
        return complain(failed, as_json=as_json, trace=trace)
    except (BrokenPipeError, SystemExit):  # Typer turns the first into the second, and raises no other
        # Whoever read has read enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except typer.Abort:
        return complain(KeyboardInterrupt(), as_json=as_json, trace=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  the last place where anything can be said
        return complain(error, as_json=as_json, trace=trace)
    if status == 130:
        return complain(KeyboardInterrupt(), as_json=as_json, trace=False)
    return status if isinstance(status, int) else 0


def main() -> None:
    """Entry point."""
    sys.exit(run(sys.argv[1:]))
