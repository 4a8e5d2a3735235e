"""The whole state recounted: what running totals could hide, a recount shows.

Source: docs/spec/ledger.md LE-20.
"""

from __future__ import annotations

from bac.ledger.records import CHAIN_TABLE, Held, held_key, unpack
from bac.ledger.state import SUPPLY_MAX, State


def audit(state: State) -> list[str]:
    """What is wrong with `state`, one line each; nothing, if nothing is. Takes time linear in its size."""
    totals = state.totals()
    accounts = dict(state.accounts())
    members = dict(state.members())
    balances = sum(account.balance for account in accounts.values())
    held = sum(
        unpack(Held, value).amount for key, value in state.trie.items(CHAIN_TABLE) if key.startswith(held_key(0)[:-1])
    )
    laws = {
        f"accounts hold {balances}, the totals say {totals.balances}": balances == totals.balances,
        f"applications hold {held}, the totals say {totals.held}": held == totals.held,
        "genesis + issued - burnt is not balances + held": totals.is_conserved,
        "more coins than can be counted": totals.genesis + totals.issued <= SUPPLY_MAX,
        "a balance is negative": all(account.balance >= 0 for account in accounts.values()),
        "more answers than nonces": all(len(account.answers) <= account.nonce for account in accounts.values()),
        "a member without an account": all(identity in accounts for identity in members),
        "whereabouts of no member": all(identity in members for identity, _ in state.positions()),
    }
    return [line for line, holds in laws.items() if not holds]
