"""The table of results/README.md on what a refill alone is worth, made from the table of runs of `projections`."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from suite.report.statistics.intervals import mean_interval
from suite.report.tables.text import format_points

HEAD = (
    "| benchmark | method | none: accuracy, fits | refill: accuracy, fits | refill less none, points [95 %] |",
    "|---|---|---|---|---|",
)


def projection_lines(runs: pd.DataFrame) -> list[str]:
    """Lines for the rows of `runs.csv`: means over seeds, differences over paired seeds with Student's t interval."""
    options = [json.loads(text) for text in runs["options"]]
    runs = runs.assign(
        projection=[o["projection"] for o in options],
        method=[_name(*row) for row in zip(runs["method"], options, strict=True)],
    )
    lines, benchmark = list(HEAD), ""
    for (name, method), own in runs.groupby(["benchmark", "method"]):
        without, refilled = (own[own["projection"] == p].set_index("seed").sort_index() for p in ("none", "refill"))
        gain = mean_interval(refilled["score"] - without["score"])
        scores = [f"{r['score'].mean():.3f}, {int(r['feasible'].sum())}/{len(r)}" for r in (without, refilled)]
        cells = [name if name != benchmark else "", method, *scores, format_points(gain.mean, gain.low, gain.high)]
        benchmark = name
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _name(method: str, options: Mapping[str, Any]) -> str:
    """The method, by the name of its file."""
    by_gradient = method == "prune_to_budget" and options["importance"] == "gradient"
    return "prune_by_gradient" if by_gradient else method
