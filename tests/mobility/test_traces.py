"""Readers: SUMO's own bytes in all four forms, the packaged forms, and every kind of malformed line."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from bac.mobility.packaged import HAMBURG
from bac.mobility.traces import Fix, read, read_csv, read_fcd_xml

SAMPLES = Path(__file__).parent / "samples"
HEADER = "time_s,vehicle_id,lat,lon,speed_mps,heading_deg,battery_wh\n"
GOOD = "300,A,53.56,9.98,10.0,90,1000\n"


def test_the_four_forms_of_one_sumo_run_agree() -> None:
    geo_xml, geo_csv = (list(read(SAMPLES / f"fcd_geo.{form}", HAMBURG)) for form in ("xml", "csv"))
    plane_xml, plane_csv = (list(read(SAMPLES / f"fcd_plane.{form}", None)) for form in ("xml", "csv"))
    assert geo_xml == geo_csv
    assert plane_xml == plane_csv
    assert len(geo_xml) == 29
    assert plane_xml[0] == Fix(1_000_000, "PKW1", 212_513, 263_123, (-869, -27), 65_450)
    assert [(f.time_us, f.vehicle, f.velocity_cm_s, f.battery_wh) for f in geo_xml] == [
        (f.time_us, f.vehicle, f.velocity_cm_s, f.battery_wh) for f in plane_xml
    ]


def test_degrees_and_sumos_own_metres_give_the_same_distances() -> None:
    """The network's plane is UTM zone 32: true lengths times 0.9996 to 1.0004, turned by under 1°."""
    geo, metres = (list(read(SAMPLES / f"fcd_{kind}.xml", p)) for kind, p in (("geo", HAMBURG), ("plane", None)))
    for g, m in zip(geo[1:], metres[1:], strict=True):
        ours = (g.x_cm - geo[0].x_cm) ** 2 + (g.y_cm - geo[0].y_cm) ** 2
        theirs = (m.x_cm - metres[0].x_cm) ** 2 + (m.y_cm - metres[0].y_cm) ** 2
        # Six decimals of a degree are 11 cm.
        assert abs(ours**0.5 - theirs**0.5) <= 0.0005 * theirs**0.5 + 16


def test_gzip_and_a_byte_order_mark_make_no_difference(tmp_path: Path) -> None:
    plain, packed, marked = (tmp_path / name for name in ("plain.csv", "packed.csv.gz", "marked.csv"))
    plain.write_text(HEADER + GOOD)
    packed.write_bytes(gzip.compress((HEADER + GOOD).encode()))
    marked.write_text(HEADER + GOOD, encoding="utf-8-sig")
    expected = [Fix(300_000_000, "A", 0, 0, (1000, 0), 1000)]
    assert [list(read(path, HAMBURG)) for path in (plain, packed, marked)] == [expected] * 3


def test_a_velocity_needs_a_heading_unless_the_vehicle_stands() -> None:
    header = "time_s,vehicle_id,lat,lon,speed_mps,derived_speed_mps,derived_heading_deg,route_id\n"
    rows = ["1,A,53.56,9.98,0.0,,,801\n", "2,A,53.56,9.98,4.0,,,801\n", "3,A,53.56,9.98,4.0,5.0,180,801\n"]
    fixes = list(read_csv([header, *rows], HAMBURG))
    assert [fix.velocity_cm_s for fix in fixes] == [(0, 0), None, (0, -400)]
    assert {fix.battery_wh for fix in fixes} == {None}


def test_reading_streams_and_keeps_nothing() -> None:
    def endless() -> Iterator[str]:
        yield HEADER
        second = 0
        while True:
            yield f"{second},A,53.56,9.98,1.0,0,1\n"
            second += 1

    fixes = read_csv(endless(), HAMBURG)
    assert [next(fixes).time_us for _ in range(1000)][-1] == 999_000_000


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("300,B,53.56,9.98,10.0,90\n", "6 fields, not 7"),
        ("300,B,53.56,9.98,10.0,90,1,2\n", "8 fields, not 7"),
        ("x,B,53.56,9.98,10.0,90,1\n", "time_s is 'x', not a number"),
        ("nan,B,53.56,9.98,10.0,90,1\n", "time_s is nan, not within"),
        ("-1,B,53.56,9.98,10.0,90,1\n", "time_s is -1, not within"),
        ("299,B,53.56,9.98,10.0,90,1\n", "time falls from 300000000 to 299000000 us"),
        ("300,A,53.56,9.98,10.0,90,1\n", "vehicle 'A' stands twice at 300000000 us"),
        ("300,,53.56,9.98,10.0,90,1\n", "no vehicle is named"),
        ("300,B,,9.98,10.0,90,1\n", "lat is '', not a number"),
        ("300,B,153.56,9.98,10.0,90,1\n", "lat is 153.56, not within -90 to 90"),
        ("300,B,9.98,53.56,10.0,90,1\n", "over 100 km from the plane's origin"),
        ("300,B,53.56,9.98,-1,90,1\n", "speed_mps is -1, not within"),
        ("300,B,53.56,9.98,10.0,north,1\n", "heading_deg is 'north', not a number"),
        ("300,B,53.56,9.98,10.0,90,-5\n", "battery_wh is -5, not within"),
        ('300,"B,53.56,9.98,10.0,90,1\n', "unexpected end of data"),
    ],
)
def test_a_malformed_line_is_named_with_its_number(line: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r"^trace\.csv:3: ") as error:
        list(read_csv([HEADER, GOOD, line], HAMBURG, "trace.csv"))
    assert fault in str(error.value)


