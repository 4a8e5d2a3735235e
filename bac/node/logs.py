"""The log of a node: one JSON object per line, on a file or a stream."""

from __future__ import annotations

import json
from typing import Any, TextIO

from bac.node.clock import Clock


class Log:
    """Writes what happened; each line has time (µs), node and event."""

    def __init__(self, out: TextIO, node: str, clock: Clock) -> None:
        self._out = out
        self._node = node
        self._clock = clock

    def __call__(self, event: str, **facts: Any) -> None:
        """Writes one line."""
        line = {"time_us": self._clock.now(), "node": self._node, "event": event, **facts}
        self._out.write(json.dumps(line, default=str) + "\n")
        self._out.flush()
