"""Nodes as processes: start, stop, kill, pause, look. Plain functions; the command line calls them.

A node is known by the pid file in its directory, which names the process and when it began, so that a number that the
system has given to another process since is not mistaken for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bac.client import Client, TimedOut, Unreachable
from bac.errors import Code, Rejected
from bac.node.authority import Authority
from bac.node.keyfile import write_file
from bac.node.network import Home, Network, mark_gone
from bac.node.newcomer import Newcomer, enlist, sign
from bac.node.requests import BUSY
from bac.types import Micros
from bac.wire.transactions import Leave

STATUS_SECONDS = 2.0
POLL_SECONDS = 0.02


class NotRunning(Exception):
    """The process of this node is not there."""


@dataclass(frozen=True, slots=True)
class Status:
    """One node: its process (None: none), whether it is paused, and what it says of itself (None: silent)."""

    name: str
    pid: int | None
    is_paused: bool
    report: dict[str, Any] | None


# ---------------------------------------------------------------- pids


def write_pid(home: Home) -> None:
    """Notes this process as that of the node."""
    write_file(home.pid, f"{os.getpid()} {_began(os.getpid())}\n".encode(), replace=True, mode=0o644)


def pid_of(home: Home) -> int | None:
    """The process of a node; None if it is not running."""
    try:
        pid, began = home.pid.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _began(int(pid)) == began and _state(int(pid)) not in {"Z", "X"} else None


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _began(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else "gone"


def _state(pid: int) -> str:
    fields = _stat(pid)
    return fields[0] if fields else "X"


def signal_if_there(pid: int, number: int) -> bool:
    """Sends a signal; False if there is no such process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _signal(home: Home, number: int) -> None:
    pid = pid_of(home)
    if pid is None or not signal_if_there(pid, number):
        raise NotRunning(f"{home.name} is not running")


# ---------------------------------------------------------------- nodes


def start(network: Network, names: Sequence[str], *, via: str | None = None) -> None:
    """Starts nodes that are not running, in processes of their own that outlive this one."""
    idle = [name for name in names if pid_of(network.home(name)) is None]
    if idle:
        for name in idle:
            network.home(name).pid.unlink(missing_ok=True)
        words = _words(network, idle, via)
        subprocess.run(words, check=True, start_new_session=True, stdin=subprocess.DEVNULL)  # noqa: S603 (our words)
        wait_for_pids(network, idle)


def wait_for_pids(network: Network, names: Iterable[str], timeout: float = 30.0) -> None:
    """Returns when each of these nodes has had a process. Raises TimedOut."""
    _until(lambda: all(network.home(name).pid.exists() for name in names), timeout, "the nodes do not start")


def run(network: Network, names: Sequence[str]) -> int:
    """Runs nodes until they end or Ctrl-C ends them; none outlives this process. The exit code of the worst."""
    idle = [name for name in names if pid_of(network.home(name)) is None]
    return subprocess.call([*_words(network, idle, None), "--stay"]) if idle else 0  # noqa: S603 (our words)


def _words(network: Network, names: Iterable[str], via: str | None) -> list[str]:
    words = [sys.executable, "-m", "bac.node", str(network.path), *names]
    return words if via is None else [*words, "--via", via]


def kill(home: Home) -> None:
    """Kills a node at once, as a loss of power would, and returns when it is gone. Raises NotRunning."""
    _signal(home, signal.SIGKILL)
    _until(lambda: pid_of(home) is None, 10.0, f"{home.name} does not end")


def stop(network: Network, names: Iterable[str], timeout: float = 10.0) -> None:
    """Stops nodes cleanly, paused ones too, and returns when they are gone."""
    homes = [network.home(name) for name in names]
    for home in homes:
        pid = pid_of(home)
        if pid is not None:
            signal_if_there(pid, signal.SIGTERM)
            signal_if_there(pid, signal.SIGCONT)
    _until(lambda: all(pid_of(home) is None for home in homes), timeout, "not all nodes end")


def pause(home: Home) -> None:
    """Freezes a node, and returns when it is frozen. Raises NotRunning."""
    _signal(home, signal.SIGSTOP)
    _until(lambda: _is_paused(home), 10.0, f"{home.name} does not freeze")


def _is_paused(home: Home) -> bool:
    pid = pid_of(home)
    return pid is not None and _state(pid) == "T"


def resume(home: Home) -> None:
    """Lets a frozen node go on. Raises NotRunning."""
    _signal(home, signal.SIGCONT)


def add(network: Network, *, via: str | None = None) -> str:
    """Starts the next spare member, which joins through the node `via`, or any that runs; its name.

    Raises:
        ValueError: there is no spare member left.
        NotRunning: there is no node that it could join through.
    """
    spare = next_spare(network)
    if spare is None:
        raise ValueError("there is no spare member")
    start(network, [spare], via=via or _running(network))
    return spare


def next_spare(network: Network) -> str | None:
    """The first member that does not run and was kept for later; None if there is none."""
    kept = (name for name in network.spares if name not in network.gone)
    return next((name for name in kept if pid_of(network.home(name)) is None), None)


def join(network: Network, now: Micros, ca: Authority | None, *, via: str | None = None, timeout: float = 30.0) -> Home:
    """Makes a node that is in no genesis, starts it through `via` or any node that runs, and has it admitted.

    Returns when its admission is on the chain: it is a member from the next epoch on.

    Raises:
        NotRunning: there is no node that it could join through.
        Rejected: its admission had no effect, with the code.
        TimedOut: the admission was not ordered in time.
    """
    through = via or _running(network)
    newcomer = enlist(network, now, ca)
    bring_in(newcomer, through, timeout)
    return newcomer.home


