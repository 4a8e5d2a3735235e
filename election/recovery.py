"""Who proposes in a recovery view, when the committee has failed: a draw over the electorate that nobody can steer.

Each member holds tickets in proportion to its units, and the lowest ticket of all wins. Tickets belong to identities:
a change of units adds tickets or removes some, it never shuffles the rest. So a member cannot try out proposers for the
views to come by giving up units, as it could if one number drawn were reduced modulo the total.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from election.seed import check_seed, number, tagged_hash

TICKETS_PER_MEMBER = 16


def recovery_proposer(
    seed: bytes, view: int, electorate: Mapping[bytes, int], eligible: Collection[bytes] | None = None
) -> bytes | None:
    """The identity that opens recovery view `view`: it owns the lowest H(seed ‖ "recover" ‖ view ‖ identity ‖ k).

    A member with u of U units among n members has tickets k = 0 to ⌊16·n·u/U⌋ - 1.

    Args:
        seed: the epoch's seed, 32 bytes.
        view: the recovery view, from 1.
        electorate: clipped units by identity, of the whole electorate.
        eligible: who may propose, with a key on chain in time; None: all.

    Returns:
        The proposer, or None if nobody eligible holds a ticket.
    """
    members = [(identity, units) for identity, units in sorted(electorate.items()) if units > 0]
    total = sum(units for _, units in members)
    tickets = [
        (tagged_hash(b"bac recover 1", check_seed(seed), number(view), identity, number(k)), identity)
        for identity, units in members
        if eligible is None or identity in eligible
        for k in range(TICKETS_PER_MEMBER * len(members) * units // total)
    ]
    return min(tickets)[1] if tickets else None
