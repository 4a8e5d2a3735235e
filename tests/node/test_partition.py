"""A real partition: nodes in network namespaces whose cables are pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from bac.client import TimedOut
from bac.node import network, processes
from bac.types import Hash
from tests.node.town import PATIENCE, Payer, Town, judge, now
from tests.node.wires import spread, why_not, wires

NAMES = ["n00", "n01", "n02", "n03"]


@pytest.mark.long
def test_pulled_cables_cost_time_and_nothing_else(tmp_path: Path) -> None:
    """NO-15, NO-22: no half of two confirms anything; three go on without the fourth; all end with the same."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    key = Payer.of(0, Hash(bytes(32))).keys.public
    net = spread(
        network.init(tmp_path / "net", nodes=4, now=now(), options={"accounts": [key.hex()]}, settings={"silence": 3.0})
    )
    with wires(NAMES) as cables:
        made = Town(net, Payer.of(0, net.member(net.home("n00")).network))
        try:
            for name in NAMES:
                cables.start(net, name)
            processes.wait(net, PATIENCE)
            made.wait_final("n03", made.pay("n00", 5))
            cables.split(["n03"])
            ids = made.pay("n00", 5)
            made.wait_final("n01", ids, 2 * PATIENCE)
            with made.client("n03") as client:
                assert client.final(ids[0]) is None
            cables.split(["n02", "n03"])
            ids = made.pay("n01", 3)
            stopped = made.commits("n00")
            with made.client("n00") as client, pytest.raises(TimedOut):
                client.wait(ids[0], 5.0)
            assert made.commits("n00") - stopped <= 1, "what was certified already may be confirmed, and nothing more"
            cables.split([])
            made.wait_final("n02", made.accepted, 2 * PATIENCE)
            made.wait_connected(NAMES)
        finally:
            processes.down(net)
    judge(net, NAMES)
