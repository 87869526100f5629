"""The variants of a method against its default, paired by seed."""

import numpy as np
import pandas as pd

from suite.records.frame import by_metric
from suite.report.grouping import GROUP, plain_variant
from suite.report.tables.differences import DIFFERENCE_COLUMNS, add_differences, add_tests, compare_runs, runs_by_budget
from suite.report.tables.extrapolation import mark_extrapolated
from suite.report.tables.main import COST_HEADINGS, add_costs, add_fit_columns, add_scores, add_violations
from suite.report.tables.text import format_percent, leading_columns, metric_label


def ablation_table(df: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """The variants of a method, "duccio (projection=refill)", against its default, wherever a budget has more than one.

    `main` is the `main_table` of `df`; its scores, fits, violations and trainings are repeated here. `against` is the
    method's default, or where it did not run the variant in which the fewest settings differ from it; its own row has
    no difference and comes first. The `DIFFERENCE_COLUMNS` are those of `add_tests`, corrected over all variants at one
    budget.
    """
    rows = []
    for budget, methods in runs_by_budget(df).items():
        for name in {method.method for method in methods}:
            variants = [method for method in methods if method.method == name]
            plain = methods[plain_variant(variants)]
            rows += [compare_runs(budget, methods[variant], plain) for variant in variants if len(variants) > 1]
    table = add_tests(rows, [*GROUP, "against", "pairs", *DIFFERENCE_COLUMNS], GROUP[:4])
    scores = ["score_name", "runs", "score", "score_low", "score_high", "int8_score", "int8_low", "int8_high"]
    scores += ["int8_runs", "fits", "board_fits"]
    limited = by_metric(main, "target_percent")
    costs = [f"reference_percent/{m}" for m in by_metric(main, "reference_percent") if m in limited]
    effort = ["max_violation", "max_search_violation", *costs, *COST_HEADINGS, "extrapolated"]
    joined = main[[*GROUP, *scores, *effort]].merge(table, on=GROUP)
    names = joined["method"].map(lambda variant: variant.method)
    blocks = joined.groupby([*GROUP[:4], names.rename("name")], sort=False).ngroup()
    ordered = joined.iloc[np.lexsort((joined["method"] != joined["against"], blocks))].reset_index(drop=True)
    return ordered[[*GROUP, "against", "pairs", *scores, *DIFFERENCE_COLUMNS, *effort]]


def format_ablation_table(table: pd.DataFrame) -> pd.DataFrame:
    """`ablation_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table)
    add_scores(out, table)
    add_differences(out, table)
    out["seeds"] = table["pairs"].astype(str)
    add_fit_columns(out, table)
    add_violations(out, table)
    for metric in by_metric(table, "reference_percent"):
        shares = zip(table[f"reference_percent/{metric}"], table["extrapolated"], strict=True)
        cells = [mark_extrapolated(format_percent(share), metric, reasons) for share, reasons in shares]
        out[f"{metric_label(metric)}, % of reference"] = cells
    add_costs(out, table)
    return out
