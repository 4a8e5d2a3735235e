"""``python -m bench [SUITE…] [--no-record]``: prints CONFIG and RESULTS of each suite; exit 1 if a bound was missed."""

from __future__ import annotations

import argparse
import importlib
import sys

from bench.record import report

SUITES = (
    "hashgraph", "election", "shards", "ledger", "crypto", "sim", "finality", "replica", "leader",
    "node", "bac", "links", "attacks",
)  # fmt: skip


def main() -> int:
    """Runs the suites named, or all. A suite is ``bench.suite_<name>`` with ``run() -> (settings, results)``."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="default: all")
    parser.add_argument("--no-record", action="store_true", help="print only")
    arguments = parser.parse_args()
    met = True
    for suite in arguments.suite or SUITES:
        settings, results = importlib.import_module(f"bench.suite_{suite}").run()
        met = report(suite, settings, results, write=not arguments.no_record) and met
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
