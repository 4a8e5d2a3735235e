"""At a terminal: passphrases are asked for and not echoed, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bac.node.identity import load_secrets

WORDS = "from bac.cli.main import main; main()"


@dataclass(slots=True)
class Terminal:
    """A command at a terminal of its own."""

    process: subprocess.Popen[bytes]
    master: int
    seen: bytes = b""
    read: int = 0

    def until(self, word: bytes) -> None:
        """Reads on until `word` has been shown; fails when the command ends before."""
        while (found := self.seen.find(word, self.read)) < 0:
            self.seen += os.read(self.master, 4096)
        self.read = found + len(word)

    def type(self, text: str) -> None:
        """What a person types."""
        os.write(self.master, text.encode())


@contextmanager
def terminal(directory: Path, *words: str) -> Iterator[Terminal]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BAC_")}
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WORDS, *words],
        stdin=slave, stdout=slave, stderr=slave, cwd=directory, env=environment, start_new_session=True,
    )  # fmt: skip
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


def test_a_new_passphrase_is_asked_for_twice_and_not_shown(tmp_path: Path) -> None:
    with terminal(tmp_path, "id", "new", "ev1") as shown:
        for _ in range(2):
            shown.until(b": ")
            shown.type("correct horse battery\n")
        shown.until(b"next:")
        assert shown.process.wait(60) == 0
        assert b"horse" not in shown.seen
    assert len(load_secrets(tmp_path / "ev1.key", b"correct horse battery").signing) == 32


def test_ctrl_c_at_the_prompt_ends_with_130_and_no_file(tmp_path: Path) -> None:
    with terminal(tmp_path, "id", "new", "ev1") as shown:
        shown.until(b": ")
        shown.process.send_signal(signal.SIGINT)
        shown.until(b"interrupted: interrupted")
        assert shown.process.wait(60) == 130
    assert list(tmp_path.iterdir()) == []
