"""Fees: what a transaction must offer at least, and who gets what a block has taken in.

Source: docs/spec/ledger.md LE-19; the split is that of the BAC paper (primary, candidate primaries, consensus
nodes), with the remainder burnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bac.ledger.block import Roles
from bac.params import Params
from bac.types import NodeId
from bac.wire.transactions import Call, Operation, Transfer


def compute_minimum_fee(params: Params, operation: Operation, size: int) -> int:
    """What a transaction of `size` bytes must offer, in 10⁻⁶ coins. Duties and orders of the authority are free."""
    if isinstance(operation, Transfer | Call):
        return params.fee_base + params.fee_per_byte * size
    return 0


@dataclass(frozen=True, slots=True)
class FeeSplit:
    """Payments (an identity may have several), and what nobody gets. They add up to what was split."""

    payments: tuple[tuple[NodeId, int], ...]
    burnt: int


def split_fees(params: Params, total: int, roles: Roles) -> FeeSplit:
    """Splits `total` (10⁻⁶ coins): a share to P, one to the CPs by weight, one to the voters by units.

    Shares are rounded down, and so are their parts; the rest is burnt, and so is a share that nobody is there to take.
    """
    primary = () if roles.primary is None else ((roles.primary, 1),)
    payments = [
        *_divide(total * params.fee_primary_percent // 100, primary),
        *_divide(total * params.fee_candidates_percent // 100, roles.candidates),
        *_divide(total * params.fee_voters_percent // 100, roles.voters),
    ]
    return FeeSplit(tuple(payments), total - sum(amount for _, amount in payments))


def _divide(share: int, parties: Sequence[tuple[NodeId, int]]) -> list[tuple[NodeId, int]]:
    weights = sum(weight for _, weight in parties)
    return [(identity, amount) for identity, weight in parties if weight and (amount := share * weight // weights) > 0]
