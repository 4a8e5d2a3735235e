"""Protocols by name: what a network's configuration, a scenario or a driver calls them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bac.baselines.basic_bac import BasicBac
from bac.baselines.paper_bac import PaperBac
from bac.protocol import Factory
from bac.replica.replica import Replica

ENGINES: Final[Mapping[str, Factory]] = MappingProxyType({"bac": Replica, "basic-bac": BasicBac, "paper-bac": PaperBac})
"""Name to factory: a `bac.protocol.Construction` makes a node."""


def find(name: str) -> Factory:
    """The protocol called `name`. ValueError for an unknown one; the line names those that there are."""
    if name not in ENGINES:
        raise ValueError(f"no protocol is called {name!r}; there are {', '.join(sorted(ENGINES))}")
    return ENGINES[name]
