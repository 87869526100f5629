"""What a run leaves beside its record, small enough to check by eye: architecture, history, deployment."""

import dataclasses
import io
from typing import Any

import pandas as pd
from PIL import Image

from suite.records.deployment import Compared, Deployed, MicroCheck
from suite.report.figures.pages import RenderedFigure
from suite.report.figures.style import StyledFigure

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


def picture(name: str = "score_digits", caption: str = "What is drawn.", benchmark: str = "digits") -> RenderedFigure:
    """A figure of one benchmark, white all over."""
    setting, content = (benchmark, "paper", "gap8"), {"png": white_png()}
    return RenderedFigure(name, "Score against cost", setting, 1, caption, StyledFigure(), content)


def white_png(width: int = 2160, height: int = 1200) -> bytes:
    """A white picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(buffer, "PNG")
    return buffer.getvalue()


def deployed(run: str, score: float = 0.875, **changes: Any) -> Deployed:
    """What interpreters said of a run's int8 network."""
    facts = Deployed(
        run=run,
        ram=Compared(1_536.0, 1_696, 1_696),
        arena=Compared(655_360.0, 5_400, 4_912),
        flash=Compared(None, 61_900, 61_672),
        score_name="accuracy",
        float_score=0.88,
        score=score,
        examples=360,
        calibration_examples=128,
        micro=MicroCheck(examples=100, largest_difference=1, operators=[]),
        versions={"litert-torch": "0.10"},
    )
    return dataclasses.replace(facts, **changes)


def _operator(name: str, kind: str, weights: int, flash: int, latency: float) -> dict[str, Any]:
    return {"name": name, "kind": kind, "weights": weights, "flash": flash, "latency": latency}


NETWORK_NODES = {
    "operators": [
        _operator("x", "input", 0, 430, 0.0),
        _operator("stem", "conv", 63, 500, 1e-3),
        _operator("pool", "mean", 0, 380, 0.0),
        _operator("fc", "linear", 49, 400, 2e-5),
    ],
    "reference_operators": [_operator("stem", "conv", 144, 800, 3e-3), _operator("fc", "linear", 112, 600, 5e-5)],
    "memory": [
        {"layer": "x", "offset": 448, "bytes": 64, "first": 0, "last": 1},
        {"layer": "stem", "offset": 0, "bytes": 448, "first": 1, "last": 2},
        {"layer": "pool", "offset": 448, "bytes": 7, "first": 2, "last": 3},
        {"layer": "fc", "offset": 0, "bytes": 7, "first": 3, "last": 3},
    ],
}
"""What architecture.json holds of the int8 network besides: a peak of 512 bytes."""
