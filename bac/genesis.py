"""Genesis: the bytes from which a network begins, and whose hash is its name.

It names the protocol's version, the digest of the parameters, the authority, and for each shard its certificate scheme,
its members with keys and endowed units, and its first coins. Everything signed in the network names the genesis by its
hash, so nodes that differ in any of this cannot even misunderstand each other.

Genesis alone fixes the keys of the first epochs: those whose keys would have had to be on chain before there was one.

Source: docs/spec/wire.md WI-36 to WI-38.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import Annotated, ClassVar, TypeVar

from msgspec import Meta

from bac.crypto.keys import NodeSecrets, next_seed
from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.params import Params
from bac.types import Hash, Micros, NodeId, Units
from bac.wire.block import BODY_BYTES_MAX, BODY_ITEMS_MAX, PATH_MAX
from bac.wire.codec import (
    PROTOCOL_VERSION,
    U16,
    U32,
    Bytes32,
    Domain,
    HashField,
    IdField,
    Message,
    TimeField,
    UnitsField,
    decode,
    encode,
    hash_of,
)
from bac.wire.event import EVENT_BYTES_MAX, EVENT_ITEMS_MAX, OTHER_PARENTS_MAX, EventHeader
from bac.wire.sync import Hello
from bac.wire.transactions import Kind
from bac.wire.votes import AGGREGATE_BYTES_MAX, VOTERS_MAX

COINS_MAX = 2**63 - 1
"""Of all shards together: coins move between them, and every sum of balances fits a signed 64-bit integer."""
NO_CREDENTIAL = Hash(bytes(32))
NO_UNITS = Units(0)
LIST_VOTERS_LIMIT = AGGREGATE_BYTES_MAX // 64
"""Most voters whose list of signatures fits into a certificate."""

T = TypeVar("T", int, bytes, NodeId)


class Scheme(IntEnum):
    """How the acknowledgements of a shard are signed; never changed while the network lives."""

    ED25519_LIST = 0
    BLS = 1

    @property
    def suite_name(self) -> str:
        """As `bac.crypto` calls it."""
        return "bls" if self is Scheme.BLS else "ed25519-list"


class FirstKey(Message, frozen=True):
    """An acknowledgement key of one of the first epochs, and the proof that its owner holds the secret."""

    public: Annotated[bytes, Meta(min_length=32, max_length=48)]
    possession: Annotated[bytes, Meta(min_length=64, max_length=96)]


class GenesisMember(Message, frozen=True):
    """A member from the beginning.

    Attributes:
        identity: its signing key.
        kind: vehicle, relay or station; vehicles vote.
        vrf_key: its key of the random function.
        not_after: end of its membership, in block time.
        credential: hash of its certificate for people and handshakes; zeros for none.
        endowment: voting units that it begins with.
        acknowledgement_keys: of the epochs 0, 1, …; none for those who do not vote.
    """

    identity: IdField
    kind: Kind
    vrf_key: Bytes32
    not_after: TimeField
    credential: HashField
    endowment: UnitsField
    acknowledgement_keys: Annotated[tuple[FirstKey, ...], Meta(max_length=64)]


class Balance(Message, frozen=True):
    """Coins (10⁻⁶) that an account begins with."""

    owner: IdField
    coins: Annotated[int, Meta(ge=1, le=COINS_MAX)]


class GenesisShard(Message, frozen=True):
    """One shard: members ascending by identity, balances ascending by owner."""

    shard: U32
    scheme: Scheme
    members: Annotated[tuple[GenesisMember, ...], Meta(max_length=VOTERS_MAX)]
    balances: Annotated[tuple[Balance, ...], Meta(max_length=2**20)]


class Genesis(Message, frozen=True, tag=127):
    """The beginning of a network; see the module's text. `seed` serves the first draws. Shards ascend."""

    CAP: ClassVar[int] = 2**28

    version: U16
    params_digest: HashField
    authority: Bytes32
    time_us: TimeField
    seed: Bytes32
    shards: Annotated[tuple[GenesisShard, ...], Meta(min_length=1, max_length=4096)]


