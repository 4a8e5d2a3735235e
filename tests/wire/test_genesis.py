"""Genesis: making, loading, refusing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import pytest

from bac.crypto.keys import NodeSecrets, next_seed
from bac.crypto.production import Production
from bac.crypto.standin import StandIn
from bac.crypto.suite import Suite
from bac.errors import Code, Rejected
from bac.genesis import (
    Balance,
    FirstKey,
    Genesis,
    GenesisMember,
    GenesisShard,
    Scheme,
    check,
    check_hello,
    check_keys,
    hello,
    load_genesis,
    make_genesis,
    make_member,
    make_shard,
    network_id,
    suggest_scheme,
)
from bac.params import DEFAULT, MINIMAL
from bac.types import Micros, NodeId, Units
from bac.wire.codec import encode
from bac.wire.transactions import Kind
from tests.wire.samples import some, some_hash

FOREVER = Micros(2**62)


def suite_of(scheme: Scheme, *, real: bool = False) -> Suite:
    return Production(scheme.suite_name) if real else StandIn(bytes(32), scheme.suite_name)


def members_of(suite: Suite, *names: str, units: int = 1024) -> list[GenesisMember]:
    roots = [NodeSecrets.from_root(some(name)) for name in names]
    return [make_member(root, suite, 2, not_after=FOREVER, endowment=Units(units)) for root in roots]


@cache
def example(scheme: Scheme = Scheme.ED25519_LIST, *, real: bool = False) -> Genesis:
    """Two shards of four; a relay and a newcomer in the first; coins."""
    suite = suite_of(scheme, real=real)
    first = members_of(suite, "a", "b", "c", "d")
    relay = make_member(NodeSecrets.from_root(some("relay")), suite, 2, not_after=FOREVER, kind=Kind.RELAY)
    newcomer = make_member(NodeSecrets.from_root(some("new")), suite, 2, not_after=FOREVER)
    shards = [
        make_shard(1, scheme, members_of(suite, "e", "f", "g", "h")),
        make_shard(0, scheme, [*first, relay, newcomer], [(first[0].identity, 5), (NodeId(some("bank")), 10**9)]),
    ]
    return make_genesis(
        MINIMAL, shards, authority=suite.key_pair(some("authority")).public, time_us=Micros(1), seed=some("seed")
    )


def altered(genesis: Genesis, shard: int = 0, member: int | None = None, **changes: object) -> Genesis:
    """`genesis` with other fields in a shard of it, or in a member of that."""
    place = genesis.shards[shard]
    if member is not None:
        members = list(place.members)
        members[member] = msgspec.structs.replace(members[member], **changes)
        changes = {"members": tuple(members)}
    shards = list(genesis.shards)
    shards[shard] = msgspec.structs.replace(place, **changes)
    return msgspec.structs.replace(genesis, shards=tuple(shards))


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("real", [False, True], ids=["stand-in", "real"])
def test_made_written_loaded(scheme: Scheme, real: bool) -> None:
    """WI-36: canonical order whatever the order of the parts; what is written is loaded again, and its keys hold."""
    genesis = example(scheme, real=real)
    assert [shard.shard for shard in genesis.shards] == [0, 1]
    assert load_genesis(encode(genesis), MINIMAL) == genesis
    for shard in genesis.shards:
        assert [m.identity for m in shard.members] == sorted(m.identity for m in shard.members)
        check_keys(genesis, shard, suite_of(scheme, real=real))


def test_first_keys_follow_the_chain_of_seeds() -> None:
    """WI-27, WI-36: the keys of epochs 0 and 1 are those of the first two seeds of the chain; relays have none."""
    suite = suite_of(Scheme.BLS)
    secrets = NodeSecrets.from_root(some("a"))
    member = make_member(secrets, suite, 2, not_after=FOREVER)
    seeds = [secrets.acknowledgement, next_seed(secrets.acknowledgement)]
    assert [key.public for key in member.acknowledgement_keys] == [suite.quorum.public_of(seed) for seed in seeds]
    assert make_member(secrets, suite, 2, not_after=FOREVER, kind=Kind.RELAY).acknowledgement_keys == ()


def test_the_name_of_a_network_covers_everything() -> None:
    """WI-37: any other genesis is another network."""
    genesis = example()
    others = [
        msgspec.structs.replace(genesis, seed=some("other")),
        msgspec.structs.replace(genesis, authority=some("other")),
        msgspec.structs.replace(genesis, params_digest=some_hash("other")),
        msgspec.structs.replace(genesis, time_us=Micros(2)),
        altered(genesis, scheme=Scheme.BLS),
        altered(genesis, member=0, endowment=Units(1)),
    ]
    assert len({network_id(each) for each in [genesis, *others]}) == 7


def test_other_versions_are_refused_whatever_they_hold() -> None:
    """WI-38: the version stands first, so a later one is told apart although its fields are unknown."""
    data = encode(example())
    assert data[:3] == b"\x97\x7f\x01"
    for other in (data[:2] + b"\x02" + data[3:], b"\x99\x7f\xcc\xc8anything", b"\x91\x7f\xcd\x01\x00"):
        with pytest.raises(Rejected) as caught:
            load_genesis(other, MINIMAL)
        assert caught.value.code is Code.WRONG_VERSION


@pytest.mark.parametrize("data", [b"", b"\x97", b"\x97\x7f", b"\x97\x7f\xc0", b"\x97\x7f\x01", b"\x97\x7e\x02\x03"])
def test_what_is_no_genesis(data: bytes) -> None:
    """WI-38: malformed."""
    with pytest.raises(Rejected) as caught:
        load_genesis(data, MINIMAL)
    assert caught.value.code is Code.MALFORMED


def test_other_parameters_are_refused() -> None:
    """WI-38: by the digest."""
    with pytest.raises(Rejected) as caught:
        load_genesis(encode(example()), DEFAULT)
    assert caught.value.code is Code.WRONG_PARAMS


FIRST = example().shards[0].members


@pytest.mark.parametrize(
    ("genesis", "line"),
    [
        (msgspec.structs.replace(example(), shards=example().shards[::-1]), "shards must ascend"),
        (msgspec.structs.replace(example(), shards=(example().shards[0],) * 2), "shards must ascend"),
        (altered(example(), shard=1, members=FIRST), "one shard only"),
        (altered(example(), members=FIRST[::-1]), "members must ascend"),
        (altered(example(), members=FIRST[:2]), "voters, at least 4"),
        (altered(example(), balances=example().shards[0].balances[::-1]), "balances must ascend"),
        (altered(example(), member=0, endowment=Units(2**16 + 1)), "at most 65536 units"),
        (altered(example(), shard=1, balances=(Balance(NodeId(some("bank")), 2**63 - 10**9),)), "more coins than"),
        (altered(example(), scheme=Scheme.BLS), "another scheme"),
        (altered(example(), member=0, acknowledgement_keys=()), "2 to 16 acknowledgement keys"),
        (altered(example(), member=0, kind=Kind.STATION, endowment=Units(0)), "at least 4|others none"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_contradictions(genesis: Genesis, line: str) -> None:
    """WI-36: the maker raises ValueError, the loader refuses the bytes."""
    with pytest.raises(ValueError, match=line):
        check(genesis, MINIMAL)
    with pytest.raises(Rejected) as caught:
        load_genesis(encode(genesis), MINIMAL)
    assert caught.value.code is Code.MALFORMED


def test_units_enough_to_begin() -> None:
    """WI-36: four voters with too few units cannot open an epoch."""
    suite = suite_of(Scheme.ED25519_LIST)
    poor = [make_shard(0, Scheme.ED25519_LIST, members_of(suite, "a", "b", "c", "d", units=100))]
    with pytest.raises(ValueError, match="400 units, at least 1024"):
        make_genesis(MINIMAL, poor, authority=bytes(32), time_us=Micros(0), seed=bytes(32))


def test_a_list_of_signatures_has_a_limit() -> None:
    """WI-36: more voters than a list in a certificate can hold need BLS."""
    suite = suite_of(Scheme.ED25519_LIST)
    crowd = members_of(suite, *(str(number) for number in range(257)))
    with pytest.raises(ValueError, match="257 voters need BLS"):
        make_genesis(
            MINIMAL,
            [make_shard(0, Scheme.ED25519_LIST, crowd)],
            authority=bytes(32),
            time_us=Micros(0),
            seed=bytes(32),
        )
    assert (suggest_scheme(40, DEFAULT), suggest_scheme(41, DEFAULT)) == (Scheme.ED25519_LIST, Scheme.BLS)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"max_event_bytes": 2**17}, "events above"),
        ({"max_event_items": 1025}, "items in an event"),
        ({"max_other_parents": 17}, "more parents"),
        ({"max_events_per_round": 16}, "bodies above"),
        ({"max_event_bytes": 1, "max_event_items": 64, "max_leaders": 1024}, "items in a body"),
        ({"max_unconfirmed_blocks": 256}, "path of headers"),
    ],
    ids=str,
)
def test_parameters_beyond_the_wire(changes: dict[str, int], line: str) -> None:
    """WI-36: caps are the protocol's; a network cannot ask for messages that nobody would read."""
    params = replace(DEFAULT, **changes)
    genesis = msgspec.structs.replace(example(), params_digest=params.digest())
    with pytest.raises(ValueError, match=line):
        check(genesis, params)
    for preset in (DEFAULT, MINIMAL):
        check(genesis, replace(preset, min_total_units=1024))


