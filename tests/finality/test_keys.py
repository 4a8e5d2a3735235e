"""E5: acknowledgement keys of past epochs are erased, and a restart does not bring them back."""

from __future__ import annotations

import pytest

from bac.crypto.keys import next_seed
from bac.crypto.standin import StandIn
from bac.finality.voter import KeyChain
from bac.proofs.certificate import Scope
from bac.types import Hash
from bac.wire.votes import Acknowledgement
from tests.finality.table import Table, seconds

SUITE = StandIn(bytes(32), "bls")
SEED = bytes(range(32))


def chain() -> KeyChain:
    return KeyChain(SEED, Scope(Hash(bytes(32)), 0, SUITE.quorum))


def public(place: int) -> bytes:
    return SUITE.quorum.public_of(next_seed(SEED, place))


def test_keys_of_past_epochs_are_erased_for_good() -> None:
    """E5: with a confirmed block of epoch 2 the keys of 0 and 1 are gone, also after a restart; the node votes on."""
    table = Table()
    while table.term(0).epoch.number < 2 or not any(c.block.header.epoch == 2 for c in table.commits[0]):
        table.pass_time(10_000)
    secret = table.trial._secrets[0].acknowledgement
    old = [next_seed(secret, place) for place in range(2)]
    kept = b"".join(record for _, record in table.disks[0].scan(b""))
    assert not [seed for seed in (*old, next_seed(secret, 2)) if seed in kept]
    before = len(table.messages(0, Acknowledgement))
    for node in (table.nodes[0], table.restart(0)):
        keys = node.finality.site.keys
        scheme = table.trial.suite.quorum
        assert [keys.find(scheme.public_of(seed), epoch) for epoch, seed in enumerate(old)] == [None, None]
        assert keys.find(scheme.public_of(next_seed(secret, 2)), 2) == next_seed(secret, 2)
        with pytest.raises(ValueError, match="erased"):
            keys.announce(1)
    table.pass_time(seconds(2))
    assert len(table.messages(0, Acknowledgement)) > before


def test_what_is_in_use_and_what_comes_is_kept() -> None:
    """E5: erasing leaves the key itself and all later ones; a second time there is nothing to erase."""
    keys = chain()
    assert keys.find(public(5), 5) == next_seed(SEED, 5)
    assert keys.erase_before(public(5)) is not None
    assert keys.erase_before(public(5)) is None
    assert keys.find(public(5), 6) == next_seed(SEED, 5)
    assert keys.find(public(4), 4) is None
    assert keys.find(public(4), 9) is None
    assert keys.announce(7)[0] == public(7)
    assert keys.find(public(7), 7) == next_seed(SEED, 7)


def test_a_key_may_be_in_use_for_ever() -> None:
    """E5: the last key of genesis is found in every later epoch, whether or not the chain begins there."""
    keys = chain()
    assert keys.find(public(15), 15) is not None
    keys.erase_before(public(15))
    resumed = chain()
    resumed.resume(15)
    for each in (keys, resumed, chain()):
        assert each.find(public(15), 1000) == next_seed(SEED, 15)


def test_a_key_of_somebody_else_is_not_found() -> None:
    """E5: nor one that comes in a later epoch."""
    assert chain().find(SUITE.quorum.public_of(bytes(32)), 100) is None
    assert chain().find(public(9), 8) is None
