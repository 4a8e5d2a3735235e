"""What a network is made of: link classes as data.

Two classes, as vehicles have them: the *relay* (RSU or cellular) reaches everybody, is slower, and may fail by region;
the *radio* (direct V2V) reaches who is in range, at a rate that falls with the distance. A network without positions
has the relay class alone: then it is simply the network.
"""

from __future__ import annotations

from dataclasses import dataclass

from bac.sim.latency import ONE_Q16, Latency
from bac.sim.positions import Point


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkClass:
    """One kind of link. Probabilities are per message and receiver.

    Attributes:
        latency: propagation and processing on the way, without serialisation.
        bits_per_second: rate of the sender's interface of this class, shared by all that it sends; None: unlimited.
        backlog_us: what would wait longer than this at the interface is dropped there.
        loss_q16: probability that a message is lost, in 2⁻¹⁶.
        duplicate_q16: probability that it arrives a second time, one more latency later.
        reorder_q16: probability that it is held back by `HOLD` more latencies, so that later ones overtake it.
    """

    latency: Latency
    bits_per_second: int | None = None
    backlog_us: int = 5_000_000
    loss_q16: int = 0
    duplicate_q16: int = 0
    reorder_q16: int = 0

    def __post_init__(self) -> None:
        if not all(0 <= p <= ONE_Q16 for p in (self.loss_q16, self.duplicate_q16, self.reorder_q16)):
            raise ValueError("a probability lies in 0 … 65536")
        if self.backlog_us < 0 or (self.bits_per_second is not None and self.bits_per_second <= 0):
            raise ValueError("a rate is positive, a backlog not negative")


HOLD = 8
"""A reordered message takes so many latencies more."""


@dataclass(frozen=True, slots=True)
class Radio:
    """Direct V2V.

    Attributes:
        link: the class at its best; the rates of `reach` take the place of its own.
        reach: (distance in cm, bits per second), ascending: the rate up to that distance. Out of the last: no link.
    """

    link: LinkClass
    reach: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        distances = [distance for distance, _ in self.reach]
        if not distances or distances != sorted(set(distances)) or distances[0] <= 0:
            raise ValueError("the distances of a radio rise from above 0")
        if any(rate <= 0 for _, rate in self.reach):
            raise ValueError("a rate is positive")


@dataclass(frozen=True, slots=True)
class Links:
    """The network's two classes; `refresh_us` is how often positions are asked for."""

    relay: LinkClass
    radio: Radio | None = None
    refresh_us: int = 1_000_000

    def __post_init__(self) -> None:
        if self.refresh_us <= 0:
            raise ValueError("refresh_us must be positive")


@dataclass(frozen=True, slots=True)
class Box:
    """A region of the plane, edges included, in cm."""

    west_cm: int
    south_cm: int
    east_cm: int
    north_cm: int

    def holds(self, point: Point | None) -> bool:
        """Whether `point` lies in it; nobody who is away does."""
        if point is None:
            return False
        return self.west_cm <= point[0] <= self.east_cm and self.south_cm <= point[1] <= self.north_cm


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What is wrong with all links for a while, on top of their own.

    Attributes:
        loss_q16: further probability of loss, in 2⁻¹⁶.
        duplicate_q16: further probability of a second arrival.
        reorder_q16: further probability of being held back.
        stretch: latencies are so many times as long.
    """

    loss_q16: int = 0
    duplicate_q16: int = 0
    reorder_q16: int = 0
    stretch: int = 1

    def __post_init__(self) -> None:
        if not all(0 <= p <= ONE_Q16 for p in (self.loss_q16, self.duplicate_q16, self.reorder_q16)):
            raise ValueError("a probability lies in 0 … 65536")
        if self.stretch < 1:
            raise ValueError("stretch is at least 1")
