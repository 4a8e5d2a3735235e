"""Hypothesis profiles: `make test` draws the same cases every time, `make test-all` draws new ones."""

import os

from hypothesis import HealthCheck, settings

# No deadline: tests never depend on a machine's speed.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("short", derandomize=True, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("long", print_blob=True, deadline=None, suppress_health_check=_SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
