"""Where a passphrase comes from: a file, the environment, or the person at the terminal. It is never an argument."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from bac.cli.errors import CommandFailed

VARIABLE: Final = "BAC_PASSPHRASE"

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help=f"First line of this file; else {VARIABLE}; else asks.")
]


def passphrase(file: Path | None, of: str, *, new: bool = False) -> bytes:
    """The passphrase of the key that `of` names; asked for twice if it is `new`.

    Raises:
        CommandFailed: `no-passphrase`, there is nobody to ask.
        OSError: the file cannot be read.
    """
    if file is not None:
        return file.read_bytes().partition(b"\n")[0].removesuffix(b"\r")
    given = os.environ.get(VARIABLE)
    if given is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise CommandFailed("no-passphrase", f"the passphrase of {of} is needed, and there is no terminal to ask at")
    answer: str = typer.prompt(f"passphrase of {of}", hide_input=True, confirmation_prompt=new, err=True)
    return answer.encode()
