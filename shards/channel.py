"""The radio channel between two vehicles: distance, signal to interference and noise, rate.

Equations (3) to (5) of the paper, section III-B. Floats: this is advice for simulation and for the choice of a trading
partner; nothing agreed depends on it. The paper leaves the received power open; here it falls with a power of the
distance (log-distance path loss, Rappaport, Wireless Communications, 2nd ed., 4.9).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from shards.motion import Report

RSU_RANGE_M = 300.0
"""Radius in which a road side unit serves vehicles (the paper, section V-A)."""
SINR_MIN_DB = 5.0
"""Least signal for a link between two vehicles (the paper, section V-A)."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A radio channel; the defaults are those of 802.11p (10 MHz at 5.9 GHz, 23 dBm).

    Attributes:
        bandwidth_hz: W of (5).
        power_w: transmitted power.
        gain_1m: share of the power that arrives at 1 m (free space at 5.9 GHz: -47.9 dB).
        path_loss_exponent: 2 in free space, about 2.7 in streets.
        noise_w_hz: power spectral density of the noise, N_0 of (4) (-174 dBm/Hz).
        noise_figure: factor by which the receiver adds to it (6 dB).
        sinr_gap: F of (5): how far practical modulation stays behind Shannon; 1 for none.
    """

    bandwidth_hz: float = 10e6
    power_w: float = 0.2
    gain_1m: float = 1.64e-5
    path_loss_exponent: float = 2.7
    noise_w_hz: float = 3.98e-21
    noise_figure: float = 4.0
    sinr_gap: float = 1.0

    @property
    def noise_w(self) -> float:
        """Noise power in the band."""
        return self.noise_w_hz * self.bandwidth_hz * self.noise_figure

    def gain(self, distance_m: float) -> float:
        """Share of the power that arrives; within a metre as at 1 m.

        Raises:
            ValueError: negative distance.
        """
        if distance_m < 0:
            raise ValueError(f"distance {distance_m} m is negative")
        return float(self.gain_1m * max(distance_m, 1.0) ** -self.path_loss_exponent)

    def sinr(self, distance_m: float, interferers_m: Iterable[float] = ()) -> float:
        """(4): received power over aggregate interference and noise, as a ratio.

        Args:
            distance_m: from the seller to the buyer.
            interferers_m: distances from other senders on the channel to the buyer.
        """
        interference_w = sum(self.power_w * self.gain(other) for other in interferers_m)
        return self.power_w * self.gain(distance_m) / (interference_w + self.noise_w)

    def rate_bps(self, distance_m: float, interferers_m: Iterable[float] = ()) -> float:
        """(5): W log2(1 + SINR / F), in bit/s; without interference the paper's own form."""
        return self.bandwidth_hz * math.log2(1 + self.sinr(distance_m, interferers_m) / self.sinr_gap)


def distance_m(seller: Report, buyer: Report) -> float:
    """(3): Euclidean distance in metres."""
    return math.hypot(buyer.x_cm - seller.x_cm, buyer.y_cm - seller.y_cm) / 100


def decibel(ratio: float) -> float:
    """A power ratio in dB.

    Raises:
        ValueError: not positive.
    """
    if ratio <= 0:
        raise ValueError(f"ratio {ratio} is not positive")
    return 10 * math.log10(ratio)