def make_member(
    secrets: NodeSecrets,
    suite: Suite,
    epochs: int,
    *,
    not_after: Micros,
    endowment: Units = NO_UNITS,
    kind: Kind = Kind.VEHICLE,
    credential: Hash = NO_CREDENTIAL,
) -> GenesisMember:
    """The public side of `secrets`, with acknowledgement keys for the epochs 0 … `epochs` - 1 if it is a vehicle."""
    count = epochs if kind is Kind.VEHICLE else 0
    quorum = suite.quorum
    seeds = [next_seed(secrets.acknowledgement, epoch) for epoch in range(count)]
    return GenesisMember(
        identity=NodeId(suite.key_pair(secrets.signing).public),
        kind=kind,
        vrf_key=suite.vrf_key_pair(secrets.vrf).public,
        not_after=not_after,
        credential=credential,
        endowment=endowment,
        acknowledgement_keys=tuple(FirstKey(quorum.public_of(seed), quorum.pop_prove(seed)) for seed in seeds),
    )


def make_shard(
    shard: int, scheme: Scheme, members: Iterable[GenesisMember], balances: Iterable[tuple[NodeId, int]] = ()
) -> GenesisShard:
    """A shard with its members and balances in canonical order."""
    return GenesisShard(
        shard,
        scheme,
        tuple(sorted(members, key=lambda member: member.identity)),
        tuple(Balance(owner, coins) for owner, coins in sorted(balances)),
    )


def suggest_scheme(voters: int, params: Params) -> Scheme:
    """Which scheme a shard of so many voters should have (`Params.list_voters_max`)."""
    return Scheme.ED25519_LIST if voters <= params.list_voters_max else Scheme.BLS


def make_genesis(
    params: Params, shards: Iterable[GenesisShard], *, authority: bytes, time_us: Micros, seed: bytes
) -> Genesis:
    """A genesis of these parts.

    Raises:
        ValueError: they contradict each other or the parameters; the line says how.
    """
    ordered = tuple(sorted(shards, key=lambda shard: shard.shard))
    genesis = Genesis(PROTOCOL_VERSION, params.digest(), authority, time_us, seed, ordered)
    check(genesis, params)
    return genesis


def network_id(genesis: Genesis) -> Hash:
    """The name of the network: the hash of its genesis."""
    return hash_of(Domain.GENESIS, encode(genesis))


def shard_of(genesis: Genesis, identity: NodeId) -> GenesisShard:
    """The shard of which `identity` is a member from the beginning. ValueError for a stranger."""
    for shard in genesis.shards:
        if any(member.identity == identity for member in shard.members):
            return shard
    raise ValueError(f"{identity.hex()[:16]} is no member of any shard")


def load_genesis(data: bytes, params: Params) -> Genesis:
    """The genesis whose encoding is `data`.

    The keys in it are not judged: that takes a suite per shard, and is `check_keys`.

    Raises:
        Rejected: `WRONG_VERSION`, `WRONG_PARAMS` (the digest is not that of `params`), `MALFORMED`, `OVERSIZED`.
    """
    version = _peek_version(data)
    if version is not None and version != PROTOCOL_VERSION:
        raise Rejected(Code.WRONG_VERSION, f"genesis of protocol version {version}; this is {PROTOCOL_VERSION}")
    genesis = decode(Genesis, data)
    if genesis.params_digest != params.digest():
        raise Rejected(Code.WRONG_PARAMS, f"genesis asks for parameters {genesis.params_digest.hex()[:16]}")
    try:
        check(genesis, params)
    except ValueError as error:
        raise Rejected(Code.MALFORMED, f"genesis: {error}") from error
    return genesis


def _peek_version(data: bytes) -> int | None:
    """The version of a genesis whatever follows it; None if `data` does not begin like one."""
    if len(data) < 3 or data[0] & 0xF0 != 0x90 or data[1] != 127:
        return None
    width = {0xCC: 1, 0xCD: 2}.get(data[2])
    if width is None:
        return data[2] if data[2] < 0x80 else None
    return int.from_bytes(data[3 : 3 + width], "big")


def check(genesis: Genesis, params: Params) -> None:
    """Judges all that can be judged without cryptography.

    Raises:
        ValueError: what does not fit.
    """
    encode(genesis)
    _check_caps(params)
    _require(_ascends([shard.shard for shard in genesis.shards]), "shards must ascend, each once")
    members = [member.identity for shard in genesis.shards for member in shard.members]
    _require(len(set(members)) == len(members), "an identity may be a member of one shard only, once")
    coins = sum(balance.coins for shard in genesis.shards for balance in shard.balances)
    _require(coins <= COINS_MAX, "more coins than can be counted")
    for shard in genesis.shards:
        _check_shard(shard, params)


