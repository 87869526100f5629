"""What the page says of its tables, each sentence once however many tables it is about."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from suite.report.page.overview import selection_notes
from suite.report.tables.contents import Tables
from suite.report.tables.headline import EXPLORATORY
from suite.report.tables.notes import TABLES, table_notes
from suite.report.tables.published_comparison import comparison_footnotes
from suite.report.tables.published_numbers import PublishedNumber

_ABOUT_EXPLORATORY = (
    "No method was named before the runs: the largest reductions are listed, and claim nothing. An experiment that "
    "names one of them can test it."
)


class NoteGroup(NamedTuple):
    """Lines about one table, or about several of them."""

    html_id: str
    title: str
    lines: list[str]


def collect_notes(df: pd.DataFrame, tables: Tables, published: Sequence[PublishedNumber]) -> list[NoteGroup]:
    """The lines about each of `tables`; those about several of them stand once, in a group of their own that is first.

    A table all of whose lines are about others too has no group.
    """
    lines = {name: list(dict.fromkeys(_lines(name, raw, df, published))) for name, (raw, _) in tables.items()}
    uses = Counter(line for of_table in lines.values() for line in of_table)
    groups = [NoteGroup("notes-all", "Several tables", [line for line, count in uses.items() if count > 1])]
    for name, of_table in lines.items():
        groups.append(NoteGroup(f"notes-{name}", TABLES[name].title, [line for line in of_table if uses[line] == 1]))
    return [group for group in groups if group.lines]


def _lines(name: str, raw: pd.DataFrame, df: pd.DataFrame, published: Sequence[PublishedNumber]) -> list[str]:
    exploratory = name == "headline" and bool((raw["verdict"] == EXPLORATORY).all())
    lines = [_ABOUT_EXPLORATORY] if exploratory else [*TABLES[name].about]
    lines += selection_notes(df) if name == "main" else []
    lines += comparison_footnotes(df, published, raw) if name == "published" else []
    return lines + table_notes(name, raw)
