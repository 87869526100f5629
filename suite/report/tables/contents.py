"""All tables of the report by name, as raw numbers and as text, and the notes below each."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from suite.records.store import Store
from suite.report.statistics.comparison import MARGIN
from suite.report.tables.ablation import ablation_table, format_ablation_table
from suite.report.tables.cost import cost_table, format_cost_table
from suite.report.tables.extrapolation import extrapolation_note
from suite.report.tables.failures import failure_table, format_failure_table
from suite.report.tables.headline import format_headline_table, headline_table
from suite.report.tables.hypervolume import format_hypervolume_table, hypervolume_table
from suite.report.tables.main import format_main_table, main_table
from suite.report.tables.noninferiority import format_noninferiority_table, noninferiority_table
from suite.report.tables.pairs import format_pairs_table, pairs_table
from suite.report.tables.pooled import format_pooled_table, pooled_table
from suite.report.tables.published_comparison import format_published_comparison, published_comparison
from suite.report.tables.published_numbers import PublishedNumber
from suite.report.tables.scores import format_score_table, score_table
from suite.report.tables.summary import format_summary_table, summary_table

_ABOUT_FLOAT = "All scores are of float networks, before their conversion to int8."
_ABOUT_SEEDS = (
    "Bounds over seeds are 95 % bootstrap intervals of the mean. For three seeds the interval is just their range, "
    "which holds the true mean in 75 % of all cases (five: 84 %, ten: 92 %); a single seed has none."
)
_ABOUT_SHARES = (
    "Bounds of a share of runs that fit are Wilson's, in %: three of three say that at least 44 % of all runs fit."
)
_ABOUT_MARGIN = (
    "Non-inferior: the one-sided 95 % lower bound of the mean difference to the reference network, over paired seeds, "
    f"is above -{100 * MARGIN:g} point. For these networks, other test examples are drawn for networks as they are. "
    "For new seeds, the seeds' spread is added with Student's t, 2.9 for three pairs, so three seldom show it."
)
_ABOUT_SELECTION = (
    "Bounds are not corrected for the number of rows, nor for choosing the best of them: of twenty methods that lose "
    "exactly the margin, one is expected to pass."
)
_ABOUT_IMPROVEMENT = (
    "Chance to be better: that a run of the method beats one of the other method's. With three seeds a side all nine "
    "comparisons agree by luck alone in one of ten cases; p < 0.05 cannot be reached before four seeds a side."
)
_ABOUT_PAIRS = (
    "Differences are means over paired seeds, in points, positive where the method is better. " + _ABOUT_FLOAT
)

_ABOUT_INT8 = (
    "Float scores are of networks as they were trained. Int8 scores are of the converted networks of the runs that "
    "were deployed, on the same test split in TensorFlow Lite's reference interpreter."
)
_ABOUT_FIT = (
    "Fits budget: every exact cost is within its target. Fits board: the arena and the network's file, without the "
    "program, are within the board's RAM and flash; unknown where the device's file does not say what the board has."
)
_ABOUT_ENERGY = "Energy is the board's power x latency, not measured."

_TABLE_NOTES = {
    "main": (_ABOUT_INT8, _ABOUT_FIT, _ABOUT_SEEDS, _ABOUT_SHARES),
    "scores": (_ABOUT_SEEDS,),
    "headline": (_ABOUT_FLOAT, _ABOUT_MARGIN, _ABOUT_SELECTION),
    "noninferiority": (_ABOUT_FLOAT, _ABOUT_MARGIN, _ABOUT_SELECTION),
    "pairs": (_ABOUT_PAIRS, _ABOUT_SEEDS, _ABOUT_IMPROVEMENT),
    "pooled": (
        _ABOUT_PAIRS,
        "Pairs are resampled as if independent; those of one seed may share a warm-up, and then the bounds are too "
        "narrow. Even for six independent pairs they hold the true mean in 86 % of all cases. Mind the runs that do "
        "not fit: a larger network is easily better.",
    ),
    "ablation": (_ABOUT_PAIRS, _ABOUT_FIT, _ABOUT_SEEDS, _ABOUT_SHARES, _ABOUT_IMPROVEMENT),
    "summary": (
        "Scores are normalised per benchmark, (score - chance) / (reference - chance); a quarter of all runs is cut at "
        "either end. Seeds are resampled within benchmarks: it says nothing of other benchmarks.",
        _ABOUT_FLOAT,
        _ABOUT_SEEDS,
        _ABOUT_SHARES,
    ),
    "hypervolume": (
        "Axes are the score, from the benchmark's chance score up, and each budgeted cost over the reference "
        "network's, from 1 down; runs that violate their budget count as nothing. A front has as many points as there "
        "are budgets with these metrics: with one budget it mostly says how far below it a method stays.",
        _ABOUT_FLOAT,
        _ABOUT_SEEDS,
    ),
    "cost": ("Means over finished runs; a time is that of the machine it ran on, beside whatever else ran there.",),
}
"""Name of a table -> the lines below it: how it was made and how little few seeds can prove."""


def table_notes(name: str, raw: pd.DataFrame) -> list[str]:
    """The lines below a table: those of its kind, and what its numbers call for."""
    energy = any(str(column).endswith("/energy") and raw[column].notna().any() for column in raw.columns)
    lines = [*_TABLE_NOTES.get(name, ()), _ABOUT_ENERGY if energy else "", extrapolation_note(raw)]
    return [line for line in lines if line]


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
        ("headline", headline_table(tests), format_headline_table),
        ("summary", summary_table(df), format_summary_table),
        ("ablation", ablation_table(df, main), format_ablation_table),
        ("pairs", pairs_table(df, main, store), format_pairs_table),
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
