"""`bac id` and `bac ca`, from a first key to revocation, and every way to go wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bac.cli.times import parse_time
from bac.crypto.keys import NodeSecrets
from bac.crypto.production import Production
from bac.genesis import network_id
from bac.node.authority import DAY, Authority, Register
from bac.node.credential import parse
from bac.node.identity import make_request, save_secrets
from bac.types import Micros
from bac.wire.codec import decode, encode
from bac.wire.transactions import Admit, AuthorityOrder, Kind, Order, Renew, Revoke, order_preimage
from tests.cli.console import Console
from tests.cli.town import founded
from tests.identity.places import PASSPHRASE

THEN = "2027-01-01T00:00:00Z"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority and a key, made once: what makes guessing dear makes this slow."""
    directory = tmp_path_factory.mktemp("prepared")
    end = Micros(parse_time(THEN) + 10 * 365 * DAY)
    Authority.create(directory / "ca", "city", PASSPHRASE, parse_time(THEN), end)
    secrets = NodeSecrets.from_root(bytes(32))
    save_secrets(directory / "ev1.key", secrets, PASSPHRASE)
    (directory / "ev1.csr").write_bytes(make_request(secrets, "ev1", Kind.VEHICLE))
    return directory


@pytest.fixture
def authority(console: Console, prepared: Path) -> Console:
    shutil.copytree(prepared, console.directory, dirs_exist_ok=True)
    return console


def test_a_new_authority_and_a_new_key(console: Console) -> None:
    made = console.data("ca", "init", "--name", "city", "--at", THEN, "--for", "1y")
    assert (made["name"], made["not_after"]) == ("city", "2028-01-01T00:00:00Z")
    assert console.data("id", "show", "ca/ca.pem")["authority_key"] == made["authority_key"]
    assert console.data("id", "show", "ca/ca.key")["authority_key"] == made["authority_key"]
    key = console.data("id", "new", "rsu1", "--kind", "relay", "--dir", ".")
    assert (key["kind"], console.data("id", "show", "rsu1.csr")["kind"]) == ("relay", "relay")
    assert console.data("id", "show", "rsu1.key")["identity"] == key["identity"]


def test_from_a_key_to_a_credential(authority: Console) -> None:
    made = authority.data("id", "show", "ev1.csr")
    (issued,) = authority.data("ca", "issue", "ev1.csr", "--at", THEN, "--for", "90d")
    assert (issued["name"], issued["standing"], issued["not_after"]) == ("ev1", "valid", "2027-04-01T00:00:00Z")
    shown = authority.data("id", "show", "ev1.pem")
    assert (
        shown["identity"]
        == made["identity"]
        == issued["identity"]
        == authority.data("id", "show", "ev1.key")["identity"]
    )
    assert shown["vrf_key"] == made["vrf_key"]
    assert shown["credential"] == parse(Path("ev1.pem").read_bytes()).hash.hex()
    (verdict,) = authority.data("ca", "verify", "ev1.pem", "--at", THEN)
    assert verdict == {"file": "ev1.pem", "verdict": "valid", "name": "ev1", "reason": None}


def test_no_secret_leaves_its_file(authority: Console) -> None:
    assert Path("ev1.key").stat().st_mode & 0o777 == 0o600
    assert Path("ca/ca.key").stat().st_mode & 0o777 == 0o600
    assert b'"kdf": "argon2id"' in Path("ev1.key").read_bytes()
    ran = authority("id", "show", "ev1.key", "--open", "--json")
    assert ran.status == 0
    assert ran.data["holds"] == "key of a node"


def test_verification_is_offline_takes_its_time_and_answers_with_status_1(authority: Console) -> None:
    authority.data("ca", "issue", "ev1.csr", "--at", THEN, "--for", "20d")
    for at, verdict in (("2026-12-31", "not-yet-valid"), ("2027-01-25", "expired")):
        ran = authority("ca", "verify", "ev1.pem", "--at", at, "--json")
        assert (ran.status, ran.data[0]["verdict"]) == (1, verdict)
        assert ran.data[0]["reason"]
    ran = authority("ca", "verify", "ev1.csr", "--at", THEN, "--json")
    assert (ran.status, ran.data[0]["verdict"]) == (1, "bad-credential")


def test_what_ends_soon_is_renewed_before_it_ends(authority: Console) -> None:
    authority.data("id", "new", "ev2")
    authority.data("ca", "issue", "ev1.csr", "--at", THEN, "--for", "30d")
    authority.data("ca", "issue", "ev2.csr", "--at", THEN, "--for", "1y")
    (ending,) = authority.data("ca", "list", "--expiring", "10d", "--at", "2027-01-25")
    assert ending["name"] == "ev1"
    (renewed,) = authority.data("ca", "issue", "--expiring", "10d", "--at", "2027-01-25", "--for", "90d")
    assert (renewed["name"], renewed["not_after"]) == ("ev1", "2027-04-25T00:00:00Z")
    assert renewed["identity"] == ending["identity"]
    assert authority.data("ca", "list", "--expiring", "10d", "--at", "2027-01-25") == []
    assert len(authority.data("ca", "list")) == 3
    assert parse(Path("ev1.pem").read_bytes()).serial == int(renewed["serial"], 16)


