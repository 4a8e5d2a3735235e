"""`bac completion`: prints the script; nobody's files are edited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer
from typer.completion import get_completion_inspect_parameters, shell_complete

from bac.cli.main import COMPLETE, PROGRAM
from bac.cli.noun import single
from bac.cli.output import say

app = single("Completion for your shell.")

SHELLS: Final = {
    "bash": 'add to ~/.bashrc:  eval "$(bac completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(bac completion zsh)"',
    "fish": "bac completion fish > ~/.config/fish/completions/bac.fish",
}


@app.command()
def completion(
    context: typer.Context,
    shell: Annotated[str | None, typer.Argument(envvar="SHELL", help="bash, zsh or fish; default: yours.")] = None,
) -> None:
    """Print the completion script of a shell."""
    name = Path(shell or "").name
    if name not in SHELLS:
        raise ValueError(f"the shell is one of {', '.join(SHELLS)}, not {name!r}")
    get_completion_inspect_parameters()  # registers the shells
    shell_complete(context.find_root().command, {}, PROGRAM, COMPLETE, f"source_{name}")
    say(SHELLS[name])
