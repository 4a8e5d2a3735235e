"""``python -m hashgraph replay TRACE.json``: what the definitions make of a trace, as JSON on stdout.

The trace is ``{"members": {name: weight}, "coin_period": 10, "events": [{"id": hex, "creator": name, "self_parent":
id|null, "other_parents": [id…], "time": int, "payload": [hex…], "sig": hex}, …]}``, parents before children. Ids and
signatures are taken as given, not checked. Malformed input: exit 2, and one line saying which event and why.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from hashgraph import Event, Hashgraph, InvalidEvent, Limits, MissingParents, OrderedEvent

FIELDS = {"id": str, "creator": str, "other_parents": list, "time": int, "payload": list, "sig": str}


class Malformed(Exception):
    """The trace is not one; the message says where and why."""


def replay(trace: Any) -> dict[str, Any]:
    """The order and all that leads to it, for exactly the events of `trace`. Raises Malformed."""
    graph = _open(trace)
    names: dict[bytes, str] = {}
    ordered: list[OrderedEvent] = []
    events = _expect(trace, "events", list, "the trace")
    for position, packed in enumerate(events):
        where = f"event {position}"
        event = _read_event(packed, where)
        if event.id in names:
            raise Malformed(f"{where} ({packed['id']}): repeated id")
        try:
            ordered += graph.insert(event)
        except MissingParents as missing:
            raise Malformed(f"{where} ({packed['id']}): unknown parent {missing.ids[0].hex()}") from None
        except InvalidEvent as invalid:
            raise Malformed(f"{where} ({packed['id']}): {invalid.reason.value}") from None
        names[event.id] = packed["id"]
    witnesses = [identity for identity in names if graph.is_witness(identity)]
    return {
        "order": [names[each.event.id] for each in ordered],
        "round": {name: graph.round(identity) for identity, name in names.items()},
        "witness": [names[identity] for identity in witnesses],
        "famous": {names[identity]: graph.is_famous(identity) for identity in witnesses},
        "received": {names[each.event.id]: each.round_received for each in ordered},
        "timestamp": {names[each.event.id]: each.time_us for each in ordered},
    }


def _open(trace: Any) -> Hashgraph:
    members = _expect(trace, "members", dict, "the trace")
    coin_period = trace.get("coin_period", 10)
    limits = Limits(payload_bytes=sys.maxsize, other_parents=sys.maxsize)
    try:
        weights = {name.encode(errors="surrogatepass"): weight for name, weight in members.items()}
        return Hashgraph(weights, coin_period, limits)
    except ValueError as error:
        raise Malformed(f"the trace: {error}") from None


def _expect(value: Any, field: str, kind: type, where: str) -> Any:
    if not isinstance(value, dict) or field not in value:
        raise Malformed(f"{where}: missing field {field!r}")
    if not isinstance(value[field], kind) or (kind is int and isinstance(value[field], bool)):
        raise Malformed(f"{where}: field {field!r} is not of type {kind.__name__}")
    return value[field]


def _read_event(packed: Any, where: str) -> Event:
    values = {field: _expect(packed, field, kind, where) for field, kind in FIELDS.items()}
    self_parent = _expect(packed, "self_parent", object, where)
    identity = _read_hex(values["id"], f"{where}: id")
    where += f" ({values['id']})"
    return Event(
        id=identity,
        creator=values["creator"].encode(errors="surrogatepass"),
        self_parent=None if self_parent is None else _read_hex(self_parent, f"{where}: self_parent"),
        other_parents=tuple(_read_hex(parent, f"{where}: other_parents") for parent in values["other_parents"]),
        time_us=values["time"],
        payload=tuple(_read_hex(part, f"{where}: payload") for part in values["payload"]),
        signature=_read_hex(values["sig"], f"{where}: sig"),
    )


def _read_hex(value: Any, where: str) -> bytes:
    try:
        if "".join(value.split()) == value:
            return bytes.fromhex(value)
    except (AttributeError, TypeError, ValueError):
        pass
    raise Malformed(f"{where} is not hexadecimal")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hashgraph", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("replay", help="order the events of a trace")
    command.add_argument("trace", type=Path)
    arguments = parser.parse_args()
    try:
        trace = json.loads(arguments.trace.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        print(f"{arguments.trace}: not readable as JSON: {error}", file=sys.stderr)
        return 2
    try:
        result = replay(trace)
    except Malformed as error:
        print(f"{arguments.trace}: {error}", file=sys.stderr)
        return 2
    json.dump(result, sys.stdout, indent=1)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
