"""Mean ranks of methods with their critical difference, where there are enough problems to rank them on."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import seaborn as sns
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from suite.records.store import Store
from suite.report.figures.panels import NAME_WIDTH, grid, marker, method_axis, wrapped
from suite.report.sheets import Picture, Sheet
from suite.report.style import INK, new_figure

log = logging.getLogger(__name__)

KIND = "ranks"

LEAST_PROBLEMS = 6
"""Pairs of benchmark and budget below which nothing is ranked: Friedman's approximation needs more than five."""

LEAST_METHODS = 3
LEVEL = 0.05

_CAPTION = (
    "Mean rank of each method (1 is best) over {n} pairs of benchmark and budget, by mean test score over seeds; a "
    "run that misses a constraint counts as chance. {verdict} Bars are half the critical difference {cd:.2f} of "
    "Nemenyi's test at 5 % to each side (Demsar 2006): two methods whose bars do not overlap differ. Budgets of one "
    "benchmark are not independent of one another, so that the test is too sure of itself; ranks say nothing of how "
    "large a difference is."
)


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of methods (K,), best first, over `n` problems, Friedman's p and Nemenyi's critical difference."""

    methods: tuple[str, ...]
    means: tuple[float, ...]
    n: int
    p: float
    critical: float


def mean_ranks(scores: np.ndarray, methods: list[str]) -> Ranks:
    """Ranks of `scores` (N, K), higher is better, ties sharing their mean rank.

    Friedman's test, and Nemenyi's critical difference q sqrt(K (K + 1) / (6 N)) with q the studentised range's 95 %
    quantile for infinite degrees of freedom over sqrt(2) (Demsar 2006, section 3.2.2).
    """
    n, k = scores.shape
    ranks = rankdata(-scores, axis=1).mean(axis=0)
    order = sorted(range(k), key=lambda i: (ranks[i], methods[i]))
    q = studentized_range.ppf(1 - LEVEL, k, np.inf) / np.sqrt(2)
    return Ranks(
        methods=tuple(methods[i] for i in order),
        means=tuple(float(ranks[i]) for i in order),
        n=n,
        p=float(friedmanchisquare(*scores.T).pvalue),
        critical=float(q * np.sqrt(k * (k + 1) / (6 * n))),
    )


def problems(runs: pd.DataFrame) -> pd.DataFrame:
    """Mean test scores, a row per benchmark and budget, a column per method, none missing.

    Methods are those run on at least half of the problems, problems those that all of these were run on. A run that
    misses a constraint counts as the benchmark's chance score; benchmarks that state none are left out, and so are
    problems on which one method alone was run.
    """
    if "chance" not in runs:
        return pd.DataFrame()
    known = runs[runs["chance"].notna()]
    scores = known["score"].where(known["feasible"], known["chance"])
    table = scores.groupby([known["benchmark"], known["budget"], known["method"]]).mean().unstack("method")
    table = table[table.notna().sum(axis=1) > 1]
    return table.loc[:, table.notna().mean() >= 0.5].dropna()


def split(sheet: Sheet, _: Store) -> Iterator[Sheet]:
    """One page, where enough methods were run on enough problems; otherwise the reason is logged."""
    table = problems(sheet.runs)
    if table.shape[0] >= LEAST_PROBLEMS and table.shape[1] >= LEAST_METHODS:
        yield replace(sheet, rows=())
    elif table.shape[1] >= LEAST_METHODS:
        log.info(
            "preset %s, %s: no figure of ranks: %d pairs of benchmark and budget are too few, it takes %d",
            *(*sheet.place[1:], table.shape[0], LEAST_PROBLEMS),
        )


def draw(sheet: Sheet, _: Store) -> Picture:
    """One panel: a line per method, its mean rank with half the critical difference to each side."""
    table = problems(sheet.runs)
    found = mean_ranks(table.to_numpy(dtype=float), [str(method) for method in table.columns])
    lines = max(wrapped(method, NAME_WIDTH).count("\n") for method in found.methods)
    figure = new_figure(0.8 + (0.3 + 0.12 * lines) * len(found.methods), sheet.style)
    ax = grid(figure, [1], [1])[0][0]
    half = found.critical / 2
    for place, (method, mean) in enumerate(zip(found.methods, found.means, strict=True)):
        ax.plot([mean - half, mean + half], [place, place], color=INK, linewidth=1.2, solid_capstyle="butt")
        ax.plot([mean], [place], **marker(sheet.looks[method], 7))
    method_axis(ax, found.methods, names=True)
    ax.set_xlabel(f"mean rank over {found.n} pairs of benchmark and budget, 1 is best")
    ax.set_xticks(range(1, len(found.methods) + 1))  # there is no rank 0, though a bar may reach beyond
    sns.despine(ax=ax, left=True)
    verdict = f"Friedman's test of no difference at all: p = {found.p:.2g}"
    verdict += "." if found.p < LEVEL else ", so that no difference is shown, whatever the bars say."
    caption = _CAPTION.format(n=found.n, verdict=verdict, cd=found.critical)
    return sheet.picture(KIND, "Mean ranks", caption, figure)
