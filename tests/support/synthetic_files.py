"""What a run leaves beside its record, small enough to check by eye: architecture, history, deployment."""

import dataclasses
from typing import Any

import pandas as pd

from suite.records.deployment import Deployed, MicroCheck

LAYERS = [
    {"name": "stem", "kind": "conv", "in": 1, "out": 7, "kernel": [3, 3], "stride": [1, 1], "size": [8, 8]},
    {"name": "a.depthwise", "kind": "depthwise", "in": 7, "out": 7, "kernel": [3, 3], "stride": [1, 1], "size": [8, 8]},
    {"name": "a.conv", "kind": "conv", "in": 7, "out": 12, "kernel": [1, 1], "stride": [2, 2], "size": [4, 4]},
    {"name": "a.shortcut", "kind": "conv", "in": 7, "out": 12, "kernel": [1, 1], "stride": [2, 2], "size": [4, 4]},
    {"name": "fc", "kind": "linear", "in": 12, "out": 7, "kernel": [1, 1], "stride": [1, 1], "size": [1, 1]},
]
WIDTHS, REFERENCE_WIDTHS = {"stem": 7, "a.conv": 12}, {"stem": 16, "a.conv": 32}
ARCHITECTURE = {"input_shape": [1, 8, 8], "widths": WIDTHS, "layers": LAYERS}


def short_history() -> pd.DataFrame:
    """Two epochs of warm-up and one of the search, whose score is unknown."""
    phases = ["warmup", "warmup", "search"]
    numbers = {"epoch": [0, 1, 0], "loss": [2.0, 1.23456789, 0.5], "score": [0.1, 0.2, float("nan")]}
    return pd.DataFrame({"phase": phases, "label": ["warm-up", "warm-up", "search"], **numbers})


def deployed(run: str, score: float = 0.875, **changes: Any) -> Deployed:
    """What interpreters said of a run's int8 network."""
    facts = Deployed(
        run=run,
        ram=1_696,
        arena=4_912,
        flash=61_672,
        score=score,
        examples=360,
        calibration_examples=128,
        micro=MicroCheck(examples=100, largest_difference=1, operators=[]),
        versions={"litert-torch": "0.10"},
    )
    return dataclasses.replace(facts, **changes)
