"""Where: vehicles to shards, from position and velocity; handover; links between vehicles."""

from __future__ import annotations

from shards.assignment import (
    Assignment,
    Cause,
    Change,
    Move,
    assign,
    decide_exchange,
    decide_join,
    decide_merge,
    decide_move,
)
from shards.motion import Reason, Refusal, Report, Screened, screen
from shards.params import Params
from shards.partition import Split, decide_split
from shards.summary import Cell, Summary, summarise

__all__ = [
    "Assignment",
    "Cause",
    "Cell",
    "Change",
    "Move",
    "Params",
    "Reason",
    "Refusal",
    "Report",
    "Screened",
    "Split",
    "Summary",
    "assign",
    "decide_exchange",
    "decide_join",
    "decide_merge",
    "decide_move",
    "decide_split",
    "screen",
    "summarise",
]
