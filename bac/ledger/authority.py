"""Orders of the authority: admission, renewal, revocation, restart of a shard, issue of coins.

Anybody may bring an order in; what counts is the authority's signature, judged at the intake. No order can be brought
in twice to a second effect: an admission needs an identity never admitted, a renewal must end later than what it
renews, a revocation is final, a restart names its parent block, and issues are counted.

Source: docs/spec/ledger.md LE-16, LE-25.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bac.errors import Code, Rejected
from bac.ledger.block import Retirements
from bac.ledger.membership import admitted, ended, renewed
from bac.ledger.records import (
    RECONFIGURED_KEY,
    Account,
    Keys,
    Member,
    Reconfigured,
    Standing,
    account_key,
    member_key,
    position_key,
)
from bac.ledger.state import SUPPLY_MAX
from bac.ledger.step import Step
from bac.params import Q16, Params
from bac.types import NodeId
from bac.wire.transactions import Admit, Issue, Reconfigure, Renew, Revoke, Summon


def admit(step: Step, order: Admit) -> None:
    """Registers an identity never registered before, and gives it an account if it has none."""
    if step.draft.member(order.identity) is not None:
        raise Rejected(Code.ALREADY_ADMITTED, "an identity is admitted once")
    keys = Keys(step.block.epoch, order.identity, order.vrf_key, order.not_after, order.credential)
    step.draft.write(member_key(order.identity), admitted(order.kind, keys))
    if step.draft.account(order.identity) is None:
        step.draft.write(account_key(order.identity), Account(0, 0, ()))


def renew(step: Step, order: Renew) -> None:
    """Replaces the credential of a member by one that ends later."""
    member = _member(step, order.identity)
    if order.not_after <= member.keys[-1].not_after:
        raise Rejected(Code.NOT_LATER, "a renewal ends later than what it renews")
    keys = Keys(step.block.epoch, order.signing_key, order.vrf_key, order.not_after, order.credential)
    step.draft.write(member_key(order.identity), renewed(member, keys, step.params.vrf_key_lead))


def revoke(step: Step, order: Revoke) -> None:
    """Ends a membership for good."""
    end_membership(step, order.identity, _member(step, order.identity), Standing.REVOKED)


def reconfigure(step: Step, order: Reconfigure) -> None:
    """Removes the members who are gone, on the parent that the order names, and records on what grounds."""
    block = step.block
    if (order.parent, order.parent_height) != (block.parent, block.height - 1):
        raise Rejected(Code.WRONG_PARENT, "the order is for another parent")
    grounds = block.retirements
    if grounds is None or grounds.digest != order.retirements:
        raise Rejected(Code.NO_RETIREMENTS, "the block does not carry the statements that the order names")
    for identity in order.removed:
        _remove(step, identity)
    step.draft.read(RECONFIGURED_KEY, Reconfigured)
    by_trust = not are_retirements_enough(grounds, step.params)
    record = Reconfigured(block.height, block.epoch, block.parent, grounds.retired, grounds.total, by_trust)
    step.draft.write(RECONFIGURED_KEY, record)


def _remove(step: Step, identity: NodeId) -> None:
    """Ends a membership; one that was ended for good before still votes in this epoch, and is no obstacle."""
    member = step.draft.member(identity)
    if member is None:
        raise Rejected(Code.NOT_A_MEMBER, "no such member")
    if member.standing not in (Standing.REVOKED, Standing.REMOVED):
        end_membership(step, identity, member, Standing.REMOVED)


def are_retirements_enough(retirements: Retirements, params: Params) -> bool:
    """Whether so many retired that nothing can have been confirmed beside the parent.

    1/3 + δ of the units, where δ is the bound assumed on dishonest units; below, a restart is an act of trust.
    """
    return 3 * Q16 * retirements.retired >= (Q16 + 3 * params.assumed_dishonest_q16) * retirements.total


def summon(step: Step, order: Summon) -> None:  # noqa: ARG001 (whatever it says)
    """Refuses a summons: it is heard by voters, and changes no ledger."""
    raise Rejected(Code.NOT_IN_BLOCKS, "a summons has no effect in a block")


def issue(step: Step, order: Issue) -> None:
    """Makes new coins."""
    totals = step.draft.totals()
    if order.serial != totals.issues:
        raise Rejected(Code.WRONG_SERIAL, f"the next issue is number {totals.issues}")
    if order.amount > SUPPLY_MAX - totals.genesis - totals.issued:
        raise Rejected(Code.SUPPLY_LIMIT, "more coins than can be counted")
    step.draft.credit(order.recipient, order.amount, step.params.account_minimum)
    step.draft.count(issued=order.amount, issues=1)


def _member(step: Step, identity: NodeId) -> Member:
    member = step.draft.member(identity)
    if member is None:
        raise Rejected(Code.NOT_A_MEMBER, "no such member")
    if member.standing is Standing.REVOKED:
        raise Rejected(Code.MEMBERSHIP_ENDED, "the membership was revoked")
    return member


def end_membership(step: Step, identity: NodeId, member: Member, standing: Standing) -> None:
    """Writes the end of a membership; its whereabouts are of no more interest."""
    step.draft.write(member_key(identity), ended(member, standing, step.block.epoch))
    if step.draft.whereabouts(identity) is not None:
        step.draft.write(position_key(identity), None)


_ORDERS: Final[Mapping[type, Callable[[Step, Any], None]]] = {
    Admit: admit,
    Renew: renew,
    Revoke: revoke,
    Reconfigure: reconfigure,
    Issue: issue,
    Summon: summon,
}


def execute_order(step: Step) -> None:
    """Executes the order that the step carries.

    Raises:
        Rejected: with the reason.
    """
    _ORDERS[type(step.inner)](step, step.inner)