def _check_caps(params: Params) -> None:
    """The wire's caps are of the protocol's version; parameters may ask for less, not for more."""
    headers = 5 * params.max_event_items
    payload = params.max_event_bytes + headers
    events = params.max_leaders * params.max_events_per_round
    _require(payload <= EVENT_BYTES_MAX - EventHeader.CAP, "the parameters allow events above the wire's cap")
    _require(params.max_event_items <= EVENT_ITEMS_MAX, "the parameters allow more items in an event than the wire")
    _require(params.max_other_parents <= OTHER_PARENTS_MAX, "the parameters allow more parents than the wire")
    _require(events * payload <= BODY_BYTES_MAX, "the parameters allow bodies above the wire's cap")
    _require(
        events * params.max_event_items <= BODY_ITEMS_MAX, "the parameters allow more items in a body than the wire"
    )
    _require(params.max_unconfirmed_blocks < PATH_MAX, "the parameters allow a longer path of headers than the wire")


def _check_shard(shard: GenesisShard, params: Params) -> None:
    name = f"shard {shard.shard}"
    _require(_ascends([member.identity for member in shard.members]), f"{name}: members must ascend")
    _require(_ascends([balance.owner for balance in shard.balances]), f"{name}: balances must ascend")
    voters = [member for member in shard.members if member.endowment]
    _require(len(voters) >= params.min_voters, f"{name}: {len(voters)} voters, at least {params.min_voters}")
    units = sum(member.endowment for member in voters)
    _require(units >= params.min_total_units, f"{name}: {units} units, at least {params.min_total_units}")
    fits = shard.scheme is Scheme.BLS or len(voters) <= LIST_VOTERS_LIMIT
    _require(fits, f"{name}: {len(voters)} voters need BLS; a list holds {LIST_VOTERS_LIMIT}")
    for member in shard.members:
        _check_member(member, name, shard.scheme, params)


def _check_member(member: GenesisMember, shard: str, scheme: Scheme, params: Params) -> None:
    name = f"{shard}: member {member.identity.hex()[:16]}"
    _require(member.endowment <= params.max_units, f"{name}: at most {params.max_units} units")
    _require(member.kind is Kind.VEHICLE or not member.endowment, f"{name}: only vehicles have voting units")
    sizes = (48, 96) if scheme is Scheme.BLS else (32, 64)
    keys = member.acknowledgement_keys
    fit = all((len(key.public), len(key.possession)) == sizes for key in keys)
    _require(fit, f"{name}: an acknowledgement key of another scheme")
    first, last = params.acknowledgement_key_lead, params.acknowledgement_keys_ahead
    count = first <= len(keys) <= last if member.kind is Kind.VEHICLE else not keys
    _require(count, f"{name}: a vehicle has {first} to {last} acknowledgement keys, others none")


def _ascends(values: Sequence[T]) -> bool:
    return list(values) == sorted(set(values))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def check_keys(genesis: Genesis, shard: GenesisShard, suite: Suite) -> None:
    """Judges the keys of `shard` (and the authority's), and the proofs that their owners hold the secrets.

    Raises:
        ValueError: `suite` is of another scheme than the shard.
        Rejected: `BAD_KEY`, naming the member at fault.
    """
    if suite.quorum.name != shard.scheme.suite_name:
        raise ValueError(f"shard {shard.shard} uses {shard.scheme.suite_name}, the suite {suite.quorum.name}")
    if not suite.is_valid_public(genesis.authority):
        raise Rejected(Code.BAD_KEY, "the authority's key is not a valid key")
    for member in shard.members:
        valid = suite.is_valid_public(member.identity) and suite.is_valid_public(member.vrf_key)
        keys = member.acknowledgement_keys
        if not valid or not all(suite.quorum.pop_verify(key.public, key.possession) for key in keys):
            raise Rejected(Code.BAD_KEY, f"member {member.identity.hex()[:16]} has an invalid key", member.identity)


def hello(genesis: Genesis, shard: int) -> Hello:
    """What a node of `shard` says first on a connection."""
    return Hello(PROTOCOL_VERSION, network_id(genesis), genesis.params_digest, shard)


def check_hello(said: Hello, network: Hash, params_digest: Hash) -> None:
    """Refuses a peer of another network.

    Raises:
        Rejected: `WRONG_VERSION`, `WRONG_NETWORK` or `WRONG_PARAMS`.
    """
    if said.version != PROTOCOL_VERSION:
        raise Rejected(
            Code.WRONG_VERSION, f"the peer speaks protocol version {said.version}; this is {PROTOCOL_VERSION}"
        )
    if said.params_digest != params_digest:
        raise Rejected(Code.WRONG_PARAMS, "the peer runs with other parameters")
    if said.network != network:
        raise Rejected(Code.WRONG_NETWORK, "the peer belongs to another network")
