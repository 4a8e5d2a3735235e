"""WI-3, WI-34: whatever the bytes, nothing but `Rejected`, in time and memory linear in what came in."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import msgpack  # type: ignore[import-untyped]  # the package ships no types
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bac.errors import Code, Rejected
from bac.wire.block import Body
from bac.wire.codec import Message, decode, encode
from bac.wire.registry import MESSAGES
from tests.wire.fuzz import one_input, take
from tests.wire.samples import SAMPLES

ENCODINGS = [encode(sample) for sample in SAMPLES]
ROOT = Path(__file__).parent.parent.parent

# What MessagePack can say at all: also what our records never hold.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.binary(max_size=100) | st.text(),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.integers() | st.text(), inner, max_size=3),
    max_leaves=30,
)
MASK = 2**64 - 1


@settings(max_examples=500)
@given(st.binary(max_size=300))
def test_random_bytes(data: bytes) -> None:
    """WI-34: bytes of any kind."""
    one_input(data)


@settings(max_examples=500)
@given(st.sampled_from(sorted(MESSAGES)), st.lists(ANYTHING, max_size=18))
def test_known_tags_before_anything(tag: int, fields: list[Any]) -> None:
    """WI-34: well-formed MessagePack of the wrong content."""
    one_input(msgpack.packb([tag, *fields], default=lambda number: number & MASK))


@settings(max_examples=1000)
@given(st.sampled_from(ENCODINGS), st.data())
def test_mutated_encodings(data: bytes, draw: st.DataObject) -> None:
    """WI-3: a valid encoding with a few bytes changed, inserted, dropped or doubled is another value, or refused."""
    mutated = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 3))):
        at = draw.draw(st.integers(0, max(0, len(mutated) - 1)))
        length = draw.draw(st.integers(0, 4))
        mutated[at : at + length] = draw.draw(st.binary(max_size=4) | st.just(bytes(mutated[at : at + 40])))
    one_input(bytes(mutated))


@settings(max_examples=300)
@given(st.sampled_from(ENCODINGS), st.sampled_from(ENCODINGS), st.integers(0, 2000), st.integers(0, 2000))
def test_spliced_encodings(first: bytes, second: bytes, cut: int, join: int) -> None:
    """WI-34: the head of one message and the tail of another."""
    one_input(first[:cut] + second[join:])


def widened(data: bytes) -> list[bytes]:
    """All encodings of the same value in which one header is longer than need be."""
    # Each MessagePack header can be written longer; found by walking the encoding as any reader would.
    longer: list[bytes] = []
    for at, head in enumerate(data):
        replacement = {
            0xC4: lambda rest: b"\xc5\x00" + rest,  # byte string, 8-bit length
            0xCC: lambda rest: b"\xcd\x00" + rest,  # whole number of 8 bits
            0xCD: lambda rest: b"\xce\x00\x00" + rest,
            0xCE: lambda rest: b"\xcf\x00\x00\x00\x00" + rest,
        }.get(head)
        if replacement is not None:
            longer.append(data[:at] + replacement(data[at + 1 :]))
        if 0x90 <= head <= 0x9F:
            longer.append(data[:at] + bytes((0xDC, 0, head & 15)) + data[at + 1 :])
        if head < 0x80:
            longer.append(data[:at] + b"\xcc" + data[at:])
    return longer


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_no_second_encoding(sample: Message) -> None:
    """WI-3: headers and numbers longer than need be, everywhere in every type: the same value is never read."""
    data = encode(sample)
    read = 0
    for other in widened(data):
        try:
            value = decode(type(sample), other)
        except Rejected:
            continue
        read += 1
        assert value != sample  # a byte of content was hit: another value
    assert read < len(data)


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nested arrays": lambda size: b"\x91" * size,
    "nested arrays behind a tag": lambda size: b"\x92\x10" + b"\x91" * size,
    "nested maps": lambda size: b"\x81\x01" * (size // 2),
    "an array said to be huge": lambda size: b"\x92\x10\xdd\xff\xff\xff\xff" + bytes(size),
    "a byte string said to be huge": lambda size: b"\x92\x10\x91\xc6\xff\xff\xff\xff" + bytes(size),
    "many small items": lambda size: msgpack.packb([16, [b"ab"] * (size // 4)]),
    "many items too small": lambda size: msgpack.packb([16, [b""] * (size // 2)]),
    "one large item": lambda size: msgpack.packb([16, [bytes(size)]]),
    "random tail": lambda size: b"\x92\x10\xdd\x00\x00\xff\xff" + bytes(range(256)) * (size // 256),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("size", [2**10, 2**14, 2**18])
def test_memory_is_linear_in_what_came_in(name: str, size: int) -> None:
    """WI-34: at most 40 bytes per byte (a record of two-byte items), however large it says that it is."""
    data = HOSTILE[name](size)
    tracemalloc.start()
    with suppress(Rejected):
        decode(Body, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(data) + 2**15


@pytest.mark.parametrize("name", HOSTILE)
def test_the_work_per_message_does_not_depend_on_its_content(name: str) -> None:
    """WI-34: one pass of the decoder, one of the encoder, one comparison, and a fixed number of calls around them."""

    def calls(size: int) -> int:
        count = 0

        def profile(frame: FrameType, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        data = HOSTILE[name](size)
        sys.setprofile(profile)
        with suppress(Rejected):
            decode(Body, data)
        sys.setprofile(None)
        return count

    calls(2**10)  # makes the decoder of the type
    assert 0 < calls(2**18) == calls(2**10) < 20


@pytest.mark.parametrize("kind", MESSAGES.values(), ids=lambda kind: kind.__name__)
def test_sizes_are_judged_before_anything_is_read(kind: type[Message]) -> None:
    """WI-5: one byte above the cap of the type that the tag names is refused as oversized."""
    tag = kind.__struct_config__.tag
    assert isinstance(tag, int)
    with pytest.raises(Rejected) as caught:
        take(bytes((0x91, tag)) + bytes(kind.CAP - 1))
    assert caught.value.code is Code.OVERSIZED
    with pytest.raises(Rejected) as caught:
        take(bytes((0x91, tag)) + bytes(kind.CAP - 2))
    assert caught.value.code is Code.MALFORMED


@pytest.mark.long
def test_coverage_guided(tmp_path: Path) -> None:
    """WI-34: 300,000 inputs that a fuzzer guided by coverage (atheris) grows from the vectors."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, data in enumerate(ENCODINGS):
        (corpus / str(number)).write_bytes(data)
    command = [
        sys.executable,
        "-m",
        "tests.wire.fuzz",
        "-runs=300000",
        "-max_len=4096",
        f"-artifact_prefix={tmp_path}/",
    ]
    done = subprocess.run([*command, str(corpus)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done 300000 runs" in done.stderr
