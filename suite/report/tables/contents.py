"""All tables of the report by name, as raw numbers and as text, and the notes below each."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from suite.records.store import Store
from suite.report.grouping import base_preset
from suite.report.statistics.convergence import LEAST_PERCENT, LEAST_POINTS
from suite.report.statistics.fronts import FEWEST_BUDGETS
from suite.report.statistics.intervals import FEWEST_PAIRS
from suite.report.statistics.noninferiority import MARGIN
from suite.report.tables.ablation import ablation_table, format_ablation_table
from suite.report.tables.candidates import unrecorded_plans
from suite.report.tables.convergence import convergence_table, format_convergence_table
from suite.report.tables.cost import cost_table, format_cost_table
from suite.report.tables.extrapolation import extrapolation_note
from suite.report.tables.failures import failure_table, format_failure_table
from suite.report.tables.headline import EXPLORATORY, format_headline_table, headline_table
from suite.report.tables.hypervolume import format_hypervolume_table, hypervolume_table
from suite.report.tables.main import format_main_table, main_table
from suite.report.tables.noninferiority import format_noninferiority_table, noninferiority_table
from suite.report.tables.pairs import format_pairs_table, pairs_table
from suite.report.tables.pooled import format_pooled_table, pooled_table
from suite.report.tables.published_comparison import format_published_comparison, published_comparison
from suite.report.tables.published_numbers import PublishedNumber
from suite.report.tables.scores import format_score_table, score_table

_ABOUT_FLOAT = "All scores are of float networks, before their conversion to int8."
_ABOUT_SEEDS = (
    "Bounds over seeds are Student's t interval of the mean at 95 %: wide for three seeds, and none for a single one "
    "or where all agree. They may end above 1 or below 0: too few seeds, not a better network."
)
_ABOUT_FEW_FITS = (
    "Runs that fit are counted of those that finished: three of three do not exclude, at 5 %, that 63 % of all runs "
    "would not fit, and five of five, 45 %."
)
_ABOUT_BOUNDS = (
    "Bounds are one-sided, of the mean difference to the reference network over paired seeds, for new seeds (Student's "
    "t) and new test examples. Nothing is said of single trained networks."
)
_ABOUT_VERDICT = (
    f"Shown: the lower bound is above -{100 * MARGIN:g} point, so that the score of the candidate that was named "
    f"before the runs is lower by less. Refuted: the upper bound is below -{100 * MARGIN:g} point. Undecided: neither.",
    f"With fewer than {FEWEST_PAIRS} paired seeds, or where runs are missing or do not name the candidate, nothing is "
    "claimed; a candidate that misses its budget in a run is never shown.",
    "Bounds of a single candidate are at 95 %. Several candidates of one benchmark, preset and device are corrected "
    "for by Holm's procedure: each bound has the error at which the procedure compares that candidate, so that bound "
    "and verdict agree. Verdicts of several benchmarks are not corrected for each other.",
)
_ABOUT_EXPLORATORY = (
    "Exploratory: for each cost the largest reduction among rows that fit in every run and lose less than "
    f"{100 * MARGIN:g} point on average. The largest of many is large by chance as well. Bounds are at 5 % over the "
    "number of rows compared."
)
_ABOUT_POWER = "Power: how often, with as many seeds and this spread, a true difference of 0 would be shown."
_ABOUT_HOLM = (
    "Two methods are different where p of the two-sided paired t test over seeds, with Holm's correction for the {}, "
    f"is below 5 %; all others may be equal or not. With fewer than {FEWEST_PAIRS} paired seeds nothing "
    "is called different."
)
_ABOUT_LARGER = "Mind the runs that do not fit: a larger network is easily better."
_ABOUT_IMPROVEMENT = "Chance to be better: the share of all pairs of runs in which the row's method is better."
_ABOUT_COSTS = (
    "Costs of runs are in standard trainings of the reference network (MACs x samples), in epochs (passes over the "
    "training data) and in seconds. Equal MACs charge a network for using the latency that it was allowed, equal "
    "epochs do not, and seconds are those of the machine and of whatever else ran there."
)
_ABOUT_PAIRS = (
    "Differences are means over paired seeds, in points, positive where the method is better. " + _ABOUT_FLOAT
)

_ABOUT_CONVERGENCE = (
    "Gains are means over paired seeds on validation data, in points, or in % of the error where networks are chosen "
    "by their reconstruction error. Double is one epoch more or less where the longer length is odd.",
    f"Converged: doubling gains less than {LEAST_POINTS:g} points or less than the gain's standard error, whichever is "
    f"larger, or lowers the reconstruction error by less than {LEAST_PERCENT:g} %, over at least {FEWEST_PAIRS} paired "
    "seeds. Shortest: of the lengths that ran with this recipe and are converged.",
    "The paper's: the same network trained with preset=paper; of several such trainings the one with the preset as it "
    "is, then the longest. Scores by seed are in the order of all seeds of the benchmark.",
)
_ABOUT_INT8 = (
    "Float scores are of networks as they were trained. Int8 scores are of the converted networks of the runs that "
    "were deployed, on the same test split in TensorFlow Lite's reference interpreter."
)
_ABOUT_FIT = (
    "Fits budget: every exact cost is within its target. Fits board: the arena and the network's file, without the "
    "program, are within the board's RAM and flash; unknown where the device's file does not say what the board has."
)
_ABOUT_TARGET = (
    "MLPerf Tiny's target is for the benchmark; the mean score of a row is at or above it or not, whether or not the "
    "networks fit. A mean at the target does not show that the method reaches it: see the bounds."
)
_ABOUT_PAPER = (
    "Score: mean over seeds, with half the width of its 95 % interval (Student's t); bold: the best mean of those rows "
    "of a budget of which every run fits. Fits: runs within the budget, of those that finished; in parentheses those "
    "that fit the board, where some do not. Limits: mean use of each, in the order in which the budget names them. "
    "Cost: of a run, in standard trainings of the reference network."
)

DEVELOPMENT_PRESETS = ("smoke", "brief", "short")
"""Presets whose trainings were never shown to be converged."""

_ABOUT_DEVELOPMENT = (
    "Development: trainings at preset {} were not shown to be converged; longer ones may rank methods otherwise."
)
_ABOUT_ENERGY = "Energy is the board's power x latency, not measured."

_TABLE_NOTES = {
    "main": (_ABOUT_INT8, _ABOUT_FIT, _ABOUT_FEW_FITS, _ABOUT_SEEDS, _ABOUT_COSTS),
    "paper": (_ABOUT_PAPER, _ABOUT_FLOAT),
    "scores": (_ABOUT_SEEDS,),
    "headline": (_ABOUT_FLOAT, _ABOUT_BOUNDS),
    "convergence": (*_ABOUT_CONVERGENCE, _ABOUT_FLOAT, _ABOUT_SEEDS),
    "noninferiority": (
        _ABOUT_FLOAT,
        _ABOUT_BOUNDS,
        f"Holm's p is that of a score that is not lower by {100 * MARGIN:g} point or more, corrected for all rows of "
        "the same benchmark, preset and device. The bounds are at 95 % and not corrected.",
    ),
    "pairs": (
        *(_ABOUT_PAIRS, _ABOUT_SEEDS, _ABOUT_HOLM.format("methods at the same budget"), _ABOUT_IMPROVEMENT),
        _ABOUT_LARGER,
    ),
    "pooled": (
        _ABOUT_PAIRS,
        "Differences are averaged over budgets within each seed, whose runs share their warm-up, and the interval is "
        "Student's t over these means. Only seeds that ran at all shared budgets on both sides count; the others are "
        "left out.",
        _ABOUT_LARGER,
        _ABOUT_HOLM.format("pairs of methods"),
    ),
    "ablation": (
        *(_ABOUT_PAIRS, _ABOUT_FIT, _ABOUT_SEEDS),
        *(_ABOUT_HOLM.format("variants at the same budget"), _ABOUT_COSTS),
    ),
    "hypervolume": (
        "Axes are the score, from the benchmark's chance score up, and each budgeted cost over the reference "
        "network's, from 1 down; runs that violate their budget count as nothing. Only fronts of at least "
        f"{FEWEST_BUDGETS} budgets with the same metrics are listed.",
        _ABOUT_FLOAT,
        _ABOUT_SEEDS,
    ),
    "cost": ("Means over finished runs.", _ABOUT_COSTS),
}
"""Name of a table -> the lines below it: how it was made and how little few seeds can prove."""


_CONCLUSIVE = (
    "main",
    "paper",
    "headline",
    "convergence",
    "ablation",
    "pairs",
    "pooled",
    "noninferiority",
    "hypervolume",
)
"""Tables from which one would conclude something about methods or recipes."""


def table_notes(name: str, raw: pd.DataFrame) -> list[str]:
    """The lines below a table: those of its kind, and what its numbers call for."""
    lines = [*_TABLE_NOTES.get(name, ())]
    if name == "headline":
        lines += [*_headline_notes(raw["verdict"] == EXPLORATORY), _ABOUT_POWER]
    if name in _CONCLUSIVE and (short := _development_presets(raw)):
        lines.insert(0, _ABOUT_DEVELOPMENT.format(", ".join(short)))
    if "quality_target" in raw and raw["quality_target"].notna().any():
        lines.append(_ABOUT_TARGET)
    if any(str(column).endswith("/energy") and raw[column].notna().any() for column in raw.columns):
        lines.append(_ABOUT_ENERGY)
    return [line for line in (*lines, extrapolation_note(raw)) if line]


def paper_notes(main: pd.DataFrame) -> list[str]:
    """The lines below the main table of a paper, which has fewer columns."""
    return table_notes("paper", main.filter(regex="^(?!reference_percent/|quality_target)"))


def _development_presets(raw: pd.DataFrame) -> list[str]:
    """Those of the table's presets that are for development; "short (changed)" is one."""
    names = sorted({base_preset(str(preset)) for preset in raw["preset"]})
    return [name for name in names if name in DEVELOPMENT_PRESETS]


