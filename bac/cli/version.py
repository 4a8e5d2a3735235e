"""`bac version`."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from bac.cli.noun import single
from bac.cli.output import Answer, AsJson, Format, Output, Row
from bac.wire.codec import PROTOCOL_VERSION

app = single("Versions of all that takes part.")

LIBRARIES: Final = ("cryptography", "libp2p", "msgspec", "py-arkworks-bls12381", "pynacl", "scipy", "trio")


class Version(Row, frozen=True):
    """What runs here; a library that is not installed is null."""

    bac: str | None
    protocol: int
    python: str
    platform: str
    libraries: dict[str, str | None]


VERSION = Answer("version", Version)


def installed(name: str) -> str | None:
    """The version of a distribution, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@app.command()
def show(output: Output = Format.TABLE, as_json: AsJson = False) -> None:
    """Versions of all that takes part: what a report should name."""
    row = Version(
        bac=installed("bac"),
        protocol=PROTOCOL_VERSION,
        python=".".join(map(str, sys.version_info[:3])),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        libraries={name: installed(name) for name in LIBRARIES},
    )
    VERSION.show(row, output, as_json)
