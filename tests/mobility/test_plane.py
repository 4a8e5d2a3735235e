"""The plane against the ellipsoid's own metric, and its refusals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.mobility.packaged import AUSTIN, HAMBURG
from bac.mobility.plane import Plane, velocity_cm_s

SEMI_MAJOR_M, E2 = 6_378_137.0, 0.00669437999014


def metres_per_degree(lat_deg: float) -> tuple[float, float]:
    """Length of a degree of latitude and of longitude on WGS84, from the radii of curvature."""
    w = math.sqrt(1 - E2 * math.sin(math.radians(lat_deg)) ** 2)
    meridian, normal = SEMI_MAJOR_M * (1 - E2) / w**3, SEMI_MAJOR_M / w
    return math.radians(meridian), math.radians(normal * math.cos(math.radians(lat_deg)))


def test_the_origin_is_zero_and_the_axes_point_east_and_north() -> None:
    assert HAMBURG.to_cm(53.56, 9.98) == (0, 0)
    east, north = HAMBURG.to_cm(53.56, 9.981), HAMBURG.to_cm(53.561, 9.98)
    assert east[0] > 6_600
    assert abs(east[1]) <= 1
    assert north[1] > 11_100
    assert north[0] == 0


@settings(max_examples=300)
@given(
    plane=st.sampled_from([HAMBURG, AUSTIN, Plane(0.0, 179.99), Plane(-33.0, -70.0)]),
    away_km=st.floats(0, 50),
    bearing=st.floats(0, 2 * math.pi),
    turn=st.floats(0, 2 * math.pi),
)
def test_lengths_within_50_km_are_right_to_1_in_30000(
    plane: Plane, away_km: float, bearing: float, turn: float
) -> None:
    lat_m, lon_m = metres_per_degree(plane.lat_deg)
    lat = plane.lat_deg + away_km * 1000 * math.cos(bearing) / lat_m
    lon = plane.lon_deg + away_km * 1000 * math.sin(bearing) / lon_m
    lat_m, lon_m = metres_per_degree(lat)
    step_lat, step_lon = 300 * math.cos(turn) / lat_m, 300 * math.sin(turn) / lon_m
    ends = [(lat - step_lat / 2, lon - step_lon / 2), (lat + step_lat / 2, lon + step_lon / 2)]
    (x0, y0), (x1, y1) = (plane.to_cm(la, (lo + 180) % 360 - 180) for la, lo in ends)
    # 300 m: 1 cm of shrinking and up to 1 cm of rounding at both ends.
    assert abs(math.hypot(x1 - x0, y1 - y0) - 30_000) <= 30_000 / 30_000 + 1.5


def test_what_is_too_far_or_no_place_on_earth_is_refused() -> None:
    for lat, lon in ((54.5, 9.98), (53.56, 11.6), (-53.56, -170.02), (9.98, 53.56)):
        with pytest.raises(ValueError, match="over 100 km"):
            HAMBURG.to_cm(lat, lon)
    for lat, lon in ((91.0, 0.0), (0.0, 181.0), (math.nan, 0.0), (0.0, math.inf)):
        with pytest.raises(ValueError, match="degrees"):
            HAMBURG.to_cm(lat, lon)
        with pytest.raises(ValueError, match="degrees"):
            Plane(lat, lon)


def test_heading_is_clockwise_from_north() -> None:
    assert velocity_cm_s(10.0, 0.0) == (0, 1000)
    assert velocity_cm_s(10.0, 90.0) == (1000, 0)
    assert velocity_cm_s(10.0, 225.0) == (-707, -707)