def _headline_notes(exploratory: pd.Series) -> list[str]:
    """What the verdicts on candidates mean, and what rows that nobody named do not, where there are any."""
    return [*(() if exploratory.all() else _ABOUT_VERDICT), *([_ABOUT_EXPLORATORY] if exploratory.any() else [])]


class ReportTable(NamedTuple):
    """A table as raw numbers, and as the text that people read."""

    raw: pd.DataFrame
    text: pd.DataFrame


Tables = dict[str, ReportTable]
"""Name of a table, which is that of its files -> the table."""


def build_tables(df: pd.DataFrame, store: Store, published: Sequence[PublishedNumber] = ()) -> Tables:
    """Every table of the report by name, in the page's order; empty ones are left out, `main` and `cost` excepted.

    `df` is `frame` of the records; `store` has their predictions.
    """
    main, tests = main_table(df), noninferiority_table(df, store)
    tables: list[tuple[str, pd.DataFrame, Callable[[pd.DataFrame], pd.DataFrame]]] = [
        ("main", main, format_main_table),
        ("headline", headline_table(df, tests, unrecorded_plans(store, df["id"])), format_headline_table),
        ("convergence", convergence_table(df), format_convergence_table),
        ("ablation", ablation_table(df, main), format_ablation_table),
        ("pairs", pairs_table(df, main), format_pairs_table),
        ("pooled", pooled_table(df), format_pooled_table),
        ("noninferiority", tests, format_noninferiority_table),
        ("hypervolume", hypervolume_table(df), format_hypervolume_table),
        ("cost", cost_table(df, main), format_cost_table),
        ("scores", score_table(df, main), format_score_table),
        ("published", published_comparison(df, published), format_published_comparison),
        ("failures", failure_table(df), format_failure_table),
    ]
    shown = [table for table in tables if len(table[1]) or table[0] in ("main", "cost")]
    return {name: ReportTable(raw, format_table(raw)) for name, raw, format_table in shown}
