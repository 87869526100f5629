"""How rows are ordered, and methods named, in all tables and figures."""

import re

import pandas as pd

from suite.records.frame import GROUP

SETTING = GROUP[:3]
"""Benchmark, preset and device: runs that differ in one of these are never compared with each other."""


def natural_key(text: str) -> tuple[tuple[int, float, str], ...]:
    """A sorting key under which "weights 5%" comes before "weights 25%"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return tuple((1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts))


def base_method(label: str) -> str:
    """The method without its arm: "duccio (guarantee off)" and "duccio [guarantee=off]" are both "duccio"."""
    return re.split(r" [(\[]", label, maxsplit=1)[0]


def sort_by_setting(table: pd.DataFrame, columns: list[str] = GROUP) -> pd.DataFrame:
    """Rows sorted by benchmark, preset, device, budget (numbers by size) and method, or by other `columns`."""
    keys = [tuple(natural_key(str(part)) for part in row) for row in table[columns].to_numpy().tolist()]
    return table.iloc[sorted(range(len(table)), key=keys.__getitem__)].reset_index(drop=True)


def sort_as_main_table(table: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """Rows of `table`, each a benchmark, preset, device, budget and method, in the order that `main_table` has them."""
    rank = {tuple(key): i for i, key in enumerate(main[GROUP].to_numpy().tolist())}
    ranks = [rank[tuple(key)] for key in table[GROUP].to_numpy().tolist()]
    return table.iloc[sorted(range(len(table)), key=ranks.__getitem__)].reset_index(drop=True)
