"""Basic BAC as the paper prints it: one certificate of more than half of the voters confirms. Unsafe, for comparison.

Source: BAC paper, Algorithm 1; docs/spec/finality.md C3.
"""

from __future__ import annotations

from typing import ClassVar, Final

from bac.baselines.basic_bac import BasicBac
from bac.finality.confirmation import TwoBlocks
from bac.finality.paper import MajorityByCount, OneCertificate
from bac.proofs.electorate import Electorate

ONE_CERTIFICATE: Final = OneCertificate()


class PaperBac(BasicBac):
    """One node."""

    RULES: ClassVar[TwoBlocks] = ONE_CERTIFICATE
    ELECTORATE: ClassVar[type[Electorate]] = MajorityByCount
