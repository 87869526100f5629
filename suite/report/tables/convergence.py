"""Trainings of the reference network by preset and length: what doubling gains, and how far the paper's is away."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from suite.records.status import counted
from suite.report.statistics.intervals import FEWEST_PAIRS, mean_interval, standard_error
from suite.report.statistics.training_lengths import TrainingLength, shortest_converged, training_lengths
from suite.report.tables.markup import MISSING
from suite.report.tables.text import (
    float_score_label,
    format_interval,
    format_number,
    format_points,
    format_quantity,
    format_rows,
    format_significant,
    leading_columns,
)

_COLUMNS = [
    *("benchmark", "preset", "epochs", "recipe", "series", "seeds", "score_name"),
    *("by_error", "validation", "validation_error"),
    *("double_epochs", "pairs", "gain", "gain_low", "gain_high", "gain_error", "converged", "why", "shortest"),
    *("score", "score_low", "score_high", "scores_by_seed"),
    *("training_samples", "wall_s", "against", "difference", "difference_low", "difference_high"),
]

_SERIES_DIGITS = 6
"""Hex digits that tell recipes apart which are described by the same words."""


def convergence_table(df: pd.DataFrame) -> pd.DataFrame:
    """Trainings of the reference network: one row per benchmark, preset, recipe and length; see `training_lengths`.

    Columns: benchmark, preset, `epochs`, `recipe` and `series` (as in the frame), `seeds` (finished runs), `by_error`
    (whether the validation score is a negative reconstruction error), `validation` with its standard error
    `validation_error`; `double_epochs` (NaN where twice the length is not recorded), `pairs` (seeds on both sides),
    `gain` of that length over this one on validation with Student's t interval at 95 % and `gain_error`, its standard
    error, in points, or of an error in % of it; `converged` ("yes", "no" or "unknown", see `DoublingGain`), `why` it is
    unknown, `shortest` (whether this is the shortest converged length of its recipe); `score` (test) with its interval
    and `scores_by_seed` (by seed of the benchmark, NaN where a seed is missing); `training_samples` and `wall_s`
    (seconds), means of a run; `against`, the paper's training ("paper, 200 epochs"), and `difference`, the test score
    less that one's over paired seeds, with its interval.
    """
    lengths = training_lengths(df)
    shortest = shortest_converged(lengths)
    names = _recipe_names(lengths)
    rows = [
        {
            **_describe(length, lengths),
            **_double(length, lengths),
            "recipe": names[length.series],
            "shortest": shortest.get(length.series) == length.epochs,
            **_compare_with_paper(length, lengths),
        }
        for length in lengths
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _describe(length: TrainingLength, lengths: Sequence[TrainingLength]) -> dict[str, Any]:
    """What is known of one length alone."""
    runs = length.runs
    seeds = sorted({seed for other in lengths if other.benchmark == length.benchmark for seed in other.runs.index})
    return {
        **{"benchmark": length.benchmark, "preset": length.preset, "epochs": length.epochs},
        **{"series": length.series, "seeds": len(runs), "by_error": length.by_error},
        "score_name": next(iter(runs["score_name"]), ""),
        "validation": mean_interval(runs["validation_score"]).mean,
        "validation_error": standard_error(runs["validation_score"]),
        **mean_interval(runs["score"]).columns("score"),
        "scores_by_seed": tuple(float(value) for value in runs["score"].reindex(seeds)),
        "training_samples": runs["training_samples"].mean(),
        "wall_s": runs["wall_s"].mean(),
    }


def _double(length: TrainingLength, lengths: Sequence[TrainingLength]) -> dict[str, Any]:
    """What twice the epochs gain, as far as it is known."""
    longer = length.double(lengths)
    if longer is None:
        return {"double_epochs": math.nan, "pairs": 0, "converged": "unknown", "why": "no double length"}
    gain = length.gain(longer)
    converged, pairs = gain.converged, gain.mean.n
    return {
        **{"double_epochs": longer.epochs, "pairs": pairs, "gain_error": gain.error, **gain.mean.columns("gain")},
        "converged": "unknown" if converged is None else "yes" if converged else "no",
        "why": f"{counted(pairs, 'paired seed')} of {FEWEST_PAIRS}" if converged is None else "",
    }


def _compare_with_paper(length: TrainingLength, lengths: Sequence[TrainingLength]) -> dict[str, Any]:
    """The test score less that of the paper's training."""
    paper = length.paper(lengths)
    if paper is None:
        return {"against": ""}
    difference = mean_interval((length.runs["score"] - paper.runs["score"]).dropna())
    return {"against": f"{paper.preset}, {counted(paper.epochs, 'epoch')}", **difference.columns("difference")}


def _recipe_names(lengths: Sequence[TrainingLength]) -> dict[str, str]:
    """Series -> its recipe in words, with hex digits where several of one benchmark and preset have the same words."""
    series = {length.series: (length.benchmark, length.base_preset, length.recipe) for length in lengths}
    uses = Counter(series.values())
    return {
        digest: words[-1] if uses[words] == 1 else f"{words[-1]} #{digest[:_SERIES_DIGITS]}"
        for digest, words in series.items()
    }


def format_convergence_table(table: pd.DataFrame) -> pd.DataFrame:
    """`convergence_table` as rounded text."""
    names = sorted(set(table["score_name"]) - {""})
    out = leading_columns(table, ("epochs", "recipe", "seeds"))
    out["validation \u00b1 s.e."] = format_rows(_format_validation, table, "by_error", "validation", "validation_error")
    unit = "points" + (" or % of the error" if table["by_error"].any() else "")
    gain = format_rows(_format_gain, table, "by_error", "gain", "gain_low", "gain_high")
    out[f"gain by doubling [95%], {unit}"] = gain
    out["s.e. of gain"] = format_rows(_format_gain_error, table, "by_error", "gain_error")
    verdicts = zip(table["converged"], table["why"], table["shortest"], strict=True)
    out["converged"] = [_format_verdict(*row) for row in verdicts]
    score = float_score_label(names[0] if len(names) == 1 else "")
    out[f"{score} [95%]"] = format_rows(format_interval, table, "score", "score_low", "score_high")
    out["by seed"] = [" ".join(format_number(v, 3) for v in scores) for scores in table["scores_by_seed"]]
    if table["against"].any():
        columns = ("difference", "difference_low", "difference_high")
        out["minus the paper's [95%], points"] = format_rows(format_points, table, *columns)
    out["training samples"] = [format_quantity(v, "").strip() for v in table["training_samples"]]
    out["wall, s"] = [format_significant(v) for v in table["wall_s"]]
    return out


def _format_validation(by_error: float, mean: float, error: float) -> str:
    """A score with four decimals, or, where `by_error` is 1, an error with four digits; and its standard error."""
    if not math.isfinite(mean):
        return MISSING
    value, deviation = (f"error {-mean:.4g}", f"{error:.2g}") if by_error else (f"{mean:.4f}", f"{error:.4f}")
    return f"{value} \u00b1 {deviation}" if math.isfinite(error) else value


def _format_gain(by_error: float, gain: float, low: float, high: float) -> str:
    """A gain in points, or in % of an error where `by_error` is 1; both are hundredths."""
    return format_points(gain / 100, low / 100, high / 100) + (" %" if by_error and math.isfinite(gain) else "")


def _format_gain_error(by_error: float, error: float) -> str:
    return format_number(error) + (" %" if by_error and math.isfinite(error) else "")


def _format_verdict(converged: str, why: str, shortest: bool) -> str:
    return f"{converged} ({why})" if why else f"{converged}, shortest" if shortest else converged
