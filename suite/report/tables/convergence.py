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
            **_describe(length, names[length.series], _all_seeds(length.benchmark, lengths)),
            **_double(length, lengths),
            "shortest": shortest.get(length.series) == length.epochs,
            **_compare_with_paper(length, lengths),
        }
        for length in lengths
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _describe(length: TrainingLength, recipe: str, seeds: list[int]) -> dict[str, Any]:
    """What is known of one length alone."""
    runs = length.runs
    score, validation = mean_interval(runs["score"]), mean_interval(runs["validation_score"])
    return {
        **{"benchmark": length.benchmark, "preset": length.preset, "epochs": length.epochs},
        **{"recipe": recipe, "series": length.series, "seeds": len(runs), "by_error": length.by_error},
        "score_name": next(iter(runs["score_name"]), ""),
        "validation": validation.mean,
        "validation_error": standard_error(runs["validation_score"]),
        **{"score": score.mean, "score_low": score.low, "score_high": score.high},
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
        **{"double_epochs": longer.epochs, "pairs": pairs, "gain": gain.mean.mean},
        **{"gain_low": gain.mean.low, "gain_high": gain.mean.high, "gain_error": gain.error},
        "converged": "unknown" if converged is None else "yes" if converged else "no",
        "why": f"{counted(pairs, 'paired seed')} of {FEWEST_PAIRS}" if converged is None else "",
    }


def _compare_with_paper(length: TrainingLength, lengths: Sequence[TrainingLength]) -> dict[str, Any]:
    """The test score less that of the paper's training."""
    paper = length.paper(lengths)
    if paper is None:
        return {"against": ""}
    difference = mean_interval((length.runs["score"] - paper.runs["score"]).dropna())
    return {
        "against": f"{paper.preset}, {counted(paper.epochs, 'epoch')}",
        **{"difference": difference.mean, "difference_low": difference.low, "difference_high": difference.high},
    }


def _recipe_names(lengths: Sequence[TrainingLength]) -> dict[str, str]:
    """Series -> its recipe in words, with hex digits where several of one benchmark and preset have the same words."""
    series = {length.series: (length.benchmark, length.base_preset, length.recipe) for length in lengths}
    uses = Counter(series.values())
    return {
        digest: words[-1] if uses[words] == 1 else f"{words[-1]} #{digest[:_SERIES_DIGITS]}"
        for digest, words in series.items()
    }


def _all_seeds(benchmark: str, lengths: Sequence[TrainingLength]) -> list[int]:
    return sorted({seed for length in lengths if length.benchmark == benchmark for seed in length.runs.index})


def format_convergence_table(table: pd.DataFrame) -> pd.DataFrame:
    """`convergence_table` as rounded text."""
    names = sorted(set(table["score_name"]) - {""})
    out = leading_columns(table, ("epochs", "recipe", "seeds"))
    validations = zip(table["by_error"], table["validation"], table["validation_error"], strict=True)
    out["validation \u00b1 s.e."] = [_format_validation(*row) for row in validations]
    units = ["%" if by_error else "" for by_error in table["by_error"]]
    unit = "points" + (" or % of the error" if any(units) else "")
    gains = zip(format_rows(_format_gain, table, "gain", "gain_low", "gain_high"), units, strict=True)
    out[f"gain by doubling [95%], {unit}"] = [_with_unit(*row) for row in gains]
    errors = zip(map(format_number, table["gain_error"]), units, strict=True)
    out["s.e. of gain"] = [_with_unit(*row) for row in errors]
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


def _format_validation(by_error: bool, mean: float, error: float) -> str:
    """A score with four decimals, or an error, positive, with four digits; and its standard error."""
    if not math.isfinite(mean):
        return MISSING
    value, deviation = (f"error {-mean:.4g}", f"{error:.2g}") if by_error else (f"{mean:.4f}", f"{error:.4f}")
    return f"{value} \u00b1 {deviation}" if math.isfinite(error) else value


def _format_gain(gain: float, low: float, high: float) -> str:
    """A gain in points or %, both of which are hundredths."""
    return format_points(gain / 100, low / 100, high / 100)


def _with_unit(number: str, unit: str) -> str:
    return number if number == MISSING else f"{number} {unit}".strip()


def _format_verdict(converged: str, why: str, shortest: bool) -> str:
    return f"{converged} ({why})" if why else f"{converged}, shortest" if shortest else converged
