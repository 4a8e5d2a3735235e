"""A restart by the authority's order: who still votes, shown to whoever knows the electorate and the authority's key.

Where more than a third of an electorate's units are gone for good, the voters that are left retire from all views, and
the authority orders on which block the shard goes on, and without whom. The header that does that is the only opening
of the retirement view. Nobody signs it: its body holds statements of retirement and the order, and nothing else; so the
order, with its path to the header, shows by whose leave it stands and who is left to certify it.

By an order the authority can install an electorate; a client that follows headers alone has to trust it in that.

Sources: docs/spec/wire.md WI-40; docs/spec/finality.md R13.
"""

from __future__ import annotations

from typing import Final

from bac.errors import Code, Rejected
from bac.proofs.certificate import Scope
from bac.proofs.electorate import Electorate
from bac.proofs.merkle import is_included, prove_inclusion
from bac.wire.block import Restart
from bac.wire.codec import decode
from bac.wire.header import RETIREMENT_VIEW, Header, Kind
from bac.wire.transactions import ORDER_BYTES_MAX, AuthorityOrder, Mandate, Reconfigure, order_preimage

ORDER_PLACE: Final = 1
"""Where the order stands in the body of a restart: after the statements, and last."""
ITEMS: Final = 2


def show_order(items: tuple[bytes, ...]) -> Restart:
    """What shows the order in the body of a restart. ValueError for another body."""
    return Restart(items[ORDER_PLACE], prove_inclusion(items, ORDER_PLACE))


def is_restart(header: Header) -> bool:
    """Whether a header restarts a shard."""
    return header.view == RETIREMENT_VIEW and header.kind is Kind.OPENING


def judge_mandate(item: bytes, scope: Scope) -> Reconfigure:
    """The order to restart that `item` holds, signed by the authority.

    Raises:
        Rejected: `BAD_PROOF`, `BAD_SIGNATURE`, `MALFORMED`, `OVERSIZED`.
    """
    mandate = decode(Mandate, item)
    order = decode(AuthorityOrder, mandate.order, ORDER_BYTES_MAX)
    if not isinstance(order, Reconfigure):
        raise Rejected(Code.BAD_PROOF, "the order is not one to restart a shard")
    message = order_preimage(scope.network, scope.shard, mandate.order)
    if scope.verifier is None or not scope.verifier.verify(scope.authority, message, mandate.signature):
        raise Rejected(Code.BAD_SIGNATURE, "the order to restart is not by the authority")
    return order


def verify_order(header: Header, restart: Restart | None, scope: Scope) -> Reconfigure:
    """The authority's order by which `header`, an opening of the retirement view, stands.

    Raises:
        Rejected: `BAD_PROOF`, and as `judge_mandate`.
    """
    if not is_restart(header) or restart is None:
        raise Rejected(Code.BAD_PROOF, "a restart is an opening of the retirement view, with the order for it")
    place = (restart.inclusion.index, restart.inclusion.count)
    if place != (ORDER_PLACE, ITEMS) or not is_included(restart.order, restart.inclusion, header.transaction_root):
        raise Rejected(Code.BAD_PROOF, "the order does not stand where it should under the header's transaction root")
    order = judge_mandate(restart.order, scope)
    if (order.parent, order.parent_height) != (header.parent, header.height - 1):
        raise Rejected(Code.BAD_PROOF, "the order to restart is for another parent")
    return order


def remaining(electorate: Electorate, order: Reconfigure) -> Electorate:
    """Who of `electorate` votes in the retirement view: all but those whom `order` removes.

    Raises:
        Rejected: `BAD_PROOF`: nobody is left.
    """
    try:
        return electorate.without(order.removed)
    except ValueError as error:
        raise Rejected(Code.BAD_PROOF, str(error)) from error
