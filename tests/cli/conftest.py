"""A console in an empty directory; keys cost nothing, and time is the test's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.console import Console


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Console:
    for name in ("BAC_NET", "BAC_CA", "BAC_OUTPUT", "BAC_TRACE", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BAC_PASSPHRASE", "correct horse battery")
    monkeypatch.chdir(tmp_path)
    return Console(tmp_path, capsys)
