"""What a run leaves beside its record, small enough to check by eye: an architecture and a history."""

import pandas as pd

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
