"""How rows are ordered in all tables."""

from typing import Any

import pandas as pd

from suite.report.grouping import GROUP, MethodVariant, natural_key


def sort_by_setting(table: pd.DataFrame, columns: list[str] = GROUP) -> pd.DataFrame:
    """Rows sorted by benchmark, preset, device, budget (numbers by size) and method, or by other `columns`."""
    keys = [tuple(map(_sorting_key, row)) for row in table[columns].to_numpy().tolist()]
    return table.iloc[sorted(range(len(table)), key=keys.__getitem__)].reset_index(drop=True)


def sort_as_main_table(table: pd.DataFrame, main: pd.DataFrame) -> pd.DataFrame:
    """Rows of `table`, each a benchmark, preset, device, budget and method, in the order that `main_table` has them."""
    rank = {tuple(key): i for i, key in enumerate(main[GROUP].to_numpy().tolist())}
    ranks = [rank[tuple(key)] for key in table[GROUP].to_numpy().tolist()]
    return table.iloc[sorted(range(len(table)), key=ranks.__getitem__)].reset_index(drop=True)


def _sorting_key(value: Any) -> Any:
    return value if isinstance(value, MethodVariant) else natural_key(str(value))
