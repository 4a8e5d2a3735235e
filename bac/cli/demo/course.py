"""The course of the demo: who starts, arrives, leaves, is killed and comes back, and when; and that all ends.

Everything happens at stated shares of the window; what depends on the network (who leads when one is killed, when a
leaver has left) is asked of it. Long deeds run on threads of their own, so that the others are on time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any, Final

from bac.cli.blocks import BLOCK_BYTES_MAX
from bac.cli.demo.cast import Car, Part, Ticks, Window
from bac.cli.demo.fleet import SYBIL, Fleet
from bac.cli.demo.progress import Told
from bac.cli.demo.vehicle import Road, Vehicle
from bac.cli.drafting import Place
from bac.client import Client, TimedOut, Unreachable
from bac.crypto.production import Production
from bac.finality.site import Block
from bac.node import processes
from bac.params import PRESETS
from bac.types import NodeId
from bac.wire.codec import decode

SYBIL_AT: Final = 0.15
SYBIL_SECONDS: Final = 4.0
KILL_AT: Final = 0.4
DEAD_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.25
READY_SECONDS: Final = 25.0
GONE_SECONDS: Final = 25.0
END_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 20.0
PROMISE: Final = "promised.json"
"""In the home of who is killed: how far it had reported the chain as confirmed."""


class Stopped(Exception):
    """The person at the terminal has had enough."""


@dataclass(slots=True)
class Course:
    """One run.

    Attributes:
        killed: name of the leader that was killed.
        troubles: what did not go as it should; each is a failed check.
    """

    fleet: Fleet
    cast: tuple[Car, ...]
    window: Window
    ticks: Ticks
    told: Told
    is_stopped: threading.Event
    killed: str | None = None
    troubles: list[str] = field(default_factory=list)
    vehicles: list[Vehicle] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    # ------------------------------------------------------------ the run

    def run(self) -> None:
        """From the first process to the last. Raises Stopped."""
        self._start()
        road = self._road()
        for name in self.fleet.founders:
            self._take_to_the_road(name, road)
        agenda = sorted(self._agenda(road), key=lambda entry: entry[0])
        for due, deed in agenda:
            self._wait_until(self.fleet.wall_of(due))
            self._aside(deed)
        self._wait_until(self.fleet.wall_of(self.window.end_us))
        for vehicle in self.vehicles:
            vehicle.leave_road()
        self.told.note("the window ends; what is under way is confirmed")
        for thread in self._threads:
            thread.join(READY_SECONDS)
        self._settle()
        for vehicle in self.vehicles:
            vehicle.stop()

    def car(self, name: str) -> Car:
        """The car of a node."""
        return next(car for car in self.cast if car.vehicle == self.fleet.names[name])

    def playing(self, part: Part) -> list[str]:
        """The nodes whose cars do that."""
        return [name for name in self.fleet.names if self.car(name).part is part]

    @property
    def door(self) -> str:
        """The node through which newcomers join: the first founder, which is never killed."""
        return self.playing(Part.STAYS)[0]

    @property
    def traitor(self) -> str:
        """The node that equivocates: the last founder who stays."""
        return self.playing(Part.STAYS)[-1]

    def _agenda(self, road: Road) -> Iterator[tuple[int, Callable[[], None]]]:
        yield self.window.part_us(SYBIL_AT), self._try_sybil
        yield self.window.part_us(KILL_AT), self._kill_leader
        for name in self.playing(Part.ARRIVES):
            yield self.car(name).first_us, partial(self._arrive, name, road)
        for name in self.playing(Part.LEAVES):
            yield self.car(name).last_us, partial(self._see_off, name)

    def _aside(self, deed: Callable[[], None]) -> None:
        def work() -> None:
            try:
                deed()
            except Exception as error:  # noqa: BLE001  whatever it was fails the demo, and is told
                self.troubles.append(f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _wait_until(self, wall: float) -> None:
        """Looks at the network until then. Raises Stopped."""
        while (left := wall - time.time()) > 0:
            if self.is_stopped.wait(min(left, LOOK_SECONDS)):
                raise Stopped
            self.told.look(self._head())
        if self.is_stopped.is_set():
            raise Stopped

    def _settle(self) -> None:
        """Until every node that runs has confirmed what the first one has now, or for `SETTLE_SECONDS`."""
        target = (self._head() or {"height": 0})["height"]
        deadline = time.time() + SETTLE_SECONDS
        while time.time() < deadline and self._is_behind(target):
            self._wait_until(time.time() + LOOK_SECONDS)

    def _is_behind(self, height: int) -> bool:
        for home in self.fleet.network.homes.values():
            if processes.pid_of(home) is None:
                continue
            try:
                with Client(home.path, 1.0) as client:
                    if _reported_height(client) < height:
                        return True
            except (Unreachable, TimedOut):
                return True
        return False

    def _head(self) -> dict[str, Any] | None:
        for home in self.fleet.network.homes.values():
            with suppress(Unreachable, TimedOut), Client(home.path, 1.0) as client:
                found: dict[str, Any] = client.query("head")
                return found
        return None

    # ------------------------------------------------------------ deeds

    def _start(self) -> None:
        network = self.fleet.network
        founders = self.fleet.founders
        processes.start(network, [name for name in founders if name != self.traitor])
        processes.start(self.fleet.traitor, [self.traitor])
        processes.wait(network, READY_SECONDS, founders)
        self.told.note(f"{len(founders)} founders are up and connected; {self.traitor} means to equivocate")

    def _road(self) -> Road:
        member = self.fleet.network.member(next(iter(self.fleet.network.homes.values())))
        return Road(self.ticks, Place(member.network, member.shard, PRESETS["demo"]))

    def _take_to_the_road(self, name: str, road: Road) -> None:
        home = self.fleet.network.home(name)
        keys = Production("ed25519-list").key_pair(self.fleet.network.secrets(home).signing)
        vehicle = Vehicle(self.car(name), home, keys, road, self.fleet)
        vehicle.start()
        self.vehicles.append(vehicle)

    def _arrive(self, name: str, road: Road) -> None:
        """A newcomer: a process, and its admission."""
        self.told.note(f"{name} ({self.fleet.names[name]}) arrives with a credential, and asks to be admitted")
        processes.bring_in(self.fleet.newcomers[name], self.door, READY_SECONDS)
        self.told.note(f"{name} is admitted")
        self._take_to_the_road(name, road)

    def _see_off(self, name: str) -> None:
        """Stops a leaver's process once it votes no more."""
        home = self.fleet.network.home(name)
        self.told.note(f"{name} ({self.fleet.names[name]}) announces that it drives off")
        deadline = time.monotonic() + GONE_SECONDS
        while time.monotonic() < deadline and not self.is_stopped.wait(LOOK_SECONDS):
            with suppress(Unreachable, TimedOut), Client(home.path, 2.0) as client:
                standing = client.query("standing", identity=home.identity)
                if standing["standing"] == "leaving" and not standing["units"]:
                    processes.stop(self.fleet.network, [name])
                    self.told.note(f"{name} has left: the electorate goes on without it")
                    return
        self.troubles.append(f"{name} was still a voter {GONE_SECONDS:g} s after it announced to leave")

    def _kill_leader(self) -> None:
        """Kills a leader with -9, and starts it again from its store."""
        network = self.fleet.network
        by_identity = {home.identity: name for name, home in network.homes.items()}
        staying = self.playing(Part.STAYS)[1:-1]
        with self._ask() as client:
            leaders = [by_identity.get(NodeId(each["identity"])) for each in client.query("committee")["leaders"]]
        victim = next(name for name in (*leaders, *staying) if name in staying)
        home = network.home(victim)
        with Client(home.path, 10.0) as client:
            count, block = _last_commit(client)
        promise = {"commit": count, "block": sha256(block).hexdigest()}
        (home.path / PROMISE).write_text(json.dumps(promise))
        processes.kill(home)
        self.killed = victim
        role = "leads" if victim in leaders else "votes"
        self.told.note(f"{victim}, which {role}, is killed with -9; it had reported {count} blocks as confirmed")
        if self.is_stopped.wait(DEAD_SECONDS):
            return
        processes.start(network, [victim])
        self.told.note(f"{victim} is back from its store")

    def _ask(self) -> Client:
        for home in self.fleet.network.homes.values():
            with suppress(Unreachable):
                return Client(home.path, 10.0)
        raise Unreachable("no node answers")

    def _try_sybil(self) -> None:
        """A stranger with a credential of its own making knocks at every door."""
        processes.start(self.fleet.sybil, [SYBIL])
        self.told.note("a stranger with a credential of its own making knocks at every node")
        self.is_stopped.wait(SYBIL_SECONDS)
        processes.stop(self.fleet.sybil, [SYBIL])

    # ------------------------------------------------------------ the end

    def end(self) -> None:
        """No process is left, whatever happened before."""
        self.is_stopped.set()
        for vehicle in self.vehicles:
            vehicle.stop()
        deadline = time.monotonic() + END_SECONDS
        while True:  # once more as long as a thread could start something
            is_over = not any(thread.is_alive() for thread in self._threads) or time.monotonic() > deadline
            processes.down(self.fleet.network)
            with suppress(TimedOut):
                processes.stop(self.fleet.sybil, [SYBIL])
            if is_over:
                break
            time.sleep(LOOK_SECONDS)
        for vehicle in self.vehicles:
            vehicle.close()


def _last_commit(client: Client) -> tuple[int, bytes]:
    """How many blocks the node has reported as confirmed, and the last of them; (0, b"") for none."""
    count = int(client.query("status")["commits"])
    found = client.query("commits", first=count, limit=1) if count else []
    return (count, found[0]["block"]) if found else (0, b"")


def _reported_height(client: Client) -> int:
    """The height of that block."""
    data = _last_commit(client)[1]
    return decode(Block, data, BLOCK_BYTES_MAX).header.height if data else 0
