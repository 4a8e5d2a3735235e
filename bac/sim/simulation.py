"""The simulator: the driver that runs protocol objects in a world of its own, one event after the other.

Theory of operation. Everything that will happen stands in one heap, ordered by (time, sequence): times are whole µs,
and the sequence, counted up by every entry, decides between equal times, so that the order of a run is a function of
the seed. What happens is either an arrival (an input for a node) or an action of the driver (a timer, a fault, the end
of a node's work).

A `Send` is one entry however many recipients it has: a `Flight` holds its arrivals sorted, and stands in the heap with
the earliest; after each arrival it is put back with the next. The heap stays as small as the number of messages on
their way, which is what makes hundreds of nodes affordable.

A node whose work costs nothing and whose clock is the simulation's takes its arrivals the short way, here; any other
through `bac.sim.host.Host.arrive`. Both ways hand over the same input and leave the same trace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from heapq import heappop, heapreplace
from typing import Any, Final

from bac.errors import Rejected
from bac.sim.agenda import Action, Agenda
from bac.sim.dispatch import Dispatch
from bac.sim.facts import Fact
from bac.sim.host import Host, Machinery, Short
from bac.sim.network import Network
from bac.sim.subject import Costs, Subject
from bac.sim.trace import Kind, Trace

SLICE: Final = 4096
"""Events taken at a stretch."""

FREE: Final = Costs()


class Runaway(Exception):
    """The run took more events than it was allowed: nodes keep each other busy without end."""


class Simulation:
    """A run. Nothing happens before `start`; then time passes in `advance` alone."""

    def __init__(
        self,
        subject: Subject,
        network: Network,
        *,
        seed: int,
        trace: Trace | None = None,
        costs: Costs = FREE,
        observer: Callable[[Fact], None] | None = None,
        by_wire: bool = False,
        events_max: int = 1 << 40,
    ) -> None:
        """Takes the parts of a run.

        Args:
            subject: the nodes.
            network: between as many nodes.
            seed: each node gets its own generator from it.
            trace: where inputs and effects are recorded.
            costs: of work.
            observer: is told every fact, in order.
            by_wire: receivers get what the codec decodes from the bytes sent, not the sender's object.
            events_max: `advance` raises Runaway beyond so many events.
        """
        self.time = 0
        self.events = 0
        self.network = network
        self.trace = Trace() if trace is None else trace
        self._seed = seed
        self._events_max = events_max
        self._delivered = 0
        self._agenda = Agenda()
        self._short: list[Short] = [None] * len(subject.ids)
        self._dispatch = Dispatch(subject.ids, subject.codec, network, self._agenda, self.trace, by_wire=by_wire)
        self._machinery = Machinery(
            subject, seed, costs, observer, self._agenda, self.trace, self._dispatch, self._short
        )
        self.hosts = tuple(Host(self._machinery, index) for index in range(len(subject.ids)))

    def start(self) -> None:
        """Constructs and starts all nodes, now."""
        for host in self.hosts:
            host.construct(self.time)

    def at(self, time: int, action: Action) -> None:
        """Does `action` at `time`. ValueError for the past."""
        if time < self.time:
            raise ValueError(f"{time} us is in the past of {self.time} us")
        self._agenda.act(time, action)

    def submit(self, node: int, transaction: Any, time: int) -> None:
        """A client hands `transaction` to `node` at `time`; nobody takes it if the node is down then."""
        self.at(time, partial(self.hosts[node].arrive, (Kind.TRANSACTION, transaction, 0)))

    def observe(self, fact: Fact) -> None:
        """Tells the observer something that only the scenario knows."""
        self._machinery.observe(fact)

    @property
    def delivered(self) -> int:
        """Messages handed to nodes, and not rejected."""
        return self._delivered + self._machinery.tally[Kind.MESSAGE.name]

    def tally(self) -> Mapping[str, int]:
        """Counts of what happened: messages and bytes sent and lost, inputs handed over, refused, missed."""
        inputs = {key: count for key, count in sorted(self._machinery.tally.items()) if key != Kind.MESSAGE.name}
        return {
            "events": self.events,
            "delivered": self.delivered,
            "sends": self._dispatch.sends,
            "copies": self._dispatch.copies,
            "bytes": self._dispatch.bytes,
            "lost": self.network.lost,
            "malformed": self._dispatch.malformed,
            **inputs,
        }

    def advance(self, until: int) -> None:
        """Lets everything happen up to and with time `until`.

        Raises:
            Runaway: more than `events_max` events. What else a protocol raises passes, with a note of time and seed.
        """
        try:
            while self._drain(until) == SLICE:
                self._check_events()
        except Exception as error:
            error.add_note(f"in the simulation of seed {self._seed} at {self.time} us")
            raise
        self.time = max(self.time, until)

    def _check_events(self) -> None:
        if self.events > self._events_max:
            raise Runaway(f"more than {self._events_max} events")

    def _drain(self, until: int) -> int:
        """Takes up to `SLICE` events not after `until`; answers how many there were."""
        heap = self._agenda.heap
        hosts, short = self.hosts, self._short
        append, pack = self.trace.append, self.trace.pack
        message = int(Kind.MESSAGE)
        taken = delivered = 0
        while taken < SLICE and heap and heap[0][0] <= until:
            taken += 1
            time, sequence, receiver, flight = heap[0]
            self.time = time
            if receiver < 0:
                heappop(heap)
                flight(time)
                continue
            arrivals = flight.arrivals
            if arrivals:
                following, recipient = arrivals.pop()
                if following == time:
                    heap[0] = (time, sequence, recipient, flight)  # nothing is between two arrivals of one time
                else:
                    heapreplace(heap, (following, sequence, recipient, flight))
            else:
                heappop(heap)
            handler = short[receiver]
            if handler is None:
                hosts[receiver].arrive((Kind.MESSAGE, flight, flight.number), time)
                continue
            append(pack(message, time, receiver, time, flight.number, 0))
            try:
                effects = handler(flight.sender, flight.message, time)
            except Rejected as refusal:
                hosts[receiver].refuse(refusal, time)
                continue
            delivered += 1
            if effects:
                hosts[receiver].perform(effects, time)
        self.events += taken
        self._delivered += delivered
        self.trace.flush_batch()
        return taken
