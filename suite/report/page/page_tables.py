"""Tables as the page shows them: the first rows as HTML, the rest as JSON for the page's script."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from suite.report.page.run_data import embed_json
from suite.report.tables.markup import is_numeric

ROWS_IN_HTML = 200
"""Rows of a table that stand in the HTML; the script shows the others page by page."""

_COLUMN_KINDS = {
    "benchmark": "word",
    "preset": "word",
    "device": "word",
    "budget": "budget",
    "method": "method",
    "id": "id",
    "error": "error",
    "settings": "error",
}
_LONGEST_WORD = 32
"""Characters from which on a cell counts as running text."""

RowGroup = tuple[str, list[list[str]]]
"""A title, or "" for none, and rows of text."""


@dataclass(frozen=True)
class PageTable:
    """A table as the template sees it: headings with the kind of their columns, rows in groups, and their number.

    `remaining_rows` are those that do not stand in the HTML, as JSON for the script.
    """

    name: str
    columns: list[tuple[str, str]]
    groups: list[RowGroup]
    size: int
    remaining_rows: Markup | None

    @classmethod
    def from_frame(cls, name: str, table: pd.DataFrame, group_by: Sequence[str] = ()) -> "PageTable":
        """The text of `table`; rows that agree in the columns `group_by` stand together under these.

        `name` is the table's file name without suffix in the report's folder `tables`.
        """
        titled = [column for column in group_by if column in table.columns]
        rest = [column for column in table.columns if column not in titled]
        groups: dict[str, list[list[str]]] = {}
        for title, row in zip(table[titled].to_numpy().tolist(), table[rest].to_numpy().tolist(), strict=True):
            groups.setdefault(", ".join(map(str, title)), []).append([str(cell) for cell in row])
        columns = [(str(c), _column_kind(str(c), [str(v) for v in table[c]])) for c in rest]
        shown, remaining = _split_rows(list(groups.items()))
        return cls(name, columns, shown, len(table), embed_json(remaining) if remaining else None)


def _split_rows(groups: list[RowGroup]) -> tuple[list[RowGroup], list[RowGroup]]:
    """The first `ROWS_IN_HTML` rows and the remaining ones; a group may be cut in two."""
    shown: list[RowGroup] = []
    remaining: list[RowGroup] = []
    room = ROWS_IN_HTML
    for title, rows in groups:
        if room > 0:
            shown.append((title, rows[:room]))
        if len(rows) > room:
            remaining.append((title, rows[room:]))
        room = max(0, room - len(rows))
    return shown, remaining


def _column_kind(column: str, cells: Sequence[str]) -> str:
    """How a column is set: by its name, else as numbers, short words or running text by what it holds."""
    if column in _COLUMN_KINDS:
        return _COLUMN_KINDS[column]
    if is_numeric(cells):
        return "number"
    return "text" if any(len(cell) > _LONGEST_WORD for cell in cells) else "word"
