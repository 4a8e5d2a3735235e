"""The operations of members and account holders, and the table that says who executes what.

A handler checks and writes; `Rejected` undoes whatever it wrote. Signatures were judged where the bytes came in.

Source: docs/spec/ledger.md LE-15, LE-17, LE-18, LE-26.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from bac.errors import Code, Rejected
from bac.ledger.applications import ApplicationView
from bac.ledger.authority import end_membership, execute_order
from bac.ledger.membership import announced, keys_at, signing_key_at, standing_at
from bac.ledger.records import AnnouncedKey, Member, Standing, Whereabouts, member_key, position_key
from bac.ledger.step import Step
from bac.types import NodeId
from bac.wire.transactions import (
    AcknowledgementKey,
    Call,
    Kind,
    Leave,
    Order,
    Position,
    PositionReport,
    Transfer,
    Witness,
)


def transfer(step: Step, operation: Transfer) -> None:
    """Moves coins."""
    if not operation.amount:
        raise Rejected(Code.ZERO_AMOUNT, "nothing to move")
    step.draft.debit(step.sender, operation.amount)
    step.draft.credit(operation.recipient, operation.amount, step.params.account_minimum)


def leave(step: Step, _: Leave) -> None:
    """Ends the sender's membership."""
    end_membership(step, step.sender, _registered(step, Standing.PRESENT), Standing.LEAVING)


def announce_key(step: Step, operation: AcknowledgementKey) -> None:
    """Takes an acknowledgement key for an epoch far enough ahead to count, and not too far.

    Also of who is leaving: where too few voters would remain, that may take a while.
    """
    member = _registered(step, Standing.PRESENT, Standing.LEAVING)
    nearest = step.block.epoch + step.params.acknowledgement_key_lead
    farthest = step.block.epoch + step.params.acknowledgement_keys_ahead
    if not nearest <= operation.epoch <= farthest:
        raise Rejected(Code.EPOCH_OUT_OF_RANGE, f"keys are announced for epochs {nearest} to {farthest}")
    if any(key.epoch == operation.epoch for key in member.acknowledgement_keys):
        raise Rejected(Code.KEY_ANNOUNCED, "there is a key for this epoch")
    key = AnnouncedKey(operation.epoch, step.block.epoch, operation.public)
    step.draft.write(member_key(step.sender), announced(member, key))


def report_position(step: Step, operation: PositionReport) -> None:
    """Takes a position that a relay or enough neighbours vouch for."""
    position = step.inner
    assert isinstance(position, Position), "the intake decodes the position of every report"
    if position.identity != step.sender:
        raise Rejected(Code.NOT_OWN_POSITION, "members report their own position")
    if not _is_present(step, step.draft.member(step.sender)):
        raise Rejected(Code.NOT_A_MEMBER, "only members report positions")
    last = step.draft.whereabouts(step.sender)
    now, params = step.block.time_us, step.params
    earliest = max(now - params.position_age_us, 0 if last is None else last.time_us + 1)
    if not earliest <= position.time_us <= now + params.ahead_us:
        raise Rejected(Code.POSITION_TIME, "a position is newer than the last, and neither old nor of the future")
    if not _is_witnessed(step, operation.witnesses):
        raise Rejected(Code.TOO_FEW_WITNESSES, "a relay or more neighbours must vouch for it")
    place = (position.x_cm, position.y_cm, position.vx_cm_s, position.vy_cm_s)
    step.draft.write(position_key(step.sender), Whereabouts(position.time_us, *place, step.block.height))


def _is_witnessed(step: Step, witnesses: Iterable[Witness]) -> bool:
    kinds: dict[NodeId, Kind] = {}
    for witness in witnesses:
        member = step.draft.member(witness.identity)
        if witness.identity == step.sender or member is None or not _is_present(step, member):
            continue
        if witness.key == signing_key_at(witness.identity, member, step.block.epoch):
            kinds[witness.identity] = member.kind
    return Kind.RELAY in kinds.values() or len(kinds) >= step.params.neighbour_witnesses


def call(step: Step, operation: Call) -> None:
    """Hands the payload to an application."""
    application = step.applications.get(operation.application)
    if application is None:
        raise Rejected(Code.UNKNOWN_APPLICATION, f"there is no application {operation.application}")
    view = ApplicationView(step.draft, operation.application, step.params)
    application.execute(view, step.sender, operation.payload, step.block)


def _is_present(step: Step, member: Member | None) -> bool:
    if member is None or standing_at(member, step.block.epoch) is not Standing.PRESENT:
        return False
    keys = keys_at(member, step.block.epoch, 1)
    return keys is not None and keys.not_after >= step.block.time_us


def _registered(step: Step, *standings: Standing) -> Member:
    member = step.draft.member(step.sender)
    if member is None:
        raise Rejected(Code.NOT_A_MEMBER, "only members can do this")
    if member.standing not in standings:
        raise Rejected(Code.MEMBERSHIP_ENDED, "the membership has ended")
    return member


_OPERATIONS: Final[Mapping[type, Callable[[Step, Any], None]]] = {
    Transfer: transfer,
    Leave: leave,
    AcknowledgementKey: announce_key,
    PositionReport: report_position,
    Order: lambda step, _: execute_order(step),
    Call: call,
}


def execute_operation(step: Step, operation: Any) -> None:
    """Executes `operation` for the sender of the step.

    Raises:
        Rejected: with the reason; the caller undoes what was written.
    """
    _OPERATIONS[type(operation)](step, operation)
