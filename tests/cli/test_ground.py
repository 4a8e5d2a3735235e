"""What holds for every verb: streams, forms, statuses, codes, help, and how fast the command answers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from bac.cli import doctor, main, version
from bac.cli.errors import CATALOGUE, CommandFailed, Exit, diagnose
from bac.cli.output import Answer, Format, Row
from bac.cli.prefixes import choose
from bac.cli.schema import answers
from bac.cli.times import parse_duration, parse_time, show_time
from bac.errors import Code, Rejected
from bac.node.keyfile import Fault, IdentityProblem
from tests.cli.console import Console

DOCUMENT = Path(__file__).parents[2] / "docs" / "cli.md"


def verbs() -> list[tuple[str, ...]]:
    """Every command that is offered."""
    found: list[tuple[str, ...]] = []
    for name in main.offered():
        command = main.load(name)
        inner = getattr(command, "commands", None)
        found += [(name,)] if inner is None else [(name, verb) for verb in inner]
    return found


class Thing(Row, frozen=True):
    """A row with one of each."""

    name: str
    energy_wh: int
    balance_micro: int | None
    latency_us: int
    size_bytes: int
    is_good: bool
    parts: list[str]
    id: str


THING = Answer("thing.list", Thing, many=True)
ROWS = [
    Thing(
        name="a", energy_wh=5, balance_micro=1_500_000, latency_us=2_000, size_bytes=2048,
        is_good=True, parts=["x", "y"], id="ab" * 32,
    ),
    Thing(
        name="b,c", energy_wh=0, balance_micro=None, latency_us=3_500_000, size_bytes=5,
        is_good=False, parts=[], id="cd" * 32,
    ),
]  # fmt: skip


def test_the_four_forms_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    THING.show(ROWS, Format.JSON, warnings=["one is bad"])
    captured = capsys.readouterr()
    envelope = json.loads(captured.out)
    assert (envelope["schema"], envelope["warnings"]) == ("bac.thing.list/1", ["one is bad"])
    assert envelope["data"][1]["balance_micro"] is None, "unknown is null, never 0"
    THING.show(ROWS, Format.JSONL, warnings=["one is bad"])
    captured = capsys.readouterr()
    assert [json.loads(line) for line in captured.out.splitlines()] == envelope["data"]
    assert captured.err == "warning: one is bad\n"
    THING.show(ROWS, Format.CSV)
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["name"] for row in read] == ["a", "b,c"]
    assert (read[1]["balance_micro"], read[0]["is_good"], read[0]["parts"]) == ("", "true", '["x","y"]')
    THING.show(ROWS, Format.TABLE)
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "ENERGY", "WH", "BALANCE", "LATENCY", "SIZE", "IS", "GOOD", "PARTS", "ID"]
    assert first.split() == ["a", "5", "1.500000", "2", "ms", "2", "KiB", "yes", "x,", "y", "abababababab"]
    assert second.split() == ["b,c", "0", "-", "3.5", "s", "5", "B", "no", "-", "cdcdcdcdcdcd"]


def test_a_table_without_a_terminal_is_plain(console: Console) -> None:
    ran = console("params", "show", "epoch")
    assert ran.status == 0
    assert "\x1b" not in ran.out
    assert not any(line != line.rstrip() for line in ran.out.splitlines())
    assert ran.err.startswith("digest ")


def test_an_answer_without_rows_is_an_empty_list(console: Console) -> None:
    console.data("ca", "init")
    assert console.data("ca", "list") == []
    ran = console("ca", "list")
    assert (ran.out, ran.err) == ("", "nothing to show\n")
    assert console("ca", "list", "-o", "csv").out.startswith("name,kind,standing,")


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_every_verb_explains_itself(console: Console, words: tuple[str, ...]) -> None:
    ran = console(*words, "--help")
    assert ran.status == 0
    assert "Usage: bac " + " ".join(words) in " ".join(ran.out.split())
    assert ran.err == ""


def test_the_root_and_the_nouns_show_their_help(console: Console) -> None:
    shown = console().out
    for name, noun in main.offered().items():
        assert name in shown
        assert noun.panel in shown
    for name in {words[0] for words in verbs() if len(words) == 2 and main.NOUNS[words[0]].verb is None}:
        assert all(verb in console(name).out for verb in main.load(name).commands)


def test_every_declared_answer_has_a_schema(console: Console) -> None:
    known = answers()
    listed = {row["schema"] for row in console.data("schema")}
    assert listed == set(known)
    for name, answer in known.items():
        found = json.loads(console("schema", name).out)
        assert found["$id"] == name
        assert set(answer.kind.__struct_fields__) == set(found["$defs"][answer.kind.__name__]["properties"])
        assert re.fullmatch(r"bac\.[a-z]+(\.[a-z]+)?/1", name)
    assert json.loads(console("schema", "bac.error/1").out)["$defs"]["Report"]
    assert console("schema", "nothing").status == 4


def test_errors_say_four_things_on_standard_error(console: Console) -> None:
    ran = console("id", "show", "nothing.key")
    assert ran.out == ""
    first, *rest = ran.err.splitlines()
    assert first == "not-found: there is no nothing.key"
    assert [line.split()[0] for line in rest] == ["unchanged", "next"]


RAISED: list[tuple[BaseException, str, Exit]] = [
    (CommandFailed("ambiguous", "two"), "ambiguous", Exit.USAGE),
    (Rejected(Code.UNFUNDED, "no coins"), "unfunded", Exit.REFUSED),
    (IdentityProblem(Fault.EXPIRED, "it ended"), "expired", Exit.IDENTITY),
    (FileNotFoundError(2, "no", "x"), "not-found", Exit.NOT_FOUND),
    (FileExistsError(17, "yes", "x"), "exists", Exit.USAGE),
    (PermissionError(13, "no", "x"), "no-permission", Exit.IDENTITY),
    (ConnectionRefusedError(111, "refused"), "unreachable", Exit.UNREACHABLE),
    (TimeoutError("no block for 5 s"), "timeout", Exit.TIMEOUT),
    (OSError(28, "No space left on device"), "environment", Exit.UNFIT),
    (ValueError("two\nlines"), "usage", Exit.USAGE),
    (KeyboardInterrupt(), "interrupted", Exit.INTERRUPTED),
    (ZeroDivisionError("oops"), "bug", Exit.BUG),
    (AssertionError("broken"), "bug", Exit.BUG),
]


@pytest.mark.parametrize(("error", "code", "status"), RAISED, ids=[type(each).__name__ for each, _, _ in RAISED])
def test_what_is_raised_has_a_code_and_a_status(error: BaseException, code: str, status: Exit) -> None:
    report = diagnose(error)
    assert (report.code, report.exit) == (code, status)
    assert "\n" not in report.message
    assert report.unchanged
    assert report.next


def test_every_identity_fault_is_in_the_catalogue() -> None:
    assert {fault.value for fault in Fault} <= set(CATALOGUE)
    assert {CATALOGUE[fault.value].exit for fault in Fault} == {Exit.IDENTITY}


def test_the_document_lists_every_code_every_status_and_every_verb() -> None:
    text = DOCUMENT.read_text()
    table = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\d+) \|", text, re.MULTILINE))
    assert table == {code: str(entry.exit.value) for code, entry in CATALOGUE.items()}
    statuses = {int(found) for found in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert statuses == {status.value for status in Exit}
    assert [words for words in verbs() if f"`bac {' '.join(words)}" not in text] == []
    promised = {tuple(found.split()) for found in re.findall(r"^\| `bac ([a-z ]+[a-z])", text, re.MULTILINE)}
    assert promised <= set(verbs()), "nothing is promised that is not offered"


def test_a_bug_and_an_interruption_end_cleanly(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(error: BaseException) -> Any:
        def check(_: Path) -> Any:
            raise error

        return check

    monkeypatch.setattr(doctor, "CHECKS", (raising(RuntimeError("unheard of")),))
    ran = console("doctor")
    assert ran.status == 70
    assert "RuntimeError: unheard of" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("BAC_TRACE", "1")
    assert "Traceback" in console("doctor").err
    for error in (KeyboardInterrupt(), typer.Abort()):
        monkeypatch.setattr(doctor, "CHECKS", (raising(error),))
        ran = console("doctor")
        assert (ran.status, ran.err.splitlines()[0]) == (130, "interrupted: interrupted")
        assert ran.out == ""


def test_an_unfit_machine_has_status_9(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {row["state"] for row in console.data("doctor")} <= {"ok", "warn"}
    monkeypatch.setattr(doctor, "installed", lambda name: None if name == "trio" else "1.0")
    ran = console("doctor", "--json")
    assert ran.status == 9
    failed = [row for row in ran.data if row["state"] == "fail"]
    assert [(row["check"], row["advice"]) for row in failed] == [("trio", "pip install trio")]


def test_parameters_stand_with_unit_formula_and_reason(console: Console) -> None:
    rows = {row["name"]: row for row in console.data("params", "show", "--preset", "minimal")}
    assert (rows["epoch_us"]["value"], rows["epoch_us"]["default"]) == (6_000_000, 15_000_000)
    assert all(row["unit"] and row["reason"] for row in rows.values())
    assert console("params", "show", "nonsense").status == 4
    assert console("params", "show", "--preset", "nonsense").status == 4


def test_settings_say_where_they_come_from(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAC_CA", "elsewhere")
    rows = {row["name"]: row for row in console.data("config", "show")}
    assert (rows["BAC_CA"]["value"], rows["BAC_CA"]["origin"]) == ("elsewhere", "environment")
    assert rows["BAC_PASSPHRASE"]["value"] == "(set)", "a secret is never shown"
    winner = next(row for row in console.data("config", "explain", "ca") if row["wins"])
    assert winner == {"origin": "environment BAC_CA", "value": "elsewhere", "wins": True}
    assert console("config", "explain", "nonsense").status == 4
    assert not [name for name in rows if name.startswith("settings.")], "there is no network here"
    Path("net").mkdir()
    Path("net/net.toml").write_text("[settings]\nping = 1.5\n")
    rows = {row["name"]: row for row in console.data("config", "show")}
    assert (rows["settings.ping"]["value"], rows["settings.ping"]["origin"]) == ("1.5", "net/net.toml")
    assert rows["settings.ban"]["origin"] == "default"
    Path("net/net.toml").write_text("[settings]\npong = 1\n")
    assert console("config", "show").status == 2, "an unknown name is an error"
    assert console("ca", "list").err.startswith("not-found: there is no elsewhere/ca.pem")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_not_installed(console: Console, shell: str) -> None:
    ran = console("completion", shell)
    assert ran.status == 0
    assert "_BAC_COMPLETE" in ran.out
    assert "bac completion" in ran.err


def test_completion_completes(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"_BAC_COMPLETE": "complete_bash", "COMP_WORDS": "bac ca re", "COMP_CWORD": "2"}
    ran = subprocess.run(COMMAND, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["revoke", "reconfigure"]


def test_ids_are_taken_by_unique_prefix() -> None:
    things = {"abcdef": 1, "abdddd": 2, "ff": 3, "ffaa": 4}
    assert (choose(things, "abc", "thing"), choose(things, "ff", "thing"), choose(things, "FFA", "thing")) == (1, 3, 4)
    for prefix, code in (("ab", "ambiguous"), ("x", "not-found"), ("", "not-found")):
        with pytest.raises(CommandFailed) as caught:
            choose(things, prefix, "thing")
        assert caught.value.code == code


def test_times_and_durations_are_read_and_written() -> None:
    assert show_time(parse_time("2027-01-01T01:00:00+01:00")) == "2027-01-01T00:00:00Z"
    assert parse_time("2027-01-01") == parse_time("2027-01-01T00:00:00Z") == 1_798_761_600_000_000
    assert parse_duration("1h30m") == 5_400_000_000
    assert (parse_duration("250ms"), parse_duration("90d")) == (250_000, 90 * 86_400_000_000)
    for wrong in ("", "5", "d", "1x", "0s", "-1s", "1 s"):
        with pytest.raises(ValueError, match="duration"):
            parse_duration(wrong)


COMMAND = [sys.executable, "-c", "from bac.cli.main import main; main()"]


def test_a_word_imports_its_own_module_only() -> None:
    """What makes `bac version` answer at once: nothing of the network is imported, nor rich where JSON is asked for."""
    script = (
        "import sys; from bac.cli.main import run; run(['version', '--json']); "
        "print([each for each in ('trio', 'libp2p', 'scipy', 'cryptography', 'rich', 'nacl') if each in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
    assert f'"bac": "{version.installed("bac")}"' in ran.stdout


def test_whoever_stops_reading_is_not_shouted_at() -> None:
    with subprocess.Popen([*COMMAND, "params", "show"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
    assert b"Traceback" not in complaint
    assert b"BrokenPipe" not in complaint
    assert process.returncode == 0