def bring_in(newcomer: Newcomer, through: str, timeout: float = 30.0) -> None:
    """Starts a node that was enlisted, and has it admitted. Raises as `join`."""
    network, home = newcomer.network, newcomer.home
    start(network, [home.name], via=through)
    old = network.home(through)
    _until(lambda: _is_up(home), timeout, f"{home.name} does not answer")
    with Client((old if network.ca is None else home).path, timeout) as client:
        (receipt,) = client.submit([newcomer.admission])
    if receipt.code == BUSY:
        raise TimedOut(f"{through} is busy; what admits {home.name} was not taken")
    with Client(old.path, timeout) as client:
        code = receipt.code or client.wait(receipt.id, timeout).code
    if code:
        raise Rejected(Code(code), f"{home.name} is not admitted: {receipt.reason or code}")


def leave(network: Network, home: Home, now: Micros, timeout: float = 30.0) -> str:
    """Has a running node order the end of its own membership; "" or the code why that had no effect.

    Another node is asked what became of it, if one runs: who has left may be told nothing more.

    Raises:
        Unreachable: it does not run.
        TimedOut: the order is not decided yet; it may still be.
    """
    member = network.member(home)
    others = (each for each in network.homes.values() if each != home and is_answering(each))
    witness = next(others, home)
    deadline = time.monotonic() + timeout
    with Client(home.path, timeout) as client, Client(witness.path, timeout) as judge:
        handed, order = -1, b""
        while _is_present(judge, home):
            decided = judge.final(order) if order else None
            code = "" if decided is None else decided.code
            account = client.query("account", owner=home.identity)
            if account is not None and account["nonce"] > handed:
                nonce = account["next_nonce"]
                (receipt,) = client.submit([sign(member, Leave(), nonce=nonce, now=now)])
                code = receipt.code
                handed, order = (nonce, receipt.id) if not code else (handed, order)
            if code not in {"", Code.NONCE_USED}:  # what the node does by itself may have taken the nonce
                return code
            if time.monotonic() > deadline:
                raise TimedOut("the departure is not decided yet; it may still happen")
            time.sleep(POLL_SECONDS)
    mark_gone(network, home.name)
    return ""


def _is_present(client: Client, home: Home) -> bool:
    standing = client.query("standing", identity=home.identity)
    return standing is None or bool(standing["ordered_standing"] == "present")


def _running(network: Network) -> str:
    """A node that runs. Raises NotRunning."""
    found = next((name for name, home in network.homes.items() if is_answering(home)), None)
    if found is None:
        raise NotRunning("no node is running")
    return found


def _is_up(home: Home) -> bool:
    """Whether a node that was started answers. Raises NotRunning: it has ended."""
    _require_process(home)
    return is_answering(home)


def _require_process(home: Home) -> None:
    if pid_of(home) is None:
        raise NotRunning(f"{home.name} has ended: {(logs(home, 1) or ['no log'])[0]}")


def is_answering(home: Home) -> bool:
    """Whether the node takes requests."""
    if pid_of(home) is None or _is_paused(home):
        return False
    try:
        with Client(home.path, STATUS_SECONDS) as client:
            client.query("status")
    except (Unreachable, TimedOut):
        return False
    return True


def logs(home: Home, last: int = 100) -> list[str]:
    """The last lines of a node's log."""
    return home.log.read_text().splitlines()[-last:] if home.log.exists() else []


# ---------------------------------------------------------------- the network


def present(network: Network) -> list[str]:
    """The nodes that `up` starts."""
    return [name for name in network.homes if name not in {*network.spares, *network.gone}]


def up(network: Network) -> None:
    """Starts all nodes but the spare ones."""
    start(network, present(network))


def down(network: Network, timeout: float = 10.0) -> None:
    """Stops all nodes; whatever does not end in time is killed, so that none is left."""
    try:
        stop(network, network.homes, timeout)
    except TimedOut:
        for home in network.homes.values():
            if pid_of(home) is not None:
                kill(home)


def status(network: Network, names: Iterable[str] | None = None) -> Iterator[Status]:
    """Each node as it is now."""
    for name in names or network.homes:
        home = network.home(name)
        pid = pid_of(home)
        is_paused = _is_paused(home)
        report = None
        if pid is not None and not is_paused:
            try:
                with Client(home.path, STATUS_SECONDS) as client:
                    report = client.query("status")
            except (Unreachable, TimedOut):
                report = None
        yield Status(name, pid, is_paused, report)


def wait(network: Network, timeout: float, names: Sequence[str] | None = None, commits: int = 0) -> None:
    """Returns when all nodes answer, have the links that they keep, and have so many commits.

    Raises:
        TimedOut: not in time.
        NotRunning: a node has ended meanwhile.
    """
    chosen = list(names or present(network))

    def is_ready() -> bool:
        for name in chosen:
            _require_process(network.home(name))
        return all(_is_ready(each, len(chosen) - 1, commits) for each in status(network, chosen))

    _until(is_ready, timeout, f"not all of {len(chosen)} nodes are ready")


def _is_ready(status: Status, others: int, commits: int) -> bool:
    report = status.report
    if report is None or report["peers_known"] < others or report["commits"] < commits:
        return False
    is_whole = report["peers_kept"] == report["peers_known"]
    return bool(
        report["peers_connected"] >= min(others, report["peers_kept"])
        and (not is_whole or report["peers_heard"] >= others)
    )


def _until(holds: Callable[[], bool], timeout: float, otherwise: str) -> None:
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise TimedOut(otherwise)
        time.sleep(POLL_SECONDS)
