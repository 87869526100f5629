"""Methods over several benchmarks and budgets: scores on a common scale, and mean ranks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from suite.report.grouping import MethodVariant
from suite.report.statistics.intervals import ERROR


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of methods (K,), best first, over `n` problems, Friedman's p and Nemenyi's critical difference."""

    methods: tuple[MethodVariant, ...]
    means: tuple[float, ...]
    n: int
    p: float
    critical: float


def mean_ranks(scores: np.ndarray, methods: list[MethodVariant]) -> Ranks:
    """Ranks of `scores` (N, K), higher is better, ties sharing their mean rank.

    Friedman's test, and Nemenyi's critical difference q sqrt(K (K + 1) / (6 N)) with q the studentised range's 95 %
    quantile for infinite degrees of freedom over sqrt(2) (Demsar 2006, section 3.2.2).
    """
    n, k = scores.shape
    ranks = rankdata(-scores, axis=1).mean(axis=0)
    order = sorted(range(k), key=lambda i: (ranks[i], methods[i]))
    q = studentized_range.ppf(1 - ERROR, k, np.inf) / np.sqrt(2)
    return Ranks(
        methods=tuple(methods[i] for i in order),
        means=tuple(float(ranks[i]) for i in order),
        n=n,
        p=float(friedmanchisquare(*scores.T).pvalue),
        critical=float(q * np.sqrt(k * (k + 1) / (6 * n))),
    )


def problem_scores(runs: pd.DataFrame) -> pd.DataFrame:
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


def scaled_scores(runs: pd.DataFrame) -> pd.DataFrame:
    """benchmark, budget, method, seed and `scaled` score of runs, (score - chance) / (best - chance); NaN where a run
    misses a constraint.

    Only benchmarks that state a chance score and that several methods ran on, only budgets where a run fits, and only
    methods with runs on all of these benchmarks and with one that fits.
    """
    columns = ["benchmark", "budget", "method", "seed"]
    if "chance" not in runs:
        return pd.DataFrame(columns=[*columns, "scaled"])
    known = runs[runs["chance"].notna()]
    scores = known["score"].where(known["feasible"])
    best = scores.groupby([known["benchmark"], known["budget"]]).transform("max")
    table = known[columns].assign(scaled=(scores - known["chance"]) / (best - known["chance"]))
    table = table[best > known["chance"]]
    table = table[table.groupby("benchmark")["method"].transform("nunique") > 1]
    everywhere = table.groupby("method")["benchmark"].transform("nunique") == table["benchmark"].nunique()
    fits = table.groupby("method")["scaled"].transform("count") > 0
    return table[everywhere & fits]
