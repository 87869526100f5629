"""All tables of the report by name, as raw numbers and as text, and what stands below each."""

from collections.abc import Callable, Sequence

import pandas as pd

from suite.records.store import Store
from suite.report.headline import headline_of, noninferiority_table, readable_headline, readable_noninferiority
from suite.report.pairs import ablation_table, pairs_table, readable_ablation, readable_pairs
from suite.report.pooled import pooled_table, readable_pooled
from suite.report.published import Published, beside_table
from suite.report.statistics.comparison import MARGIN
from suite.report.statistics.fronts import hypervolume_table, readable_hypervolume
from suite.report.summary import readable_summary, summary_table
from suite.report.tables import cost_table, failure_table, main_table, score_table
from suite.report.text import readable_beside, readable_cost, readable_failures, readable_main, readable_scores

_SEEDS = (
    "Bounds over seeds are 95 % bootstrap intervals of the mean. For three seeds the interval is just their range, "
    "which holds the true mean in 75 % of all cases (five: 84 %, ten: 92 %); a single seed has none."
)
_SHARES = (
    "Bounds of a share of runs that fit are Wilson's, in %: three of three say that at least 44 % of all runs fit."
)
_MARGIN = (
    "Non-inferior: the one-sided 95 % lower bound of the mean difference to the seed network, over paired seeds, is "
    f"above -{100 * MARGIN:g} point. For these networks, other test examples are drawn for networks as they are. "
    "For new seeds, the seeds' spread is added with Student's t, 2.9 for three pairs, so three seldom show it."
)
_MANY = (
    "Bounds are not corrected for the number of rows, nor for choosing the best of them: of twenty methods that lose "
    "exactly the margin, one is expected to pass."
)
_IMPROVEMENT = (
    "Chance to be better: that a run of the method beats one of the reference's. With three seeds a side all nine "
    "comparisons agree by luck alone in one of ten cases; p < 0.05 cannot be reached before four seeds a side."
)
_PAIRS = "Differences are means over paired seeds, in points, positive where the method is better."

NOTES = {
    "main": (_SEEDS, _SHARES),
    "scores": (_SEEDS,),
    "headline": (_MARGIN, _MANY),
    "noninferiority": (_MARGIN, _MANY),
    "pairs": (_PAIRS, _SEEDS, _IMPROVEMENT),
    "pooled": (
        _PAIRS,
        "Pairs are resampled as if independent; those of one seed may share a warm-up, and then the bounds are too "
        "narrow. Even for six independent pairs they hold the true mean in 86 % of all cases. Mind the runs that do "
        "not fit: a larger network is easily better.",
    ),
    "ablation": (_PAIRS, _SEEDS, _SHARES, _IMPROVEMENT),
    "summary": (
        "Scores are normalised per benchmark, (score - chance) / (reference - chance); a quarter of all runs is cut at "
        "either end. Seeds are resampled within benchmarks: it says nothing of other benchmarks.",
        _SEEDS,
        _SHARES,
    ),
    "hypervolume": (
        "Axes are the score, from the benchmark's chance score up, and each budgeted cost over the seed network's, "
        "from 1 down; runs that do not fit count as nothing. A front has as many points as there are budgets with "
        "these metrics: with one budget it mostly says how far below it a method stays.",
        _SEEDS,
    ),
    "cost": ("Means over finished runs; a time is that of the machine it ran on, beside whatever else ran there.",),
}
"""What each table's foot says of how far it can be trusted."""


Tables = dict[str, tuple[pd.DataFrame, pd.DataFrame]]
"""Name of a file -> raw numbers, and the text that people read."""


def all_tables(df: pd.DataFrame, store: Store, published: Sequence[Published] = ()) -> Tables:
    """Every table of the report by name, in the page's order; empty ones are left out, `main` and `cost` excepted.

    `df` is `frame` of the records; `store` has their predictions.
    """
    main, tests = main_table(df), noninferiority_table(df, store)
    found: list[tuple[str, pd.DataFrame, Callable[[pd.DataFrame], pd.DataFrame]]] = [
        ("main", main, readable_main),
        ("headline", headline_of(tests), readable_headline),
        ("summary", summary_table(df), readable_summary),
        ("ablation", ablation_table(df, main), readable_ablation),
        ("pairs", pairs_table(df, main, store), readable_pairs),
        ("pooled", pooled_table(df), readable_pooled),
        ("noninferiority", tests, readable_noninferiority),
        ("hypervolume", hypervolume_table(df), readable_hypervolume),
        ("cost", cost_table(df, main), readable_cost),
        ("scores", score_table(df, main), readable_scores),
        ("published", beside_table(df, published), readable_beside),
        ("failures", failure_table(df), readable_failures),
    ]
    return {name: (raw, readable(raw)) for name, raw, readable in found if len(raw) or name in ("main", "cost")}


def notes(name: str) -> tuple[str, ...]:
    """The lines below the table of that name in `all_tables`: how it was made and how little few seeds can prove."""
    return NOTES.get(name, ())
