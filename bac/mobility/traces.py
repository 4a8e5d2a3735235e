"""Readers of traces: lines in, fixes out, one at a time, however long the file.

Three forms are read, each plain or gzipped:

- CSV with the columns ``time_s, vehicle_id, lat, lon, speed_mps`` and, where known, ``heading_deg`` or
  ``derived_heading_deg`` and ``battery_wh`` (the packaged traces);
- SUMO floating-car data as CSV, columns ``timestep_time; vehicle_id; vehicle_x; …`` as SUMO >= 1.24 writes them;
- SUMO floating-car data as XML, ``<timestep time=…><vehicle id=… x=… y=… angle=… speed=…/>``.

Degrees become centimetres of the region's plane here and nowhere else (`bac.mobility.plane`). A SUMO file holds degrees
if it was written with ``--fcd-output.geo`` (x is the longitude): give a plane. Else it holds metres of SUMO's network:
give None. A malformed line ends the reading with one ValueError that names file, line and fault. Times must not fall
and no vehicle may stand twice at one time, as everything that streams relies on it.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast
from xml.parsers import expat

from bac.mobility.plane import REACH_CM, Plane, velocity_cm_s

_CHUNK_BYTES = 1 << 16
_TIME_MAX_S = 10**10
_SPEED_MAX_M_S = 1000
_BATTERY_MAX_WH = 10**9


@dataclass(frozen=True, slots=True)
class Fix:
    """Where a vehicle was at a time.

    Attributes:
        time_us: µs since the trace's own zero.
        vehicle: the trace's name of the vehicle.
        x_cm: centimetres east of the plane's origin.
        y_cm: centimetres north of it.
        velocity_cm_s: east and north part in cm/s; None where the trace gives speed without heading.
        battery_wh: energy in the battery; None where the trace does not know it.
    """

    time_us: int
    vehicle: str
    x_cm: int
    y_cm: int
    velocity_cm_s: tuple[int, int] | None
    battery_wh: int | None = None


@dataclass(frozen=True, slots=True)
class _Form:
    """Names of a form's columns. `heading` and `battery` may be missing or blank."""

    time: str
    vehicle: str
    x: str
    y: str
    speed: str
    headings: tuple[str, ...]
    battery: str
    delimiter: str

    @property
    def required(self) -> tuple[str, ...]:
        return (self.time, self.vehicle, self.x, self.y, self.speed)


_PLAIN = _Form(
    "time_s", "vehicle_id", "lon", "lat", "speed_mps", ("heading_deg", "derived_heading_deg"), "battery_wh", ","
)
_SUMO = _Form(
    "timestep_time", "vehicle_id", "vehicle_x", "vehicle_y", "vehicle_speed",
    ("vehicle_angle",), "vehicle_device.battery.chargeLevel", ";",
)  # fmt: skip
_SUMO_XML = _Form("time", "id", "x", "y", "speed", ("angle",), "device.battery.chargeLevel", "")


def read(path: Path, plane: Plane | None) -> Iterator[Fix]:
    """The fixes of a file, in its order; form and compression are told from its first bytes.

    Raises:
        ValueError: malformed; the message begins with ``<file name>:<line>:``.
        OSError: the file cannot be read.
    """
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        # gzip's file object is a BinaryIO in all but its declared type.
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if is_gzip else raw
        head = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
        stream.seek(0)
        if head.startswith(b"<"):
            yield from read_fcd_xml(stream, plane, path.name)
        else:
            yield from read_csv(_lines(stream, path.name), plane, path.name)


def read_csv(lines: Iterable[str], plane: Plane | None, name: str = "csv") -> Iterator[Fix]:
    """The fixes of a CSV table of either form, told apart by the header.

    Raises:
        ValueError: malformed; the message begins with ``<name>:<line>:``.
    """
    rows = iter(lines)
    header_line = next(rows, "").rstrip("\r\n")
    form = _SUMO if header_line.startswith(_SUMO.time) else _PLAIN
    header = header_line.split(form.delimiter)
    missing = [column for column in form.required if column not in header]
    if missing:
        raise ValueError(f"{name}:1: no column {missing[0]!r}")
    if form is _PLAIN and plane is None:
        raise ValueError(f"{name}:1: latitude and longitude need a plane")
    intake = _Intake(form, plane, name)
    table = csv.reader(rows, delimiter=form.delimiter, strict=True)
    try:
        for row in table:
            if len(row) != len(header):
                raise ValueError(f"{name}:{table.line_num + 1}: {len(row)} fields, not {len(header)}")
            cells = dict(zip(header, row, strict=True))
            # SUMO writes a row with nothing but the time for a second without vehicles.
            if cells[form.vehicle] or form is _PLAIN:
                yield intake.fix(cells, table.line_num + 1)
    except csv.Error as error:
        raise ValueError(f"{name}:{table.line_num + 1}: {error}") from None


