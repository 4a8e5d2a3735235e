"""Signatures inside messages, whatever the message: found by the names of the fields.

A field whose name says ``signature`` or ``aggregate`` and whose value is bytes is one; ``signatures`` is a tuple of
them. Records (msgspec structures and dataclasses) and tuples are searched to the bottom; what is carried as opaque
bytes is left.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import msgspec

Change: TypeAlias = Callable[[bytes], bytes]


def _is_signature(name: str) -> bool:
    return "signature" in name or "aggregate" in name


def _fields(value: Any) -> tuple[str, ...]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if dataclasses.is_dataclass(value):
        return tuple(field.name for field in dataclasses.fields(value) if field.init)
    return ()


def signatures(value: Any, named: bool = False) -> Iterator[bytes]:
    """All signatures in `value`, in the order of its fields."""
    if isinstance(value, bytes):
        if named:
            yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from signatures(each, named)
    else:
        for name in _fields(value):
            yield from signatures(getattr(value, name), _is_signature(name))


def change_signatures(value: Any, change: Change, named: bool = False) -> Any:
    """A copy of `value` whose signatures are `change` of them; `value` itself where there is none."""
    if isinstance(value, bytes):
        return change(value) if named else value
    if isinstance(value, tuple):
        changed = tuple(change_signatures(each, change, named) for each in value)
        return value if all(new is old for new, old in zip(changed, value, strict=True)) else changed
    names = _fields(value)
    fields = {name: change_signatures(getattr(value, name), change, _is_signature(name)) for name in names}
    if all(fields[name] is getattr(value, name) for name in names):
        return value
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **fields)
    return dataclasses.replace(value, **fields)
