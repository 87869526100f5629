"""Every method against DUCCIO with the same projection at the same budget, paired by seed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from suite.report.grouping import GROUP, PROJECTED_METHOD, PUBLISHED_METHOD, MethodVariant, plain_variant
from suite.report.statistics.comparison import MethodRuns
from suite.report.statistics.intervals import probability_of_improvement
from suite.report.tables.differences import DIFFERENCE_COLUMNS, add_differences, add_tests, compare_runs, runs_by_budget
from suite.report.tables.text import FITS_BUDGET, format_number, leading_columns


def pairs_table(df: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """Every method against DUCCIO, at the same benchmark, preset, device and budget.

    `main` is the `main_table` of `df` and gives the order. A method is compared with DUCCIO of the same `projection`:
    `duccio_projected`, or "duccio (projection=refill)", for refill, `duccio` for none. Where that did not run, and for
    methods without such an option, it is the first that ran of `duccio_projected`, "duccio (projection=refill)" and
    `duccio`. Of DUCCIO itself there is one row, of `duccio` against `duccio_projected`; its variants are in
    `ablation_table`.

    Columns: GROUP, `against`, `pairs` (seeds on both sides), `score` and `against_score` (means over all runs), the
    `DIFFERENCE_COLUMNS` (see `add_tests`; differences are positive where the row's method is better, Holm's correction
    is over the methods at one budget), `improvement` (share of all pairs of runs in which the row's method is better),
    `fits` and `against_fits` ("5/5": the runs of these seeds that meet every constraint).
    """
    rows: list[dict[str, Any]] = []
    for budget, methods in runs_by_budget(df).items():
        comparators = _comparators(methods)
        for runs in methods.values():
            other = _choose_comparator(runs, comparators)
            if other is None:
                continue
            row = compare_runs(budget, runs, other)
            row |= {"score": np.mean(runs.scores), "against_score": np.mean(other.scores)}
            rows.append(row | {"improvement": probability_of_improvement(runs.scores, other.scores)})
    columns = [*GROUP, "against", "pairs", "score", "against_score", *DIFFERENCE_COLUMNS]
    table = add_tests(rows, [*columns, "improvement", "fits", "against_fits"], GROUP[:4])
    return main[GROUP].merge(table, on=GROUP)


def _comparators(methods: Mapping[MethodVariant, MethodRuns]) -> dict[str | None, MethodRuns]:
    """Projection -> DUCCIO with it, the preferred one first, among the methods that ran at one budget.

    These are the default of each name, or its variant that is nearest to that, and of `duccio` those that differ from
    it in `projection` alone; all other variants are an ablation's.
    """
    projected = [method for method in methods if method.method == PROJECTED_METHOD]
    published = [method for method in methods if method.method == PUBLISHED_METHOD]
    nearest = [plain_variant(projected)] if projected else []
    if published:
        plain = plain_variant(published).without_projection
        alike = [method for method in published if method.without_projection == plain]
        nearest += sorted(alike, key=lambda m: (methods[m].projection != "refill", methods[m].projection != "none"))
    comparators: dict[str | None, MethodRuns] = {}
    for method in nearest:
        comparators.setdefault(methods[method].projection, methods[method])
    return comparators


def _choose_comparator(runs: MethodRuns, comparators: Mapping[str | None, MethodRuns]) -> MethodRuns | None:
    """What a method is compared with; None where nothing ran, or for a variant of DUCCIO."""
    first = next(iter(comparators.values()), None)
    if runs.method.method == PROJECTED_METHOD or first is None:
        return None
    if runs.method.method == PUBLISHED_METHOD:
        return first if first.method.method == PROJECTED_METHOD and runs is comparators.get("none") else None
    return first if runs.projection is None else comparators.get(runs.projection, first)


def format_pairs_table(table: pd.DataFrame) -> pd.DataFrame:
    """`pairs_table` as rounded text; differences of scores in points (hundredths)."""
    out = leading_columns(table)
    out["against"] = table["against"].astype(str)
    scores = zip(table["score"], table["against_score"], strict=True)
    out["float scores"] = [f"{format_number(ours, 3)}, {format_number(theirs, 3)}" for ours, theirs in scores]
    add_differences(out, table)
    out["chance to be better"] = [format_number(chance) for chance in table["improvement"]]
    out["seeds"] = table["pairs"].astype(str)
    out[FITS_BUDGET], out[f"against {FITS_BUDGET}"] = table["fits"], table["against_fits"]
    return out
