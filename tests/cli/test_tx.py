"""`bac tx`: what is made by hand is what the nodes of that network take."""

from __future__ import annotations

from pathlib import Path

import pytest

from bac.crypto.ed25519 import Ed25519KeyPair
from bac.crypto.production import Production
from bac.genesis import network_id
from bac.intake import Intake
from bac.node.identity import identity_of, save_secrets
from bac.node.keyfile import RANDOM
from bac.wire.codec import encode
from tests.cli.console import Console
from tests.cli.town import founded, founder
from tests.identity.places import PASSPHRASE

GENESIS = founded(Ed25519KeyPair.from_seed(b"a" * 32).public)


@pytest.fixture
def town(console: Console) -> Console:
    Path("genesis").write_bytes(encode(GENESIS))
    save_secrets(Path("me.key"), founder(0), PASSPHRASE, RANDOM)
    return console


NEW = ("tx", "new", "--as", "me.key", "--genesis", "genesis", "--nonce", "3")


def test_a_transfer_made_by_hand_passes_the_intake(town: Console) -> None:
    to = identity_of(founder(1)).hex()
    made = town.data(*NEW, "--to", to[:8], "--amount", "1.5")
    assert (made["operation"], made["amount_micro"], made["nonce"], made["recipient"]) == ("transfer", 1_500_000, 3, to)
    assert (made["is_good"], made["sender"]) == (True, identity_of(founder(0)).hex())
    data = Path(made["file"]).read_bytes()
    assert len(data) == made["size_bytes"]
    judge = Intake(network_id(GENESIS), 0, GENESIS.authority, Production("ed25519-list"), lambda _: None)
    assert judge.transaction(data).id.hex() == made["id"]
    assert town.data("tx", "show", made["file"], "--genesis", "genesis") == made
    assert town.data("tx", "show", made["file"])["is_good"] is None, "not judged, not known"


def test_what_was_altered_is_shown_as_bad(town: Console) -> None:
    made = town.data(*NEW, "--to", "ab" * 32, "--amount", "1")
    data = bytearray(Path(made["file"]).read_bytes())
    data[-1] ^= 1
    Path("altered").write_bytes(data)
    shown = town.data("tx", "show", "altered", "--genesis", "genesis")
    assert shown["is_good"] is False
    assert shown["problem"].startswith("bad-signature: ")


WRONG = [
    ((*NEW,), 2, "usage"),
    ((*NEW, "--to", "ab" * 32), 2, "usage"),
    ((*NEW, "--to", "ab" * 32, "--amount", "0.0000001"), 2, "usage"),
    ((*NEW, "--to", "xyz", "--amount", "1"), 4, "not-found"),
    ((*NEW, "--to", "ab" * 32, "--amount", "1", "--out", "me.key"), 2, "exists"),
    ((*NEW, "--to", "ab" * 32, "--amount", "1", "--shard", "7"), 4, "not-found"),
    ((*NEW, "--order", "genesis"), 8, "malformed"),
    (("tx", "show", "genesis"), 8, "malformed"),
    (("tx", "show", "nothing"), 2, "usage"),
]


@pytest.mark.parametrize(("words", "status", "code"), WRONG, ids=[" ".join(words[-4:]) for words, _, _ in WRONG])
def test_each_mistake_has_its_code(town: Console, words: tuple[str, ...], status: int, code: str) -> None:
    ran = town(*words, "--json")
    assert (ran.status, ran.error["code"]) == (status, code), ran.err
    assert not Path("transaction.bin").exists()
