"""What went wrong, for people and programs: a stable code, one sentence, the cause, what is unchanged, what to do next.

Every code has one exit status. The codes of the wire and the ledger (`bac.errors.Code`) and of identities
(`bac.node.keyfile.Fault`) are among them; docs/cli.md lists them all.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

import msgspec

from bac.errors import Rejected


class Exit(IntEnum):
    """Exit statuses."""

    OK = 0
    CHECK_FAILED = 1
    USAGE = 2
    INCONCLUSIVE = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    TIMEOUT = 6
    IDENTITY = 7
    REFUSED = 8
    UNFIT = 9
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code always means: its exit status, what stays as it was, and what usually helps."""

    exit: Exit
    next: str
    unchanged: str = "nothing was changed"


_KEY = Exit.IDENTITY
_RETIRED = "no order was signed; who has retired stays so for this epoch"
CATALOGUE: Final[Mapping[str, Entry]] = MappingProxyType(
    {
        # wrong usage
        "usage": Entry(Exit.USAGE, "the same command with --help shows what it takes"),
        "exists": Entry(Exit.USAGE, "choose another name, or move the old one away"),
        "ambiguous": Entry(Exit.USAGE, "give more of the id"),
        "other-engine": Entry(Exit.USAGE, "bac net init DIR --engine bac makes a network that has"),
        "not-found": Entry(Exit.NOT_FOUND, "the list verb of the same noun shows what there is"),
        # verdicts
        "check-failed": Entry(Exit.CHECK_FAILED, "the rows above say which, and why"),
        "inconclusive": Entry(Exit.INCONCLUSIVE, "ask again later: it may still happen"),
        # the network
        "unreachable": Entry(Exit.UNREACHABLE, "bac net status; bac net up starts what is down"),
        "not-running": Entry(Exit.UNREACHABLE, "bac node start NAME"),
        "timeout": Entry(Exit.TIMEOUT, "bac net status shows what it waits for; --timeout gives it longer"),
        "busy": Entry(Exit.UNREACHABLE, "try again in a moment: the node's queue is full"),
        # the restart of a shard
        "not-at-a-standstill": Entry(Exit.REFUSED, "bac status shows how far it has confirmed"),
        "too-few-retired": Entry(
            Exit.REFUSED,
            "start more nodes that were there; or --trust, an act of trust",
            _RETIRED,
        ),
        "too-few-left": Entry(Exit.REFUSED, "start more nodes that were there, and run it again", _RETIRED),
        "has-retired": Entry(Exit.USAGE, "--remove names who is gone; by default, whoever has not retired", _RETIRED),
        "too-many-removed": Entry(Exit.REFUSED, "start more nodes that were there; or name whom to --remove", _RETIRED),
        "no-agreement": Entry(Exit.REFUSED, "run it again; or --remove these, too; or leave out --remove", _RETIRED),
        # identity
        "foreign-file": Entry(_KEY, "bac id show FILE says what a file is"),
        "damaged-file": Entry(_KEY, "take it from your copy; a damaged secret cannot be mended"),
        "wrong-passphrase": Entry(_KEY, "try again; nobody can recover a lost passphrase"),
        "weak-passphrase": Entry(_KEY, "choose a longer one"),
        "no-passphrase": Entry(_KEY, "--passphrase-file FILE, or set BAC_PASSPHRASE, or use a terminal"),
        "exposed-file": Entry(_KEY, "chmod 600 FILE, and think about who may have read it"),
        "wrong-kind": Entry(_KEY, "bac id show FILE says whose key it is"),
        "bad-request": Entry(_KEY, "the owner makes a new one: bac id new"),
        "bad-credential": Entry(_KEY, "bac ca list shows those that were issued"),
        "stranger": Entry(_KEY, "check that --ca names the authority of this network"),
        "not-yet-valid": Entry(_KEY, "check the clock of this machine"),
        "expired": Entry(_KEY, "bac ca issue --renew"),
        "revoked": Entry(_KEY, "revocation is final: a new identity begins with bac id new"),
        "stale-list": Entry(_KEY, "bac ca revoke --refresh writes a new list"),
        "bad-list": Entry(_KEY, "take crl.pem from the authority again"),
        "already-issued": Entry(_KEY, "bac ca issue --renew, or bac ca revoke"),
        "not-later": Entry(_KEY, "give a longer --for"),
        "beyond-authority": Entry(_KEY, "give a shorter --for"),
        "not-this-network": Entry(_KEY, "check that --ca and --genesis belong together"),
        "no-permission": Entry(_KEY, "check who owns the file, and who you are"),
        # this machine
        "environment": Entry(Exit.UNFIT, "bac doctor says what is wrong here"),
        "unfit-library": Entry(Exit.UNFIT, "bac doctor says which library, and which version it takes"),
        "unfit-store": Entry(
            Exit.UNFIT, "the sentence names the record; a node without its store catches up: remove it"
        ),
        # the two that nobody plans
        "bug": Entry(
            Exit.BUG,
            "BAC_TRACE=1 shows where; please report that together with `bac version --json`",
            "what the command had not begun",
        ),
        "interrupted": Entry(Exit.INTERRUPTED, "run it again", "what was done is whole; nothing is left half done"),
    }
)

