"""The protocols that nodes run, by name: what makes their objects, and the ground that these stand on."""

from __future__ import annotations

from typing import Final

from bac.baselines.basic.ground import lay as lay_basic
from bac.baselines.basic_bac import BasicBac
from bac.node.ledger_engine import LedgerEngine
from bac.replica.ground import lay as lay_replica
from bac.replica.replica import Replica

BAC: Final = LedgerEngine("bac", Replica, lay_replica)
BASIC_BAC: Final = LedgerEngine("basic-bac", BasicBac, lay_basic)