@pytest.mark.parametrize("scheme", Scheme)
def test_bad_keys(scheme: Scheme) -> None:
    """WI-22, WI-25: keys off the curve, and keys without proof of possession, name their member."""
    suite = suite_of(scheme, real=True)
    genesis = example(scheme, real=True)
    keys = [member.acknowledgement_keys for member in genesis.shards[0].members if member.acknowledgement_keys]
    stolen = FirstKey(keys[1][0].public, keys[0][0].possession)
    for changes in ({"identity": bytes(32)}, {"vrf_key": bytes(32)}, {"acknowledgement_keys": (stolen, stolen)}):
        bad = altered(genesis, member=0, **changes)
        with pytest.raises(Rejected) as caught:
            check_keys(bad, bad.shards[0], suite)
        assert caught.value.code is Code.BAD_KEY
        assert caught.value.culprit == bad.shards[0].members[0].identity
    bad = msgspec.structs.replace(genesis, authority=b"\x01" + bytes(31))
    with pytest.raises(Rejected, match="authority"):
        check_keys(bad, bad.shards[0], suite)


def test_the_suite_must_be_of_the_shards_scheme() -> None:
    """WI-36: the scheme is fixed in genesis; a node with another one does not start."""
    shard: GenesisShard = example().shards[0]
    with pytest.raises(ValueError, match="uses ed25519-list, the suite bls"):
        check_keys(example(), shard, suite_of(Scheme.BLS))


def test_greetings() -> None:
    """WI-38: the first message of a connection tells strangers apart, each with its own code."""
    genesis = example()
    network, digest = network_id(genesis), genesis.params_digest
    own = hello(genesis, 1)
    check_hello(own, network, digest)
    for changes, code in (
        ({"version": 2}, Code.WRONG_VERSION),
        ({"network": some_hash("other")}, Code.WRONG_NETWORK),
        ({"params_digest": DEFAULT.digest()}, Code.WRONG_PARAMS),
    ):
        with pytest.raises(Rejected) as caught:
            check_hello(msgspec.structs.replace(own, **changes), network, digest)
        assert caught.value.code is code