def read_fcd_xml(stream: BinaryIO, plane: Plane | None, name: str = "xml") -> Iterator[Fix]:
    """The fixes of SUMO's floating-car data in XML; persons and containers are passed over.

    Document types are refused, and with them every entity that could grow or reach out of the file.

    Raises:
        ValueError: malformed; the message begins with ``<name>:<line>:``.
    """
    parser = expat.ParserCreate()
    intake = _Intake(_SUMO_XML, plane, name)
    found: list[Fix] = []
    time = ""

    def on_element(tag: str, attributes: dict[str, str]) -> None:
        nonlocal time
        if tag == "timestep":
            time = attributes.get("time", "")
        elif tag == "vehicle":
            found.append(intake.fix({**attributes, "time": time}, parser.CurrentLineNumber))
        elif tag not in ("fcd-export", "person", "container"):
            raise ValueError(f"{name}:{parser.CurrentLineNumber}: <{tag}> has no place in floating-car data")

    def on_doctype(*_: object) -> None:
        raise ValueError(f"{name}:{parser.CurrentLineNumber}: a document type is not accepted")

    parser.StartElementHandler = on_element
    parser.StartDoctypeDeclHandler = on_doctype
    try:
        while chunk := stream.read(_CHUNK_BYTES):
            parser.Parse(chunk, False)
            yield from found
            found.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise ValueError(f"{name}:{error.lineno}: {expat.ErrorString(error.code)}") from None
    yield from found


def _lines(stream: BinaryIO, name: str) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{name}:{number}: not UTF-8") from None


class _Intake:
    """Cells of one row become one fix, checked; remembers the time before, and who stood at it."""

    def __init__(self, form: _Form, plane: Plane | None, name: str) -> None:
        self._form, self._plane, self._name = form, plane, name
        self._time_us = -1
        self._seen: set[str] = set()

    def fix(self, cells: Mapping[str, str], line: int) -> Fix:
        try:
            return self._checked(cells)
        except KeyError as error:
            raise ValueError(f"{self._name}:{line}: no {error.args[0]!r}") from None
        except ValueError as error:
            raise ValueError(f"{self._name}:{line}: {error}") from None

    def _checked(self, cells: Mapping[str, str]) -> Fix:
        form = self._form
        time_us = round(_number(cells, form.time, 0, _TIME_MAX_S) * 1_000_000)
        vehicle = cells[form.vehicle]
        self._in_order(time_us, vehicle)
        if self._plane is None:
            reach_m = REACH_CM // 100
            x_cm, y_cm = (round(_number(cells, c, -reach_m, reach_m) * 100) for c in (form.x, form.y))
        else:
            x_cm, y_cm = self._plane.to_cm(_number(cells, form.y, -90, 90), _number(cells, form.x, -180, 180))
        battery = cells.get(form.battery, "")
        battery_wh = round(_number(cells, form.battery, 0, _BATTERY_MAX_WH)) if battery else None
        return Fix(time_us, vehicle, x_cm, y_cm, _velocity(cells, form.speed, form.headings), battery_wh)

    def _in_order(self, time_us: int, vehicle: str) -> None:
        if not vehicle:
            raise ValueError("no vehicle is named")
        if time_us < self._time_us:
            raise ValueError(f"time falls from {self._time_us} to {time_us} us")
        if time_us > self._time_us:
            self._time_us = time_us
            self._seen.clear()
        if vehicle in self._seen:
            raise ValueError(f"vehicle {vehicle!r} stands twice at {time_us} us")
        self._seen.add(vehicle)


def _velocity(cells: Mapping[str, str], speed: str, headings: Sequence[str]) -> tuple[int, int] | None:
    speed_m_s = _number(cells, speed, 0, _SPEED_MAX_M_S)
    if speed_m_s == 0:
        return 0, 0
    for heading in headings:
        if cells.get(heading):
            return velocity_cm_s(speed_m_s, _number(cells, heading, -360, 360))
    return None


def _number(cells: Mapping[str, str], column: str, low: float, high: float) -> float:
    text = cells[column]
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number") from None
    if not low <= number <= high:
        raise ValueError(f"{column} is {text}, not within {low} to {high}")
    return number