LEDGER: Final = Entry(Exit.REFUSED, "bac tx show and bac wallet balance tell what the ledger holds", "no coins moved")
"""What holds for every code of the wire and the ledger."""


class CommandFailed(Exception):
    """A verb could not do what it was asked.

    Attributes:
        code: a code of the catalogue.
        sentence: what failed.
        cause: why, if it is known.
        next: what to do, where the catalogue's own advice is not the best.
    """

    def __init__(self, code: str, sentence: str, cause: str = "", next_: str = "") -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code
        self.sentence = sentence
        self.cause = cause
        self.next = next_


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An error as programs read it."""

    code: str
    exit: int
    message: str
    cause: str | None
    unchanged: str
    next: str


def entry_of(code: str) -> Entry:
    """What the catalogue says about a code; codes of the ledger share one entry."""
    return CATALOGUE.get(code, LEDGER)


_BY_NAME: Final = {
    "UnfitLibrary": "unfit-library",
    "UnfitStore": "unfit-store",
    "Unreachable": "unreachable",
    "TimedOut": "timeout",
    "NotRunning": "not-running",
}
"""Exceptions of modules that cost too much to import for a word about them."""


def diagnose(error: BaseException) -> Report:
    """Turns what was raised into what is said."""
    code, sentence, cause, advice = _parts(error)
    entry = entry_of(code)
    return Report(
        code=code, exit=entry.exit, message=sentence, cause=cause or None,
        unchanged=entry.unchanged, next=advice or entry.next,
    )  # fmt: skip


def _parts(error: BaseException) -> tuple[str, str, str, str]:
    if isinstance(error, CommandFailed):
        return error.code, error.sentence, error.cause, error.next
    if isinstance(error, Rejected):
        return error.code.value, error.reason, "", ""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", "interrupted", "", ""
    fault = getattr(error, "fault", None)
    if fault is not None and fault in CATALOGUE:
        return str(fault.value), str(getattr(error, "reason", error)), "", ""
    if isinstance(error, OSError):
        return _system(error)
    if isinstance(error, ValueError):
        return "usage", _line(error), "", ""
    known = _BY_NAME.get(type(error).__name__)
    if known is not None:
        return known, _line(error), "", ""
    return "bug", "bac has met something that it did not expect", f"{type(error).__name__}: {_line(error)}", ""


def _system(error: OSError) -> tuple[str, str, str, str]:
    """Errors of the operating system, by their class."""
    subject = str(error.filename) if error.filename is not None else ""
    reason = (error.strerror or str(error)).lower()
    match error:
        case FileNotFoundError():
            return "not-found", f"there is no {subject or 'such file'}", "", ""
        case FileExistsError():
            return "exists", f"there is {subject or 'such a file'} already", "", ""
        case PermissionError():
            return "no-permission", f"not allowed to use {subject or 'this'}", reason, ""
        case TimeoutError():
            return "timeout", _line(error) or "it took too long", "", ""
        case ConnectionError():
            return "unreachable", f"no answer{' from ' + subject if subject else ''}", reason, ""
        case _:
            return "environment", f"this machine refuses: {reason}", subject, ""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def complain(error: BaseException, *, as_json: bool, trace: bool) -> int:
    """Says on standard error what went wrong, and returns the exit status."""
    report = diagnose(error)
    if trace:
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        text = msgspec.json.encode({"schema": "bac.error/1", "data": report, "warnings": []}).decode()
    else:
        parts = (("cause", report.cause), ("unchanged", report.unchanged), ("next", report.next))
        lines = [f"  {name:<10} {part}" for name, part in parts if part]
        text = "\n".join([f"{report.code}: {report.message}", *lines])
    sys.stderr.write(text + "\n")
    return report.exit
