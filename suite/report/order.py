"""How rows are ordered, and methods named, in all tables and figures."""

import re

import pandas as pd

from suite.records.frame import GROUP


def natural(text: str) -> tuple[tuple[int, float, str], ...]:
    """A sorting key under which "weights 5%" comes before "weights 25%"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return tuple((1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts))


def base_method(label: str) -> str:
    """The method without its arm: "duccio (guarantee off)" and "duccio [guarantee=off]" are both "duccio"."""
    return re.split(r" [(\[]", label, maxsplit=1)[0]


def by_place(table: pd.DataFrame) -> pd.DataFrame:
    """Rows by benchmark, preset, device, budget (numbers by size) and method."""
    keys = [tuple(natural(str(part)) for part in row) for row in table[GROUP].to_numpy().tolist()]
    return table.iloc[sorted(range(len(table)), key=keys.__getitem__)].reset_index(drop=True)
