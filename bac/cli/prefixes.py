"""Ids by any unique prefix, as people know it from version control."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bac.cli.errors import CommandFailed

T = TypeVar("T")


def choose(things: Mapping[str, T], prefix: str, what: str) -> T:
    """The one whose id is, or begins with, `prefix`.

    Raises:
        CommandFailed: `not-found` or `ambiguous`.
    """
    exact = things.get(prefix)
    if exact is not None:
        return exact
    found = [key for key in things if key.startswith(prefix.lower())] if prefix else []
    if not found:
        raise CommandFailed("not-found", f"there is no {what} {prefix}")
    if len(found) > 1:
        shown = ", ".join(sorted(key[: len(prefix) + 6] for key in found)[:4])
        raise CommandFailed("ambiguous", f"{len(found)} begin with {prefix}: {shown}")
    return things[found[0]]
