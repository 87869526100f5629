"""The table of results/README.md on the recipes of `preset=full`, made from the report's table `convergence`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

_HEADINGS = (
    *("benchmark", "training", "epochs", "validation", "doubling gains [95 %]", "converged"),
    *("test score, by seed", "less the paper's, points", "samples", "seconds"),
)
HEAD = (f"| {' | '.join(_HEADINGS)} |", "|---" * len(_HEADINGS) + "|")


def recipe_lines(convergence: pd.DataFrame) -> list[str]:
    """Lines for the rows of `convergence.csv`, the paper's training last."""
    lines, previous = list(HEAD), ""
    for row in convergence.to_dict("records"):
        cells = [row["benchmark"] if row["benchmark"] != previous else "", *_cells(row)]
        previous = row["benchmark"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cells(row: Mapping[Any, Any]) -> list[str]:
    sign, unit = (-1, " %") if row["by_error"] else (1, " points")
    gain = "" if pd.isna(row["gain"]) else f"{row['gain']:+.2f} [{row['gain_low']:+.2f}, {row['gain_high']:+.2f}]{unit}"
    verdict = f"{row['converged']}, shortest" if row["shortest"] else "" if not gain else str(row["converged"])
    scores = " ".join(
        f"{float(score):.3f}" for score in str(row["scores_by_seed"]).strip("()").split(",") if score.strip()
    )
    difference = "" if pd.isna(row["difference"]) else f"{100 * row['difference']:+.2f}"
    return [
        str(row["preset"]),
        str(row["epochs"]),
        f"{sign * row['validation']:.4f}",
        gain,
        verdict,
        f"{row['score']:.3f}: {scores}",
        difference,
        f"{row['training_samples']:,.0f}",
        f"{row['wall_s']:.0f}",
    ]
