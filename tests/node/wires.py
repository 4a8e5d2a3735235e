"""Nodes in network namespaces of their own, on two bridges that can be one network or two: a real partition."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bac.node import processes
from bac.node.network import FILE, Network, load

SUBNET = "10.77.3"


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def why_not() -> str | None:
    """Why this machine makes no namespaces; None if it does."""
    name = f"bac{os.getpid()}"
    try:
        ip("netns", "add", name)
        ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"network namespaces are not allowed here: {error}"
    return None


@dataclass(frozen=True)
class Wires:
    """One namespace per node; the cables hang on bridge 0 or 1."""

    prefix: str
    names: Sequence[str]

    def space(self, name: str) -> str:
        return f"{self.prefix}{name}"

    def cable(self, name: str) -> str:
        return f"{self.prefix}v{self.names.index(name)}"

    def plug(self, name: str, bridge: int) -> None:
        """Hangs a node on a bridge."""
        ip("link", "set", self.cable(name), "master", f"{self.prefix}b{bridge}")

    def split(self, apart: Iterable[str]) -> None:
        """These nodes on one bridge, all others on the other."""
        for name in self.names:
            self.plug(name, int(name in apart))

    def start(self, net: Network, name: str) -> None:
        """Starts a node in its namespace."""
        words = ["ip", "netns", "exec", self.space(name), sys.executable, "-m", "bac.node", str(net.path), name]
        subprocess.run(words, check=True, start_new_session=True, stdin=subprocess.DEVNULL)
        processes.wait_for_pids(net, [name])


@contextmanager
def wires(names: Sequence[str]) -> Iterator[Wires]:
    """A namespace for each name, all on one bridge; gone afterwards."""
    made = Wires(f"b{os.getpid() % 10_000}", names)
    try:
        for bridge in (0, 1):
            ip("link", "add", f"{made.prefix}b{bridge}", "type", "bridge")
            ip("link", "set", f"{made.prefix}b{bridge}", "up")
        for place, name in enumerate(names):
            space, inner = made.space(name), f"{made.prefix}i{place}"
            ip("netns", "add", space)
            ip("link", "add", made.cable(name), "type", "veth", "peer", "name", inner)
            ip("link", "set", inner, "netns", space)
            ip("-n", space, "addr", "add", f"{SUBNET}.{place + 1}/24", "dev", inner)
            for device in ("lo", inner):
                ip("-n", space, "link", "set", device, "up")
            ip("link", "set", made.cable(name), "up")
            made.plug(name, 0)
        yield made
    finally:
        words = [("netns", "del", made.space(name)) for name in names]
        for each in [*words, *(("link", "del", f"{made.prefix}b{bridge}") for bridge in (0, 1))]:
            subprocess.run(["ip", *each], check=False, capture_output=True)


def spread(net: Network) -> Network:
    """The network with an address for each node, in the order of `wires`."""
    text = (net.path / FILE).read_text()
    for place, name in enumerate(net.homes):
        line = f'name = "{name}"\n'
        assert text.count(line) == 1
        text = text.replace(line, f'{line}address = "/ip4/{SUBNET}.{place + 1}/tcp/0"\n')
    Path(net.path / FILE).write_text(text)
    return load(net.path)
