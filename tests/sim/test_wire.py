"""Between sender and receiver: bytes, or the object itself."""

from __future__ import annotations

import io

import msgspec
import pytest

from bac.errors import Rejected
from bac.protocol import Send
from bac.sim.codec import MessageCodec
from bac.sim.trace import Kind, Trace, read
from bac.wire import codec
from tests.sim.echo import CODEC, Heard, Say, Word, ids
from tests.sim.thin import Script, simulation

A, B, C = ids(3)


def received(script: Script, node: int) -> list[object]:
    return [content[1] for handler, content, _ in script.nodes[node].inputs if handler == "message"]


def test_by_wire_receivers_get_what_the_bytes_say() -> None:
    """SI-17: an equal object, not the same; without, the very object."""
    message = Say(1, "x")
    for by_wire in (True, False):
        script = Script({"start": lambda _, now: [Send((B, C), message)]}, {}, {})
        simulation(script, by_wire=by_wire).advance(5_000)
        assert received(script, 1) == received(script, 2) == [message]
        assert (received(script, 1)[0] is message) is not by_wire


def test_what_no_receiver_can_decode_is_handed_to_none() -> None:
    """SI-17: it is counted, stands in the trace, and what follows arrives."""
    bad = Say(-1, "negative")
    script = Script({"start": lambda _, now: [Send((B, C), bad), Send((B,), Heard(1))]}, {}, {})
    sink = io.BytesIO()
    made = simulation(script, by_wire=True, trace=Trace(sink))
    made.advance(5_000)
    made.trace.flush()
    assert received(script, 1) == [Heard(1)]
    assert received(script, 2) == []
    assert made.tally()["malformed"] == 2
    sink.seek(0)
    assert [(record.node, record.number) for record in read(sink) if record.kind is Kind.MALFORMED] == [(1, 1), (2, 1)]


def test_sizes_and_copies_are_counted() -> None:
    """SI-13: the size of a message is that of its encoding, once per recipient."""
    script = Script({"start": lambda _, now: [Send((B, C), Heard(1)), Send((B,), Heard(300))]}, {}, {})
    tally = simulation(script).tally()
    assert (tally["sends"], tally["copies"], tally["bytes"]) == (2, 3, 2 * 3 + 5)


def test_a_forwarded_message_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """SI-17: by the identity of the object; an equal one is another."""
    encoded: list[object] = []
    counting = MessageCodec(Say | Heard, 100)

    def encode(value: object) -> bytes:
        encoded.append(value)
        return CODEC.encode(value)

    monkeypatch.setattr(counting, "encode", encode)
    one, other = Heard(1), Heard(1)
    script = Script({"start": lambda _, now: [Send((B,), one), Send((C,), one), Send((C,), other)]}, {}, {})
    script.codec = counting
    simulation(script)
    assert [value is one for value in encoded] == [True, False]


def test_the_codec_writes_what_the_wire_codec_writes_and_reads_no_more() -> None:
    """SI-17: the same bytes for valid values; invalid ones can be written, and are refused when read."""
    for value in (Word("x"), Say(1, "y"), Heard(2**40)):
        assert CODEC.encode(value) == codec.encode(value)
        assert CODEC.decode(CODEC.encode(value)) == value
    with pytest.raises(Rejected):
        CODEC.decode(CODEC.encode(Say(-1, "")))
    with pytest.raises(Rejected):
        CODEC.decode(msgspec.msgpack.encode(["no", "message"]))
    with pytest.raises(Rejected):
        CODEC.decode(CODEC.encode(Word("x" * 5_000)))
