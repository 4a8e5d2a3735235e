"""The network: who gets a message when, if at all.

`Network.route` answers for one `Send` at once: the arrivals of all its recipients. Every recipient costs the same
number of draws whatever happens to it, so that a fault on one link leaves the draws of the others alone. (On a network
without any trouble it costs one draw instead, for speed: there the first fault moves the draws that follow.)

Departures queue at the sender's interface, one per link class: a message to many is sent many times, one after the
other, in the order of the recipients. Whether a link is cut, and which class it has, is judged at departure; what is on
the way arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import prod
from struct import Struct
from typing import TYPE_CHECKING, Final

from bac.sim.latency import SLOTS
from bac.sim.links import HOLD, Box, LinkClass, Links, Radio, Weather
from bac.sim.positions import Point, Positions

if TYPE_CHECKING:
    from random import Random  # noqa: TID251 (a type: the generator is handed in)

_MASK: Final = SLOTS - 1
_DRAWS: Final = 5  # of 16 bits each: loss, duplicate, reorder, latency, second latency


@cache
def _words(count: int) -> Struct:
    return Struct(f"<{count}H")


@dataclass(slots=True)
class _Path:
    """A link class as it stands under the present weather."""

    table: tuple[int, ...]
    bits_per_second: int | None
    backlog_us: int
    loss_q16: int
    duplicate_q16: int
    reorder_q16: int
    busy_until: list[int]  # of each sender's interface; shared by all paths of one class


class Network:
    """Links, and everything that is wrong with them at the moment."""

    def __init__(self, nodes: int, links: Links, random: Random, positions: Positions | None = None) -> None:
        """Takes the network's own generator. A radio without positions is a ValueError."""
        if links.radio is not None and positions is None:
            raise ValueError("a radio needs positions")
        self._nodes = nodes
        self._links = links
        self._random = random
        self._positions = positions
        self._relay_busy = [0] * nodes
        self._radio_busy = [0] * nodes
        self._cuts: list[tuple[tuple[tuple[int, ...], ...], bool]] = []
        self._weathers: list[Weather] = []
        self._outages: list[Box] = []
        self._healed = False
        self._tick = -1
        self._points: Sequence[Point | None] = ()
        self.lost = 0
        self._rebuild()

    def route(self, sender: int, recipients: Sequence[int], size: int, now: int) -> list[tuple[int, int]]:
        """Arrivals (time, receiver) of a message of `size` bytes, latest first."""
        if self._plain is not None:
            table = self._plain
            count = len(recipients)
            draws = _words(count).unpack(self._random.randbytes(2 * count))
            arrivals = [(now + table[draw & _MASK], receiver) for draw, receiver in zip(draws, recipients, strict=True)]
        else:
            arrivals = self._route_each(sender, recipients, size, now)
        arrivals.sort(reverse=True)
        return arrivals

    def _route_each(self, sender: int, recipients: Sequence[int], size: int, now: int) -> list[tuple[int, int]]:
        arrivals: list[tuple[int, int]] = []
        count = _DRAWS * len(recipients)
        words = _words(count).unpack(self._random.randbytes(2 * count))
        row = self._row(sender, now)
        cut = self._masks[sender] if self._masks else None
        draws = iter(words)
        for receiver, loss, duplicate, reorder, latency, second in zip(recipients, *[draws] * _DRAWS, strict=True):
            path = row[receiver]
            if path is None or (cut is not None and cut[receiver]):
                self.lost += 1
                continue
            leaves = now
            if path.bits_per_second is not None:
                begins = max(now, path.busy_until[sender])
                if begins - now > path.backlog_us:
                    self.lost += 1
                    continue
                leaves = begins - (-8_000_000 * size // path.bits_per_second)
                path.busy_until[sender] = leaves
            if loss < path.loss_q16:
                self.lost += 1
                continue
            arrives = leaves + path.table[latency & _MASK]
            if reorder < path.reorder_q16:
                arrives += HOLD * path.table[second & _MASK]
            arrivals.append((arrives, receiver))
            if duplicate < path.duplicate_q16:
                arrivals.append((arrives + path.table[second & _MASK], receiver))
        return arrivals

    def cut(self, groups: Sequence[Sequence[int]], *, one_way: bool = False) -> object:
        """Cuts the links between `groups` (nodes in none keep all theirs) and answers a token for `mend`.

        With `one_way` only messages from a group to a later one are lost.
        """
        token = (tuple(tuple(group) for group in groups), one_way)
        self._cuts.append(token)
        self._rebuild()
        return token

    def change_weather(self, weather: Weather) -> object:
        """Adds `weather` to all links and answers a token for `mend`."""
        self._weathers.append(weather)
        self._rebuild()
        return weather

    def fail_relay(self, region: Box) -> object:
        """The relay reaches nobody in `region`; answers a token for `mend`. ValueError without positions."""
        if self._positions is None:
            raise ValueError("a region needs positions")
        self._outages.append(region)
        self._rebuild()
        return region

    def mend(self, token: object) -> None:
        """Takes back one trouble; nothing happens if healing already did."""
        for troubles in (self._cuts, self._weathers, self._outages):
            place = next((place for place, trouble in enumerate(troubles) if trouble is token), None)
            if place is not None:
                del troubles[place]
                self._rebuild()
                return

    def heal(self) -> None:
        """Takes back all troubles; and from now on no link by itself loses, doubles or holds back anything."""
        self._healed = True
        for troubles in (self._cuts, self._weathers, self._outages):
            troubles.clear()
        self._rebuild()

    def _rebuild(self) -> None:
        """Derives everything that `route` looks up; after each change."""
        self._relay = self._path(self._links.relay, self._relay_busy, self._links.relay.bits_per_second)
        self._steps = self._radio_steps(self._links.radio)
        self._reach_cm2 = self._steps[-1][0] if self._steps else 0
        self._rows: dict[int, list[_Path | None]] = {}
        self._masks = self._make_masks() if self._cuts else []
        single = self._links.radio is None and not self._outages and not self._masks
        relay = self._relay
        quiet = not (relay.loss_q16 or relay.duplicate_q16 or relay.reorder_q16) and relay.bits_per_second is None
        self._plain = relay.table if single and quiet else None

    def _path(self, link: LinkClass, busy: list[int], rate: int | None) -> _Path:
        own = 0 if self._healed else 1
        return _Path(
            table=link.latency.table(prod(weather.stretch for weather in self._weathers)),
            bits_per_second=rate,
            backlog_us=link.backlog_us,
            loss_q16=own * link.loss_q16 + sum(weather.loss_q16 for weather in self._weathers),
            duplicate_q16=own * link.duplicate_q16 + sum(weather.duplicate_q16 for weather in self._weathers),
            reorder_q16=own * link.reorder_q16 + sum(weather.reorder_q16 for weather in self._weathers),
            busy_until=busy,
        )

    def _radio_steps(self, radio: Radio | None) -> list[tuple[int, _Path]]:
        if radio is None:
            return []
        return [(distance * distance, self._path(radio.link, self._radio_busy, rate)) for distance, rate in radio.reach]

    def _make_masks(self) -> list[bytearray]:
        masks = [bytearray(self._nodes) for _ in range(self._nodes)]
        for groups, one_way in self._cuts:
            for here, group in enumerate(groups):
                others = groups[here + 1 :] if one_way else groups[:here] + groups[here + 1 :]
                for sender in group:
                    for other in others:
                        for receiver in other:
                            masks[sender][receiver] = 1
        return masks

    def _row(self, sender: int, now: int) -> list[_Path | None]:
        """The sender's path to each node at the time of the last refresh."""
        if self._positions is None:
            sender = 0  # everybody has the same row
        elif now // self._links.refresh_us != self._tick:
            self._tick = now // self._links.refresh_us
            self._points = self._positions.at(self._tick * self._links.refresh_us)
            self._rows.clear()
        row = self._rows.get(sender)
        if row is None:
            row = self._rows[sender] = self._make_row(sender)
        return row

    def _make_row(self, sender: int) -> list[_Path | None]:
        if self._positions is None:
            return [self._relay] * self._nodes
        points = self._points
        own = points[sender]
        silenced = [any(box.holds(point) for box in self._outages) for point in points]
        return [
            self._radio_path(own, point) or (None if silenced[sender] or silenced[node] else self._relay)
            for node, point in enumerate(points)
        ]

    def _radio_path(self, own: Point | None, other: Point | None) -> _Path | None:
        if own is None or other is None or not self._steps:
            return None
        distance_cm2 = (own[0] - other[0]) ** 2 + (own[1] - other[1]) ** 2
        if distance_cm2 > self._reach_cm2:
            return None
        return next(path for reach_cm2, path in self._steps if distance_cm2 <= reach_cm2)
