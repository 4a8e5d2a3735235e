"""A node's own clock."""

from __future__ import annotations

from dataclasses import dataclass, field

PPM = 1_000_000


@dataclass(slots=True)
class Clock:
    """Ahead of the simulation's time by an offset, and drifting. Its readings never decrease.

    Attributes:
        offset_us: how far it is ahead at time `since_us`; not negative.
        drift_ppm: µs gained per second from then on; above -1,000,000, which would stop it.
        since_us: when it was set.
    """

    offset_us: int = 0
    drift_ppm: int = 0
    since_us: int = 0
    _latest_us: int = field(default=0, repr=False)

    def set(self, time: int, offset_us: int, drift_ppm: int) -> None:
        """Steps the clock at `time` of the simulation; set back, it stands still until it has caught up."""
        if drift_ppm <= -PPM or offset_us < 0:
            raise ValueError("a clock is not behind the simulation, and it moves on")
        self.offset_us, self.drift_ppm, self.since_us = offset_us, drift_ppm, time

    def read(self, time: int) -> int:
        """The reading at `time` of the simulation."""
        self._latest_us = max(self._latest_us, self._face(time))
        return self._latest_us

    def wait(self, time: int, due: int) -> int:
        """A time of the simulation, after `time`, at which it reads about `due`: exactly, or a few µs less."""
        if due <= self._latest_us:
            return time + 1  # it stands still, but it reads that already
        ahead_us = due - self._face(time)
        return time + max(1, -(-ahead_us * PPM // (PPM + self.drift_ppm)))

    def _face(self, time: int) -> int:
        return time + self.offset_us + (time - self.since_us) * self.drift_ppm // PPM