def test_revocation_by_a_prefix_covers_every_credential_of_the_member(authority: Console) -> None:
    (first,) = authority.data("ca", "issue", "ev1.csr", "--at", THEN)
    authority.data("ca", "issue", "--renew", "ev1", "--at", THEN, "--for", "180d")
    done = authority.data("ca", "revoke", first["serial"][:6], "--at", THEN)
    assert (done["number"], done["revoked"], done["next_update"]) == (1, 2, "2027-01-31T00:00:00Z")
    assert {row["standing"] for row in authority.data("ca", "list", "--at", THEN)} == {"revoked"}
    ran = authority("ca", "issue", "ev1.csr", "--out", "elsewhere", "--at", THEN, "--json")
    assert (ran.status, ran.error["code"]) == (7, "revoked")
    ran = authority("ca", "verify", "ev1.pem", "--at", "2027-03-01", "--json")
    assert ran.data[0]["verdict"] == "revoked"


def test_an_overdue_list_is_written_anew(authority: Console) -> None:
    authority.data("ca", "issue", "ev1.csr", "--at", THEN)
    ran = authority("ca", "verify", "ev1.pem", "--at", "2027-03-01", "--json")
    assert (ran.status, ran.data[0]["verdict"]) == (1, "stale-list")
    authority.data("ca", "revoke", "--refresh", "--at", "2027-03-01")
    assert authority.data("ca", "verify", "ev1.pem", "--at", "2027-03-01")[0]["verdict"] == "valid"


def test_issuing_for_a_network_writes_the_orders_of_its_chain(authority: Console) -> None:
    public = Register.open(Path("ca")).authority.public
    genesis = founded(public)
    Path("genesis").write_bytes(encode(genesis))
    (issued,) = authority.data("ca", "issue", "ev1.csr", "--genesis", "genesis", "--at", THEN)
    assert issued["order_file"] == "ev1.order"
    kinds: list[type] = [read_order(Path("ev1.order"), public, network_id(genesis))]
    authority.data("ca", "issue", "--renew", "ev1", "--genesis", "genesis", "--at", THEN, "--for", "180d")
    kinds.append(read_order(Path("ev1.order"), public, network_id(genesis)))
    (file,) = authority.data("ca", "revoke", "ev1", "--genesis", "genesis", "--at", THEN)["order_files"]
    kinds.append(read_order(Path(file), public, network_id(genesis)))
    assert kinds == [Admit, Renew, Revoke]
    authority.data("ca", "init", "--ca", "other")
    ran = authority("ca", "issue", "ev1.csr", "--ca", "other", "--out", "other", "--genesis", "genesis", "--json")
    assert (ran.status, ran.error["code"]) == (7, "not-this-network")
    ran = authority("ca", "revoke", "ev1", "--genesis", "genesis", "--shard", "5", "--json")
    assert (ran.status, ran.error["code"]) == (4, "not-found")


def read_order(path: Path, authority: bytes, network: bytes) -> type:
    order = decode(Order, path.read_bytes())
    preimage = order_preimage(network, 0, order.order)  # type: ignore[arg-type]  # bytes are bytes
    assert Production("ed25519-list").verify(authority, preimage, order.signature)
    return type(decode(AuthorityOrder, order.order, 2**15))


WRONG = [
    (("id", "show", "nothing.key"), 4, "not-found"),
    (("id", "new", "ev1"), 2, "exists"),
    (("id", "new", "a b"), 2, "usage"),
    (("id", "new", "ev9", "--kind", "ship"), 2, "usage"),
    (("id", "show", "ca/ca.key", "--open"), 7, "wrong-kind"),
    (("id", "show", "text"), 7, "foreign-file"),
    (("id", "show", "damaged.key"), 7, "damaged-file"),
    (("id", "show", "exposed.key", "--open"), 7, "exposed-file"),
    (("id", "show", "ev1.key", "--open", "--passphrase-file", "text"), 7, "wrong-passphrase"),
    (("id", "new", "ev9", "--passphrase-file", "short"), 7, "weak-passphrase"),
    (("ca", "init"), 2, "exists"),
    (("ca", "list", "--ca", "nowhere"), 4, "not-found"),
    (("ca", "list", "--at", "yesterday"), 2, "usage"),
    (("ca", "issue"), 2, "usage"),
    (("ca", "issue", "ev1.csr", "--for", "90"), 2, "usage"),
    (("ca", "issue", "ev1.csr", "--for", "20y"), 7, "beyond-authority"),
    (("ca", "issue", "text"), 7, "bad-request"),
    (("ca", "issue", "--renew", "ev7"), 4, "not-found"),
    (("ca", "revoke"), 2, "usage"),
    (("ca", "revoke", "ev7"), 4, "not-found"),
    (("ca", "revoke", "--refresh", "--passphrase-file", "text"), 7, "wrong-passphrase"),
    (("ca", "nonsense"), 2, "usage"),
    (("id", "new"), 2, "usage"),
]


@pytest.mark.parametrize(("words", "status", "code"), WRONG, ids=[" ".join(words) for words, _, _ in WRONG])
def test_each_mistake_has_its_code_and_changes_nothing(
    authority: Console, words: tuple[str, ...], status: int, code: str
) -> None:
    Path("text").write_text("another passphrase\n")
    Path("short").write_text("abc\n")
    key = Path("ev1.key").read_bytes()
    Path("damaged.key").write_bytes(key.replace(b'"operations": 3', b'"operations": 2'))
    Path("exposed.key").write_bytes(key)
    Path("exposed.key").chmod(0o644)
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    ran = authority(*words, "--json")
    assert (ran.status, ran.error["code"]) == (status, code), ran.err
    assert ran.out == ""
    assert ran.error["message"]
    assert ran.error["next"]
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_without_a_passphrase_and_a_terminal_nothing_waits(authority: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BAC_PASSPHRASE")
    ran = authority("id", "new", "ev2", "--json")
    assert (ran.status, ran.error["code"]) == (7, "no-passphrase")
    assert not Path("ev2.key").exists()
