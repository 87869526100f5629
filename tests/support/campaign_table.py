"""The tables of results/README.md on what the methods score, from `campaign`'s runs."""

import pandas as pd

HEAD = (
    "| method | accuracy, by seed | fits | of the weights' limit | of the MACs' limit | epochs | standard trainings |",
    "|---|---|---|---|---|---|---|",
)


def two_limits_lines(runs: pd.DataFrame) -> list[str]:
    """Lines for the methods in `runs`, rows of `runs.csv` at two limits, best mean first."""
    by_method = sorted(runs.sort_values("seed").groupby("method"), key=lambda item: -item[1]["score"].mean())
    return [*HEAD, *(_line(method, own) for method, own in by_method)]


def _line(method: str, own: pd.DataFrame) -> str:
    scores = f"{own['score'].mean():.3f}: {' '.join(f'{score:.3f}' for score in own['score'])}"
    used = [f"{100 * (own[f'cost/{m}'] / own[f'target/{m}']).mean():.0f} %" for m in ("weights", "macs")]
    cells = [method, scores, _fits(own), *used, f"{own['epochs'].mean():.0f}", f"{own['trainings'].mean():.2f}"]
    return f"| {' | '.join(cells)} |"


def one_limit_lines(runs: pd.DataFrame) -> list[str]:
    """Lines for the methods in `runs`, rows of `runs.csv` with a limit on weights, with a column for each limit."""
    limits = sorted(runs["target/weights"].unique())
    headings = ["method", *(f"AUC at {limit:,.0f} B" for limit in limits), "fits", "of the limit", "standard trainings"]
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for method, own in sorted(runs.groupby("method"), key=lambda item: -item[1]["score"].mean()):
        scores = [f"{own.loc[own['target/weights'] == limit, 'score'].mean():.3f}" for limit in limits]
        used = 100 * own["cost/weights"] / own["target/weights"]
        share = " to ".join(dict.fromkeys(f"{edge:.0f}" for edge in (used.min(), used.max()))) + " %"
        lines.append(f"| {' | '.join([method, *scores, _fits(own), share, f'{own.trainings.mean():.2f}'])} |")
    return lines


def _fits(own: pd.DataFrame) -> str:
    return f"{int(own['feasible'].sum())}/{len(own)}"
