"""A network of four founders, as a genesis."""

from __future__ import annotations

from bac.crypto.keys import NodeSecrets
from bac.crypto.production import Production
from bac.genesis import Genesis, Scheme, make_genesis, make_member, make_shard
from bac.params import MINIMAL
from bac.types import Micros, NodeId, Units


def founder(number: int) -> NodeSecrets:
    """The secrets of a founder."""
    return NodeSecrets.from_root(bytes((number,)) * 32)


def founded(authority: bytes) -> Genesis:
    """The genesis of four founders, the first of whom has all the coins."""
    suite = Production("ed25519-list")
    members = [
        make_member(founder(number), suite, 8, not_after=Micros(2**60), endowment=Units(9000)) for number in range(4)
    ]
    first = NodeId(suite.key_pair(founder(0).signing).public)
    shards = [make_shard(0, Scheme.ED25519_LIST, members, [(first, 10**9)])]
    return make_genesis(MINIMAL, shards, authority=authority, time_us=Micros(0), seed=bytes(32))
