"""The software of one vehicle beside its node: reports positions, pays for energy, announces that it drives off.

Every tick of the trace it signs where it is, has as many others within radio range vouch for it as it takes, and hands
the report to its own node; where there are not so many, it reports nothing. A buyer of energy pays the seller. It never
hands in more than `WAITING_MAX` transactions that are not decided. What it hands in, and when its node tells it that it
is final, it writes down in its journal, one JSON object a line; times there are the machine's, in µs.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from bac.cli.demo.cast import TICK_US, Car, Part, Ticks, hearers
from bac.cli.demo.energy import DAY, Sale, cost_micro, energy_wh, find_sales, price_at
from bac.cli.demo.fleet import Fleet
from bac.cli.drafting import Place, draft
from bac.cli.times import SECOND, now
from bac.client import Client, TimedOut, Unreachable
from bac.crypto.suite import KeyPair
from bac.mobility.packaged import Battery, german_day_ahead, hamburg_batteries
from bac.node.network import Home
from bac.node.requests import Notice
from bac.types import Micros, NodeId
from bac.wire.codec import encode
from bac.wire.transactions import (
    Leave,
    Operation,
    Position,
    PositionReport,
    Transfer,
    Witness,
    decode_transaction,
    witness_preimage,
)

WAITING_MAX = 6
SETTLE_US = 2 * TICK_US
VALID_US = 120 * SECOND
JOURNAL = "journal.jsonl"
PATIENCE = 5.0
AGAIN_SECONDS = 0.5


@dataclass(slots=True)
class Road:
    """What all vehicles share: the trace, the market's prices, and who is on the road with a node that runs.

    Attributes:
        ticks: positions.
        place: where transactions are for.
        present: the nodes' key pairs, by the trace's name of the car.
    """

    ticks: Ticks
    place: Place
    batteries: Mapping[str, Battery] = field(default_factory=hamburg_batteries)
    hours: Sequence[tuple[int, int]] = field(default_factory=german_day_ahead)
    present: dict[str, KeyPair] = field(default_factory=dict)

    def sales_at(self, tick: int) -> list[Sale]:
        """The transfers among those who are present."""
        here = self.ticks.get(tick, {})
        return find_sales([here[name] for name in list(self.present) if name in here], self.batteries)

    def witnesses(self, name: str, tick: int, position: bytes) -> tuple[Witness, ...]:
        """Those nearest to a car vouch for its position."""
        near = hearers(name, self.ticks.get(tick, {}), list(self.present))[: self.place.params.neighbour_witnesses]
        message = witness_preimage(self.place.network, self.place.shard, position)
        keys = [self.present[each] for each in near if each in self.present]
        return tuple(Witness(NodeId(each.public), each.public, each.sign(message)) for each in keys)


class Journal:
    """What one vehicle has written down; safe for its two threads."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a")
        self._lock = threading.Lock()

    def write(self, **facts: str | int) -> None:
        """One line."""
        with self._lock:
            self._file.write(json.dumps({"at_us": now(), **facts}) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Nothing more is written."""
        with self._lock:
            self._file.close()


class Vehicle:
    """One car with its node: a thread that drives, and one that listens."""

    def __init__(self, car: Car, home: Home, keys: KeyPair, road: Road, fleet: Fleet) -> None:
        self.car = car
        self.home = home
        self._keys = keys
        self._road = road
        self._fleet = fleet
        self._is_over = threading.Event()
        self._end = threading.Event()
        self._journal = Journal(home.path / JOURNAL)
        self._mine: dict[bytes, None] = {}
        self._client: Client | None = None
        self._was_member = False
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._drive, self._listen)]

    def start(self) -> None:
        """From now on it is on the road; others hear of it once it is a member."""
        for thread in self._threads:
            thread.start()

    def leave_road(self) -> None:
        """It hands in nothing more."""
        self._road.present.pop(self.car.vehicle, None)
        self._is_over.set()

    def stop(self) -> None:
        """And hears nothing more."""
        self.leave_road()
        self._end.set()

    def close(self) -> None:
        """Waits until both threads have ended, and closes what they used; after `stop`."""
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        if self._client is not None:
            self._client.close()
        self._journal.close()

    # ------------------------------------------------------------ the tour

    def _drive(self) -> None:
        order = sum(map(ord, self.car.vehicle)) % 16 / 16 * TICK_US
        for tick in sorted(self._road.ticks):
            if not self.car.first_us <= tick <= self.car.last_us:
                continue
            due = self._fleet.wall_of(tick + int(order))
            late = time.time() - due
            if late > 2 * TICK_US / SECOND:
                continue  # its node came up later, or was away
            if self._is_over.wait(max(0.0, -late)):
                return
            if tick == self.car.last_us and self.car.part is Part.LEAVES:
                self._drive_off()
            else:
                self._hand_in(self._business(tick))

    def _drive_off(self) -> None:
        """Announces it, until its node has taken it."""
        self._road.present.pop(self.car.vehicle, None)
        while not self._hand_in([Leave()]) and not self._is_over.wait(AGAIN_SECONDS):
            pass

    def _business(self, tick: int) -> list[Operation]:
        """What there is to hand in at a tick."""
        fix = self._road.ticks[tick][self.car.vehicle]
        velocity = fix.velocity_cm_s or (0, 0)
        position = Position(NodeId(self._keys.public), Micros(DAY + tick), fix.x_cm, fix.y_cm, *velocity)
        data = encode(position)
        witnesses = self._road.witnesses(self.car.vehicle, tick, data)
        is_alone = len(witnesses) < self._road.place.params.neighbour_witnesses
        wanted: list[Operation] = [] if is_alone else [PositionReport(data, witnesses)]
        if tick % SETTLE_US == 0:
            wanted += self._payments(tick)
        return wanted

    def _payments(self, tick: int) -> list[Operation]:
        """What it owes for the energy since the last settlement."""
        amount = cost_micro(energy_wh(SETTLE_US), price_at(DAY + tick, self._road.hours))
        sellers = [sale.seller for sale in self._road.sales_at(tick) if sale.buyer == self.car.vehicle]
        owners = [self._road.present.get(seller) for seller in sellers]
        return [Transfer(NodeId(each.public), amount) for each in owners if each is not None and amount]

    def _hand_in(self, operations: Sequence[Operation]) -> bool:
        """Whether its node has taken them all."""
        try:
            self._client = self._client or Client(self.home.path, PATIENCE)
            return self._submit(self._client, operations)
        except (Unreachable, TimedOut):
            if self._client is not None:
                self._client.close()
            self._client = None
            return False

    def _submit(self, client: Client, operations: Sequence[Operation]) -> bool:
        if not self._is_member(client):
            return False
        account = client.query("account", owner=self._keys.public)
        if account["next_nonce"] - account["nonce"] > WAITING_MAX:
            self._journal.write(skipped="too many wait")
            return False
        operations = [each for each in operations if self._can_pay(each, account["coins"])]
        expiry = Micros(self._fleet.time() + VALID_US)
        made = [
            draft(self._keys, self._road.place, each, nonce=nonce, expiry=expiry, fee=None)
            for nonce, each in enumerate(operations, account["next_nonce"])
        ]
        for data, operation in zip(made, operations, strict=True):
            identity = decode_transaction(data).id
            self._mine[identity] = None
            self._journal.write(sent=identity.hex(), what=type(operation).__name__)
        receipts = client.submit(made)
        for receipt in receipts:
            if receipt.code:
                self._journal.write(refused=receipt.id.hex(), code=receipt.code)
        return not any(receipt.code for receipt in receipts)

    def _is_member(self, client: Client) -> bool:
        """Whether its membership acts in the present epoch; then it vouches for others, too, until it drives off."""
        if self._was_member:
            return True
        said = client.query("standing", identity=self._keys.public)
        self._was_member = said is not None and said["standing"] == "present"
        if self._was_member:
            self._road.present[self.car.vehicle] = self._keys
        return self._was_member

    def _can_pay(self, operation: Operation, coins: int) -> bool:
        """Who has no coins does not buy."""
        return not isinstance(operation, Transfer) or coins >= operation.amount + self._road.place.params.fee_base

    # ------------------------------------------------------------ what became of it

    def _listen(self) -> None:
        """Follows its node's commits, also after the node was away."""
        heard = 0
        while not self._end.is_set():
            with suppress(Unreachable, TimedOut), Client(self.home.path, 1.0) as client:
                last = client.subscribe(heard + 1 if heard else 0)
                heard = heard or last
                heard = self._follow(client, heard)
            self._end.wait(AGAIN_SECONDS)

    def _follow(self, client: Client, heard: int) -> int:
        while not self._end.is_set():
            try:
                said = client.receive()
            except TimedOut:
                continue
            except Unreachable:
                break
            if isinstance(said, Notice):
                heard = said.commit
                for identity, code in said.outcomes:
                    if identity in self._mine:
                        self._journal.write(final=identity.hex(), code=code, commit=said.commit)
        return heard
