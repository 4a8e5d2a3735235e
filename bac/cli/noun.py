"""How a noun is declared: a group of verbs that shows its help when it is called without one."""

from __future__ import annotations

import typer


def noun(summary: str) -> typer.Typer:
    """A group of verbs; `summary` is the one line of its help."""
    app = typer.Typer(help=summary, add_completion=False, pretty_exceptions_enable=False)

    @app.callback(invoke_without_command=True, help=summary)
    def group(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            context.get_help()

    return app


def single(summary: str) -> typer.Typer:
    """A verb that stands alone; `summary` is the one line of its help."""
    return typer.Typer(help=summary, add_completion=False, pretty_exceptions_enable=False)
