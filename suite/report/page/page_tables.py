"""Tables as the page shows them: headings with the kind of their columns, and rows of text in groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from suite.report.tables.markup import MISSING, is_numeric

_NAMED_KINDS = ("budget", "method", "id", "error")
_LONGEST_WORD = 32
"""Characters from which on a cell counts as running text."""

RowGroup = tuple[str, list[list[str]]]
"""A title, or "" for none, and rows of text."""


@dataclass(frozen=True)
class PageTable:
    """A table as the template sees it: headings with the kind of their columns, rows in groups, and their number."""

    columns: list[tuple[str, str]]
    groups: list[RowGroup]
    size: int

    @classmethod
    def from_frame(cls, table: pd.DataFrame, group_by: Sequence[str] = ()) -> "PageTable":
        """The text of `table`; rows that agree in the columns `group_by` stand together under these."""
        titled = [column for column in group_by if column in table.columns]
        rest = [column for column in table.columns if column not in titled]
        groups: dict[str, list[list[str]]] = {}
        for title, row in zip(table[titled].to_numpy().tolist(), table[rest].to_numpy().tolist(), strict=True):
            groups.setdefault(", ".join(map(str, title)), []).append([str(cell) for cell in row])
        columns = [(str(c), _column_kind(str(c), [str(v) for v in table[c]])) for c in rest]
        return cls(columns, list(groups.items()), len(table))


def without_empty_columns(table: pd.DataFrame) -> pd.DataFrame:
    """A table of text without the columns that have nothing but dashes."""
    return table.loc[:, [bool((table[column] != MISSING).any()) for column in table]]


def _column_kind(column: str, cells: Sequence[str]) -> str:
    """How a column is set: by its name, else as numbers, short words or running text by what it holds."""
    if column in _NAMED_KINDS:
        return column
    if is_numeric(cells):
        return "number"
    return "text" if any(len(cell) > _LONGEST_WORD for cell in cells) else "word"
