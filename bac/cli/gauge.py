"""What a process uses, as the system counts it. Where the system does not say, the answer is None."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor time since the start of the process, and the memory that is its own share (PSS)."""

    cpu_us: int
    memory_bytes: int


def usage(pid: int) -> Usage | None:
    """Of the process `pid`; None if there is none, or the system has no /proc."""
    try:
        # The second field is a name in brackets that may hold anything: what counts begins after the last bracket.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    ticks = int(fields[11]) + int(fields[12])
    share = sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))
    return Usage(ticks * 1_000_000 // os.sysconf("SC_CLK_TCK"), share)
