"""Tables as the page shows them: the first rows as HTML, the rest as JSON for the page's script."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup

from suite.report.markup import MISSING
from suite.report.run_pages import embed

ROWS = 200
"""Rows of a table that stand in the HTML; the script shows the others page by page."""

_KINDS = {
    "benchmark": "word",
    "preset": "word",
    "device": "word",
    "budget": "budget",
    "method": "method",
    "id": "id",
    "error": "error",
    "settings": "error",
}
_NUMBER = re.compile(r"[<>+-]?\d")
_LONG = 32

Group = tuple[str, list[list[str]]]
"""A title, or "" for none, and rows of text."""


@dataclass(frozen=True)
class Grid:
    """A table as the template sees it: headings with the kind of their columns, and rows in groups."""

    name: str
    columns: list[tuple[str, str]]
    groups: list[Group]
    size: int
    rest: Markup | None

    @classmethod
    def of(cls, name: str, table: pd.DataFrame, title: Sequence[str] = ()) -> "Grid":
        """The text of `table`; rows that agree in the columns `title` stand together under these.

        `name` is the table's file name without suffix in the report's folder `tables`.
        """
        place = [column for column in title if column in table.columns]
        rest = [column for column in table.columns if column not in place]
        groups: dict[str, list[list[str]]] = {}
        for named, row in zip(table[place].to_numpy().tolist(), table[rest].to_numpy().tolist(), strict=True):
            groups.setdefault(", ".join(map(str, named)), []).append([str(cell) for cell in row])
        columns = [(str(c), _kind(str(c), [str(v) for v in table[c]])) for c in rest]
        shown, beyond = _split(list(groups.items()))
        return cls(name, columns, shown, len(table), embed(beyond) if beyond else None)


def _split(groups: list[Group]) -> tuple[list[Group], list[Group]]:
    """The first `ROWS` rows and the rest; a group may be cut in two."""
    shown: list[Group] = []
    beyond: list[Group] = []
    room = ROWS
    for title, rows in groups:
        if room > 0:
            shown.append((title, rows[:room]))
        if len(rows) > room:
            beyond.append((title, rows[room:]))
        room = max(0, room - len(rows))
    return shown, beyond


def _kind(column: str, cells: Sequence[str]) -> str:
    """How a column is set: by its name, else as numbers, short words or running text by what it holds."""
    if column in _KINDS:
        return _KINDS[column]
    told = [cell for cell in cells if cell not in ("", MISSING)]
    if all(_NUMBER.match(cell) for cell in told) and all(len(cell) <= _LONG for cell in told):
        return "number"
    return "text" if any(len(cell) > _LONG for cell in told) else "word"
