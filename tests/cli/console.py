"""The command, run as `main` runs it: its status, what it wrote to either stream, and its answer as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bac.cli.main import run
from bac.cli.schema import answers


@dataclass(frozen=True, slots=True)
class Ran:
    """One command line, run."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The data of the envelope, which must be of the schema that it names."""
        envelope = json.loads(self.out)
        assert set(envelope) == {"schema", "data", "warnings"}
        answer = answers()[envelope["schema"]]
        msgspec.convert(envelope["data"], list[answer.kind] if answer.many else answer.kind)  # type: ignore[name-defined]  # made at run time
        return envelope["data"]

    @property
    def error(self) -> Any:
        """The error as programs read it."""
        envelope = json.loads(self.err)
        assert envelope["schema"] == "bac.error/1"
        assert envelope["data"]["exit"] == self.status
        return envelope["data"]


class Console:
    """Runs commands in a directory of their own, with a passphrase at hand."""

    def __init__(self, directory: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._capture = capture

    def __call__(self, *words: str) -> Ran:
        self._capture.readouterr()
        status = run(words)
        captured = self._capture.readouterr()
        return Ran(status, captured.out, captured.err)

    def data(self, *words: str) -> Any:
        """The data of a command that must succeed."""
        ran = self(*words, "--json")
        assert ran.status == 0, ran.err
        return ran.data
