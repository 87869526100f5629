"""All tables of the report by name, as raw numbers and as text."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import pandas as pd

from suite.records.store import Store
from suite.report.tables.ablation import ablation_table, format_ablation_table
from suite.report.tables.convergence import convergence_table, format_convergence_table
from suite.report.tables.cost import cost_table, format_cost_table
from suite.report.tables.failures import failure_table, format_failure_table
from suite.report.tables.headline import format_headline_table, headline_table, unrecorded_plans
from suite.report.tables.hypervolume import format_hypervolume_table, hypervolume_table
from suite.report.tables.main import format_main_table, format_score_table, main_table, score_table
from suite.report.tables.noninferiority import format_noninferiority_table, noninferiority_table
from suite.report.tables.pairs import format_pairs_table, pairs_table
from suite.report.tables.pooled import format_pooled_table, pooled_table
from suite.report.tables.published_comparison import PublishedNumber, format_published_comparison, published_comparison


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
    main = main_table(df)
    tests = noninferiority_table(df, main, store)
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