def test_fixes_before_a_malformed_line_are_given_first() -> None:
    fixes = read_csv([HEADER, GOOD, "broken\n"], HAMBURG)
    assert next(fixes).vehicle == "A"
    with pytest.raises(ValueError, match=r"^csv:3: 1 fields, not 7"):
        next(fixes)


def test_a_header_that_fits_no_form_or_needs_a_plane() -> None:
    with pytest.raises(ValueError, match=r"^csv:1: no column 'lon'"):
        list(read_csv([HEADER.replace("lon", "long")], HAMBURG))
    with pytest.raises(ValueError, match=r"^csv:1: no column 'time_s'"):
        list(read_csv([], HAMBURG))
    with pytest.raises(ValueError, match=r"^csv:1: latitude and longitude need a plane"):
        list(read_csv([HEADER], None))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_bytes((HEADER + GOOD).encode() + b"301,\xff\n")
    with pytest.raises(ValueError, match=r"^trace\.csv:3: not UTF-8"):
        list(read(path, HAMBURG))


def fcd(body: str, prolog: str = "") -> io.BytesIO:
    return io.BytesIO(f"{prolog}<fcd-export>\n{body}</fcd-export>\n".encode())


def test_persons_and_containers_are_passed_over() -> None:
    body = (
        '<timestep time="1.50">\n<vehicle id="v" x="1.00" y="-2.00" angle="180" speed="3.00"/>\n'
        '<person id="p" x="1" y="1" angle="0" speed="1"/><container id="c" x="1" y="1"/></timestep>\n'
    )
    assert list(read_fcd_xml(fcd(body), None)) == [Fix(1_500_000, "v", 100, -200, (0, -300))]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<timestep time="1"><vehicle id="v" y="1" speed="1"/></timestep>\n', "xml:2: no 'x'"),
        ('<timestep time="1">\n<vehicle x="1" y="1" speed="1"/></timestep>\n', "xml:3: no 'id'"),
        ('<vehicle id="v" x="1" y="1" speed="1"/>\n', "xml:2: time is '', not a number"),
        ('<timestep time="1">\n<vehicle id="v" x="a" y="1" speed="1"/></timestep>', "xml:3: x is 'a', not a"),
        ('<timestep time="1">\n<vehicle id="v" x="1e9" y="1" speed="1"/></timestep>', "xml:3: x is 1e9, not"),
        ('<timestep time="1">\n<trip id="v"/></timestep>', "xml:3: <trip> has no place"),
        ('<timestep time="1">\n<vehicle id="v" x="1"></timestep>', "xml:3:"),
        ('<timestep time="1">\n', "xml:3: mismatched tag"),
    ],
)
def test_malformed_xml_is_named_with_its_line(body: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r"^xml:") as error:
        list(read_fcd_xml(fcd(body), None))
    assert str(error.value).startswith(fault)


def test_a_truncated_file_is_an_error() -> None:
    whole = (SAMPLES / "fcd_plane.xml").read_bytes()
    with pytest.raises(ValueError, match=r"^xml:\d+: no element found"):
        list(read_fcd_xml(io.BytesIO(whole[:-14]), None))


def test_document_types_are_refused_before_any_entity_grows() -> None:
    laughs = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>\n'
    body = '<timestep time="1"><vehicle id="&b;" x="1" y="1" speed="1"/></timestep>'
    outside = '<!DOCTYPE x SYSTEM "file:///etc/hostname">\n'
    for prolog in (laughs, outside):
        with pytest.raises(ValueError, match=r"^xml:1: a document type is not accepted"):
            list(read_fcd_xml(fcd(body, prolog), None))
