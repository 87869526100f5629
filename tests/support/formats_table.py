"""The table of results/README.md on bf16 against fp32: the same trainings in both, paired by their random seeds."""

import pandas as pd

from suite.report.statistics.intervals import mean_interval

_HEADINGS = (
    *("benchmark", "epochs", "fp32: test score, by seed", "bf16: test score, by seed"),
    *("fp32 less bf16, points [95 %]", "spread of the seeds, points"),
)
HEAD = (f"| {' | '.join(_HEADINGS)} |", "|---" * len(_HEADINGS) + "|")
_KEY = ["benchmark", "recipe_epochs", "seed"]


def paired_formats(fp32: pd.DataFrame, bf16: pd.DataFrame) -> pd.DataFrame:
    """Rows of two `runs.csv` that are of the same training but for the number format."""
    of_format = [runs[runs["dtype"] == dtype] for runs, dtype in ((fp32, "fp32"), (bf16, "bf16"))]
    return (
        of_format[0].merge(of_format[1], on=[*_KEY, "recipe", "preset"], suffixes=("_fp32", "_bf16")).sort_values(_KEY)
    )


def formats_lines(pairs: pd.DataFrame) -> list[str]:
    """A line for each benchmark."""
    return [*HEAD, *(_line(*key, rows) for key, rows in pairs.groupby(_KEY[:2]))]


def _line(benchmark: str, epochs: float, rows: pd.DataFrame) -> str:
    scores = [f"{(by := rows[f'score_{d}']).mean():.3f}: {' '.join(f'{x:.3f}' for x in by)}" for d in ("fp32", "bf16")]
    gain = mean_interval(100 * (rows["score_fp32"] - rows["score_bf16"]))
    difference = f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"
    spread = f"{100 * rows['score_bf16'].std():.2f}"
    return f"| {' | '.join([benchmark, f'{epochs:.0f}', *scores, difference, spread])} |"
