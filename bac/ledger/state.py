"""A state of the ledger: an immutable value, known by its root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bac.genesis import Genesis, GenesisMember
from bac.ledger.receipts import compute_receipts_root
from bac.ledger.records import (
    ACCOUNTS_TABLE,
    GENESIS_EPOCH,
    MEMBERS_TABLE,
    POSITIONS_TABLE,
    REPUTATIONS_TABLE,
    TIP_KEY,
    TOTALS_KEY,
    Account,
    AnnouncedKey,
    Keys,
    Member,
    R,
    Reader,
    Reputation,
    Standing,
    Tip,
    Totals,
    Whereabouts,
    account_key,
    member_key,
    pack,
    unpack,
)
from bac.ledger.trie import Trie
from bac.types import Hash, Height, Micros, NodeId

SUPPLY_MAX = 2**63 - 1
"""Most coins (10⁻⁶) that a shard can know of: every sum of balances fits a signed 64-bit integer."""


class State(Reader):
    """Accounts, members, positions, totals, and what applications keep."""

    __slots__ = ("trie",)

    def __init__(self, trie: Trie) -> None:
        self.trie = trie

    @property
    def root(self) -> Hash:
        """32 bytes that determine the state."""
        return self.trie.root

    def read(self, key: bytes, kind: type[R]) -> R | None:
        """The record under `key`, which is of type `kind`."""
        data = self.trie.get(key)
        return None if data is None else unpack(kind, data)

    def accounts(self) -> Iterator[tuple[NodeId, Account]]:
        """All accounts, in the order of the trie."""
        return ((NodeId(key[1:]), unpack(Account, data)) for key, data in self.trie.items(ACCOUNTS_TABLE))

    def members(self) -> list[tuple[NodeId, Member]]:
        """All memberships, past ones included, ascending by identity."""
        items = ((NodeId(key[1:]), unpack(Member, data)) for key, data in self.trie.items(MEMBERS_TABLE))
        return sorted(items, key=lambda item: item[0])

    def positions(self) -> list[tuple[NodeId, Whereabouts]]:
        """The last position of every member that reported one, ascending by identity."""
        items = ((NodeId(key[1:]), unpack(Whereabouts, data)) for key, data in self.trie.items(POSITIONS_TABLE))
        return sorted(items, key=lambda item: item[0])

    def reputations(self) -> list[tuple[NodeId, Reputation]]:
        """The reputation of every identity that has one, ascending by identity."""
        items = ((NodeId(key[1:]), unpack(Reputation, data)) for key, data in self.trie.items(REPUTATIONS_TABLE))
        return sorted(items, key=lambda item: item[0])


def initial_state(coins: Mapping[NodeId, int], members: Mapping[NodeId, Member], time_us: Micros) -> State:
    """The state of genesis: height 0, in the epoch before the first; every member has an account.

    Raises:
        ValueError: a negative balance, or more coins than can be counted.
    """
    if any(amount < 0 for amount in coins.values()) or sum(coins.values()) > SUPPLY_MAX:
        raise ValueError(f"balances must not be negative, nor exceed {SUPPLY_MAX} in all")
    supply = sum(coins.values())
    entries: dict[bytes, bytes | None] = {
        TOTALS_KEY: pack(Totals(genesis=supply, issued=0, burnt=0, balances=supply, held=0, issues=0)),
        TIP_KEY: pack(Tip(Height(0), GENESIS_EPOCH, time_us, compute_receipts_root(()))),
    }
    for identity in {**members, **coins}:
        entries[account_key(identity)] = pack(Account(coins.get(identity, 0), 0, ()))
    for identity, member in members.items():
        entries[member_key(identity)] = pack(member)
    return State(Trie().updated(entries))


def genesis_state(genesis: Genesis, shard: int) -> State:
    """The state from which `shard` begins.

    Raises:
        ValueError: genesis knows no such shard.
    """
    found = [each for each in genesis.shards if each.shard == shard]
    if not found:
        raise ValueError(f"genesis has no shard {shard}")
    coins = {balance.owner: balance.coins for balance in found[0].balances}
    members = {member.identity: _registered(member) for member in found[0].members}
    return initial_state(coins, members, genesis.time_us)


def _registered(member: GenesisMember) -> Member:
    keys = Keys(GENESIS_EPOCH, member.identity, member.vrf_key, member.not_after, member.credential)
    announced = tuple(
        AnnouncedKey(epoch, GENESIS_EPOCH, key.public) for epoch, key in enumerate(member.acknowledgement_keys)
    )
    return Member(member.kind, GENESIS_EPOCH, Standing.PRESENT, GENESIS_EPOCH, (keys,), announced)
