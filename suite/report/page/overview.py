"""What stands at the top of the page: headline numbers, and what was compared."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from suite.records.verdict import BOARD_UNKNOWN
from suite.report.grouping import SETTING, natural_key
from suite.report.tables.headline import EXPLORATORY
from suite.report.tables.text import format_count, format_number, format_percent, format_points, score_label

_REDUCTION = "reduction_percent/"

MOST_NUMBERS = 8
"""Headline numbers at the top; a page with more benchmarks shows the rest in its table."""


class HeadlineNumber(NamedTuple):
    """A number at the top of the page: what it is, the number, and what it means."""

    heading: str
    value: str
    note: str


def headline_numbers(df: pd.DataFrame, absent: pd.DataFrame, headline: pd.DataFrame) -> list[HeadlineNumber]:
    """What ran, how much of it fits, and the verdict on each candidate of `headline_table`."""
    done = df[df["status"] == "done"]
    unfinished = [f"{len(df) - len(done)} failed"] if len(done) < len(df) else []
    unfinished += [f"{count} {status}" for status, count in sorted(absent["status"].value_counts().items())]
    note = ", ".join(unfinished) or "none failed or missing"
    numbers = [HeadlineNumber("Finished runs", f"{len(done)} of {len(df) + len(absent)}", note)]
    limited = done[done["budget"] != "none"]
    if len(limited):
        fit = int(limited["feasible"].sum())
        note = "all methods and budgets together; each method's share is below"
        numbers.append(HeadlineNumber("Runs that meet every constraint", f"{fit} of {len(limited)}", note))
    numbers += _board_number(done)
    return numbers + _verdicts(headline)[: MOST_NUMBERS - len(numbers)]


def _board_number(done: pd.DataFrame) -> list[HeadlineNumber]:
    """How many networks fit the board; none where no run finished."""
    known = done["board_fits"].dropna()
    if known.empty:
        return [HeadlineNumber("Runs that fit the board", "unknown", BOARD_UNKNOWN)] if len(done) else []
    unknown = f"; {BOARD_UNKNOWN} for {len(done) - len(known)}" if len(known) < len(done) else ""
    note = f"arena within RAM, network file within flash{unknown}"
    return [HeadlineNumber("Runs that fit the board", f"{int(known.sum())} of {len(known)}", note)]


def _verdicts(headline: pd.DataFrame) -> list[HeadlineNumber]:
    """One for each candidate, and one for each benchmark, preset and device that names none."""
    numbers = []
    several = len(headline) > 0 and len(headline.drop_duplicates(SETTING)) > 1
    for setting, rows in headline.groupby(SETTING, sort=False):
        where = ": " + ", ".join(map(str, setting)) if several else ""
        for _, row in rows.iterrows():
            if row["verdict"] != EXPLORATORY:
                heading = f"{row['method']}, {row['budget']}{where}"
                numbers.append(HeadlineNumber(heading, row["verdict"], _describe_candidate(row)))
        if (rows["verdict"] == EXPLORATORY).all():
            note = "the table lists the largest reductions, which nobody named before the runs"
            numbers.append(HeadlineNumber(f"Headline{where}", "no candidate named", note))
    return numbers


def _describe_candidate(row: pd.Series) -> str:
    """How its costs and its score differ from the reference network's, or why that is not known."""
    if not np.isfinite(row["difference"]):
        return str(row["why"])
    changes = [
        f"{column.removeprefix(_REDUCTION)} {_format_change(value)} %"
        for column, value in zip(map(str, row.index), row, strict=True)
        if column.startswith(_REDUCTION) and np.isfinite(value)
    ]
    score = f"score {format_points(row['difference'])} points, {format_count(int(row['pairs']), 'seed')}"
    if np.isfinite(row["low"]):
        ends = f"bounds {format_points(row['low'])} and {format_points(row['high'])}"
        bounds = f"{ends}, half-width {format_number(100 * row['half_width'])}"
    else:
        bounds = f"no bound: {row['why']}"
    return "; ".join([", ".join(changes), score, bounds]).removeprefix("; ")


def _format_change(reduction: float) -> str:
    """A reduction in % as a change of the cost: 76 is "-76.0", -3 is "+3.0"."""
    sign = "\u2212" if reduction > 0 else "+" if reduction < 0 else ""
    return sign + format_percent(abs(reduction))


def describe_experiment(df: pd.DataFrame) -> list[tuple[str, str]]:
    """What was compared, as heading and text; what is about one benchmark alone is said in its block."""
    columns = (
        ("Benchmarks", "benchmark"),
        ("Budgets", "budget"),
        ("Methods", "method"),
        ("Devices", "device"),
        ("Presets", "preset"),
        ("Random seeds", "seed"),
    )
    values = [(heading, {str(value) for value in df[column].unique()}) for heading, column in columns]
    return [
        (heading if len(texts) > 1 else heading.removesuffix("s"), "; ".join(sorted(texts, key=natural_key)))
        for heading, texts in values
    ]


def describe_fits(df: pd.DataFrame) -> str:
    """How many methods meet every constraint in all finished runs, and how often the others do; "" without limits.

    Presets are kept apart.
    """
    limited = df[(df["status"] == "done") & (df["budget"] != "none")]
    if limited.empty:
        return ""
    counts = limited.groupby(["method", "preset"])["feasible"].agg(["sum", "size"]).reset_index()
    missed = counts[counts["sum"] < counts["size"]]
    several_presets = df["preset"].nunique() > 1
    others = [
        f"{method}{f' (preset {preset})' if several_presets else ''} in {int(fit)} of {int(size)} runs"
        for method, preset, fit, size in missed.to_numpy().tolist()
    ]
    reliable = format_count(len(counts) - len(missed), "method")
    return "; ".join([f"Constraints are met in every finished run by {reliable} of {len(counts)}", *others]) + "."


def selection_notes(df: pd.DataFrame) -> list[str]:
    """A sentence for each benchmark whose networks are chosen by something other than the test score."""
    names = df.loc[df["selection_name"] != "", ["benchmark", "selection_name", "score_name"]].drop_duplicates()
    rows = sorted(
        (str(b), score_label(str(chosen)), score_label(str(score))) for b, chosen, score in names.to_numpy().tolist()
    )
    return [
        f"Networks of {benchmark} are chosen by {chosen} on validation data, not by {score}; better is higher."
        for benchmark, chosen, score in rows
        if chosen != score
    ]
