"""How numbers, units and shared columns are written for people; `markup` writes such text as Markdown and LaTeX."""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from suite.report.grouping import SETTING
from suite.report.tables.markup import MISSING

PHASE_LABELS = {"warmup": "warm-up", "search": "search", "finetune": "final training", "evaluation": "evaluation"}
"""A phase of a run in the record -> how tables and figures write it."""

_PREFIXED = {"B": (1024.0, ("B", "kB", "MB")), "MAC": (1e3, ("MAC", "kMAC", "MMAC", "GMAC"))}
_PREFIXED["parameters"] = (1e3, ("parameters", "k parameters", "M parameters"))
_SMALL_UNITS = {"s": ("s", "ms", "us"), "J": ("J", "mJ", "uJ")}


def format_quantity(value: float, unit: str) -> str:
    """A cost with three digits and a readable unit: 19353.6 B is "18.9 kB" (1 kB = 1024 B)."""
    if not math.isfinite(value):
        return MISSING
    if unit in _SMALL_UNITS:
        steps = 0
        while 0 < abs(value) < 1 and steps < 2:
            value, steps = value * 1e3, steps + 1
        return f"{format_significant(value)} {_SMALL_UNITS[unit][steps]}"
    factor, names = _PREFIXED.get(unit, (1e3, (unit, f"k{unit}", f"M{unit}", f"G{unit}")))
    steps = 0
    while abs(value) >= factor and steps < len(names) - 1:
        value, steps = value / factor, steps + 1
    return f"{format_significant(value)} {names[steps]}"


def format_significant(value: float) -> str:
    """A number with three significant digits, or whole with commas from 100 on: 1234.5 is "1,234"."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"


def format_percent(value: float) -> str:
    """A value in %, to one decimal below 100 and without the sign; what is above 0 never reads as 0."""
    if not math.isfinite(value):
        return MISSING
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.0f}" if value == 0 or value >= 99.95 else f"{value:.1f}"


def format_number(value: float, digits: int = 2) -> str:
    """A number with `digits` decimals, or a dash."""
    return f"{value:.{digits}f}" if math.isfinite(value) else MISSING


def format_p(p: float) -> str:
    """A probability with two significant digits, or a dash."""
    if not math.isfinite(p):
        return MISSING
    return "<0.001" if p < 0.001 else f"{p:.2g}"


def format_interval(mean: float, low: float, high: float, *, digits: int = 3) -> str:
    """A mean with its bounds, to `digits` decimals: "0.840 [0.800, 0.900]"."""
    return format_number(mean, digits) + (f" [{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) else "")


def format_points(difference: float, low: float = math.nan, high: float = math.nan) -> str:
    """A difference of scores in points, hundredths of the scale from 0 to 1, with its sign and bounds."""
    if not math.isfinite(difference):
        return MISSING
    bounds = f" [{_format_signed(low)}, {_format_signed(high)}]" if math.isfinite(low) else ""
    return _format_signed(difference) + bounds


def _format_signed(difference: float) -> str:
    # Rounded first: -0.001 points would read "-0.00".
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


FITS_BUDGET = "fits budget"
"""Heading of `add_fits`: a network that is within its limits need not fit the board."""


def add_fits(out: pd.DataFrame, table: pd.DataFrame) -> None:
    """Add to the text `out` the runs of each row of `table` that fit their budget, of those that finished: "2/3"."""
    rows = zip(table["budget"], table["fits"], strict=True)
    out[FITS_BUDGET] = ["no budget" if b == "none" else MISSING if fits == "0/0" else fits for b, fits in rows]


def float_score_label(name: str = "") -> str:
    """The test score of float networks, which searches train: "float test accuracy", or "score" without a name."""
    return f"float test {score_label(name) or 'score'}"


def metric_label(metric: str) -> str:
    """A metric as people read it; energy is not measured, but the board's power times the latency."""
    return "energy (power x latency)" if metric == "energy" else metric


def score_label(name: str) -> str:
    """A score's name as people write it: "balanced_accuracy" is "balanced accuracy"."""
    return name.replace("_", " ").replace("auc", "AUC")


def shared_setting(table: pd.DataFrame) -> dict[str, str]:
    """Those of benchmark, preset and device that are the same in all rows; `leading_columns` leaves them out."""
    return {key: str(table[key].iloc[0]) for key in SETTING if key in table and table[key].nunique() == 1}


def describe_setting(shared: dict[str, str]) -> str:
    """What all rows share, in one line: "benchmark digits, preset paper"."""
    return ", ".join(f"{key} {value}" for key, value in shared.items())


def leading_columns(table: pd.DataFrame, names: Sequence[str] = ("budget", "method")) -> pd.DataFrame:
    """The columns that a table of text starts with: what not all rows share (`shared_setting`) and `names`."""
    shared = shared_setting(table)
    return table[[*(key for key in SETTING if key in table and key not in shared), *names]].astype(str)


def format_rows(format_row: Callable[..., str], table: pd.DataFrame, *columns: str) -> list[str]:
    """The text of each row, which `format_row` makes of its numbers in the columns: format_interval of three."""
    return [format_row(*row) for row in table[list(columns)].to_numpy(dtype=float).tolist()]
