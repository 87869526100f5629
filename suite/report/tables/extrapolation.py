"""Latencies outside what a device's model was fitted on: the mark at a number, and the note that explains it."""

import re
from collections.abc import Iterable, Sequence

import pandas as pd

from suite.report.tables.markup import MISSING
from suite.report.tables.text import metric_label

MARK = "*"

_MARKED = ("latency", "energy")
"""Energy is power x latency, and no better than it."""

_MOST_REASONS = 3
_COUNTED = re.compile(r"([\d,]+) (.+)")


def join_reasons(texts: Iterable[str]) -> str:
    """The distinct reasons of some runs; "" where none is extrapolated."""
    return "; ".join(sorted({text for text in texts if text}))


def is_extrapolated(metric: str, reasons: str) -> bool:
    """Whether a cost of runs with these reasons is an extrapolation."""
    return bool(reasons) and metric in _MARKED


def mark_extrapolated(cell: str, metric: str, reasons: str) -> str:
    """The cell of a metric, marked where it is a number of runs that are extrapolated for these reasons."""
    return cell + (MARK if is_extrapolated(metric, reasons) and cell != MISSING else "")


def cost_label(runs: pd.DataFrame, metric: str) -> str:
    """A metric on an axis: energy as what it is, and extrapolated costs as such."""
    extrapolated = is_extrapolated(metric, join_reasons(runs["extrapolated"]))
    return metric_label(metric) + (" (extrapolated)" if extrapolated else "")


def extrapolation_note(table: pd.DataFrame) -> str:
    """What the mark means, with the first reasons of the rows of `table`; "" where none is marked."""
    if "extrapolated" not in table:
        return ""
    distinct = _with_ranges({reason for text in table["extrapolated"] if text for reason in text.split("; ")})
    if not distinct:
        return ""
    more = f"; and {len(distinct) - _MOST_REASONS} more" if len(distinct) > _MOST_REASONS else ""
    reasons = "; ".join(distinct[:_MOST_REASONS])
    return f"{MARK} Extrapolated, outside what the device's latency model was fitted on: {reasons}{more}."


def _with_ranges(reasons: Iterable[str]) -> list[str]:
    """The distinct reasons, those that differ in the number they begin with as one, with its range."""
    numbers: dict[str, list[int]] = {}
    for reason in sorted(reasons):
        match = _COUNTED.fullmatch(reason)
        numbers.setdefault(match[2] if match else reason, []).extend([int(match[1].replace(",", ""))] if match else [])
    return [f"{_range(found)} {rest}" if found else rest for rest, found in numbers.items()]


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
