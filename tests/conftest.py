"""Hypothesis profiles: `make test` draws the same cases every time, `make test-all` draws new ones, ten times as many."""

import os

from hypothesis import HealthCheck, settings

_COMMON = {
    "deadline": None,  # tests never depend on a machine's speed
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("short", derandomize=True, **_COMMON)
settings.register_profile("long", max_examples=1000, print_blob=True, **_COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
