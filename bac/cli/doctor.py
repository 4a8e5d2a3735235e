"""`bac doctor`: is this machine fit? Every check says what it found, and what to do where that is not enough."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer

from bac.cli.errors import Exit
from bac.cli.noun import single
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.cli.version import installed

app = single("Is this machine fit?")

OK, WARN, FAIL = "ok", "warn", "fail"
PYTHON_MIN: Final = (3, 11)
FILES_WANTED: Final = 1024
MEMORY_WANTED: Final = 1 << 30
DISK_WANTED: Final = 1 << 30
NEEDED: Final = ("cryptography", "libp2p", "msgspec", "pynacl", "rich", "trio", "typer")


class Finding(Row, frozen=True):
    """What one check found."""

    state: str
    check: str
    found: str
    advice: str | None = None


Check = Callable[[Path], Iterator[Finding]]
DOCTOR = Answer("doctor", Finding, many=True)


def finding(check: str, fits: bool, found: str, advice: str, *, otherwise: str = FAIL) -> Finding:
    """A row; the advice is given only where it is needed."""
    return Finding(state=OK if fits else otherwise, check=check, found=found, advice=None if fits else advice)


def check_python(_: Path) -> Iterator[Finding]:
    """The interpreter."""
    found = ".".join(map(str, sys.version_info[:3]))
    yield finding("python", sys.version_info >= PYTHON_MIN, found, "Python 3.11 or newer is needed")


def check_libraries(_: Path) -> Iterator[Finding]:
    """Whether everything is installed, and whether the cryptography judges as the network does."""
    for name in NEEDED:
        version = installed(name)
        yield finding(name, version is not None, version or "missing", f"pip install {name}")
    for module, what in (
        ("bac.crypto.ed25519", "signatures"),
        ("election.vrf", "random function"),
        ("bac.crypto.bls", "aggregates"),
    ):
        try:
            import_module(module).self_test()
        except Exception as error:  # noqa: BLE001  whatever is wrong with a library is what is asked here
            yield finding(what, False, f"{type(error).__name__}: {error}", "install the locked requirements")
        else:
            yield finding(what, True, "known answers reproduced", "")


def check_machine(_: Path) -> Iterator[Finding]:
    """Cores, memory, files, processes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield finding("cores", cores >= 2, str(cores), "one core runs a network, slowly", otherwise=WARN)
    memory = available_memory()
    if memory is not None:
        advice = "about 45 MB are needed for each node"
        yield finding("memory", memory >= MEMORY_WANTED, f"{memory >> 20} MiB available", advice, otherwise=WARN)
    files = open_files()
    if files is not None:
        advice = f"ulimit -n {FILES_WANTED}: enough for about {FILES_WANTED // 16} nodes"
        yield finding("open files", files >= FILES_WANTED, str(files), advice, otherwise=WARN)
    can_fork = hasattr(os, "fork")
    yield finding("fork", can_fork, "yes" if can_fork else "no", "nodes start slower", otherwise=WARN)


def check_network(_: Path) -> Iterator[Finding]:
    """A port on loopback, and a Unix socket."""
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", 0))
        except OSError as error:
            yield finding("loopback", False, str(error), "nodes talk over 127.0.0.1")
        else:
            yield finding("loopback", True, "can listen", "")
    unix = hasattr(socket, "AF_UNIX")
    yield finding("unix sockets", unix, "yes" if unix else "no", "clients talk to nodes over one")


def check_disk(directory: Path) -> Iterator[Finding]:
    """Room, durability and the database, where networks would live."""
    free = shutil.disk_usage(directory).free
    yield finding("disk", free >= DISK_WANTED, f"{free >> 20} MiB free", "make room", otherwise=WARN)
    try:
        with TemporaryDirectory(dir=directory) as place, (Path(place) / "probe").open("wb") as file:
            file.write(b"probe")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield finding("durable writes", False, str(error), f"a directory that can be written: {directory} is none")
    else:
        yield finding("durable writes", True, "fsync works", "")
    fits = sqlite3.sqlite_version_info >= (3, 37)
    yield finding("sqlite", fits, sqlite3.sqlite_version, "SQLite 3.37 or newer is needed")


CHECKS: Final[tuple[Check, ...]] = (check_python, check_libraries, check_machine, check_network, check_disk)


def available_memory() -> int | None:
    """Bytes that can be had without swapping; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) << 10 if "MemAvailable" in fields else None


def open_files() -> int | None:
    """How many files a process may hold open; None where there is no such limit."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@app.command()
def doctor(
    directory: Annotated[Path, typer.Option("--dir", help="Where networks would live.")] = Path(),
    output: Output = Format.TABLE,
    as_json: AsJson = False,
) -> None:
    """Is this machine fit? Status 9 if it is not."""
    rows = [found for check in CHECKS for found in check(directory)]
    DOCTOR.show(rows, output, as_json)
    if any(row.state == FAIL for row in rows):
        raise typer.Exit(Exit.UNFIT)
