"""Seeds and VRF inputs: canonical, of fixed width, never the same for two purposes."""

from __future__ import annotations

import hashlib
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from election.seed import Role, child_seed, fallback_seed, next_seed, seed_input, sortition_input

SEED = bytes(range(32))
seeds = st.binary(min_size=32, max_size=32)
shards = st.binary(min_size=1, max_size=32)
epochs = st.integers(0, 2**64 - 1)


def test_the_encoding_is_the_one_written_down() -> None:
    """EL-30: tag, seed, role, length and shard, epoch."""
    expected = b"bac sortition 1\0" + SEED + b"\x02" + b"\x01S" + bytes(31) + (7).to_bytes(8, "big")
    assert sortition_input(SEED, Role.CANDIDATE, b"S", 7) == expected
    expected = b"bac seed 1" + bytes(6) + SEED + b"\0" + b"\x01S" + bytes(31) + (7).to_bytes(8, "big")
    assert seed_input(SEED, b"S", 7) == expected


@given(st.lists(st.tuples(seeds, st.sampled_from(Role), shards, epochs), min_size=2, max_size=6, unique=True))
@settings(max_examples=60)
def test_inputs_are_injective_and_of_one_width(contexts: list[tuple[bytes, Role, bytes, int]]) -> None:
    """EL-30: shard ids that differ by trailing zeros or length give other inputs."""
    inputs = [sortition_input(*context) for context in contexts]
    assert len(set(inputs)) == len(inputs)
    assert {len(alpha) for alpha in inputs} == {90}


def test_trailing_zeros_of_a_shard_id_count() -> None:
    """EL-30."""
    ids = (b"S", b"S\0", b"S\0\0", b"\0S", b"S" * 32)
    assert all(seed_input(SEED, a, 1) != seed_input(SEED, b, 1) for a, b in combinations(ids, 2))


@given(seeds, shards, epochs)
@settings(max_examples=40)
def test_purposes_are_separated(seed: bytes, shard: bytes, epoch: int) -> None:
    """EL-31: sortition for either role, seed, fallback and child never share an input or a result."""
    values = [
        sortition_input(seed, Role.PRIMARY, shard, epoch),
        sortition_input(seed, Role.CANDIDATE, shard, epoch),
        seed_input(seed, shard, epoch),
        fallback_seed(seed, shard, epoch),
        child_seed(seed, shard),
        next_seed(seed + seed),
        seed,
    ]
    assert len(set(values)) == len(values)


def test_the_next_seed_depends_on_the_whole_output() -> None:
    """EL-32: 32 bytes, from the verified output and nothing else."""
    beta = bytes(64)
    assert next_seed(beta) == hashlib.sha256(b"bac seed next 1\0" + beta).digest()
    changed = {next_seed(bytes([i == k for i in range(64)])) for k in range(64)}
    assert len(changed) == 64


def test_the_fallback_differs_by_epoch_and_shard() -> None:
    """EL-33: one withheld proof after another still gives new seeds."""
    chain, seen = SEED, set()
    for epoch in range(50):
        chain = fallback_seed(chain, b"S", epoch)
        seen.add(chain)
    assert len(seen) == 50
    assert fallback_seed(SEED, b"S", 1) != fallback_seed(SEED, b"S", 2)
    assert fallback_seed(SEED, b"S", 1) != fallback_seed(SEED, b"T", 1)


def test_children_of_a_split_have_their_own_seeds() -> None:
    """EL-34."""
    assert len({child_seed(SEED, b"left"), child_seed(SEED, b"right"), SEED}) == 3


@pytest.mark.parametrize(
    ("seed", "shard", "epoch"),
    [(bytes(31), b"S", 0), (SEED, b"", 0), (SEED, bytes(33), 0), (SEED, b"S", -1), (SEED, b"S", 2**64)],
)
def test_bad_contexts(seed: bytes, shard: bytes, epoch: int) -> None:
    """EL-30."""
    with pytest.raises(ValueError, match=r"32 bytes|64-bit"):
        sortition_input(seed, Role.PRIMARY, shard, epoch)
    with pytest.raises(ValueError, match=r"32 bytes|64-bit"):
        seed_input(seed, shard, epoch)
    with pytest.raises(ValueError, match="64 bytes"):
        next_seed(bytes(32))
