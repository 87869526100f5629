"""The table of results/README.md on what the methods score at the paper's two limits, from `campaign`'s runs."""

import pandas as pd

HEAD = (
    "| method | accuracy, by seed | fits | of the weights' limit | of the MACs' limit | epochs | standard trainings |",
    "|---|---|---|---|---|---|---|",
)


def campaign_lines(runs: pd.DataFrame) -> list[str]:
    """Lines for the methods in `runs`, rows of `runs.csv`, best mean first."""
    by_method = sorted(runs.sort_values("seed").groupby("method"), key=lambda item: -item[1]["score"].mean())
    return [*HEAD, *(_line(method, own) for method, own in by_method)]


def _line(method: str, own: pd.DataFrame) -> str:
    scores = f"{own['score'].mean():.3f}: {' '.join(f'{score:.3f}' for score in own['score'])}"
    used = [f"{100 * (own[f'cost/{m}'] / own[f'target/{m}']).mean():.0f} %" for m in ("weights", "macs")]
    fits = f"{int(own['feasible'].sum())}/{len(own)}"
    cells = [method, scores, fits, *used, f"{own['epochs'].mean():.0f}", f"{own['trainings'].mean():.2f}"]
    return f"| {' | '.join(cells)} |"
