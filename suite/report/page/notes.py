"""What the page says of its tables, each sentence once however many tables it is about."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from suite.report.grouping import natural_key
from suite.report.tables.contents import Tables
from suite.report.tables.notes import TABLES, table_notes
from suite.report.tables.published_comparison import PublishedNumber, comparison_footnotes
from suite.report.tables.text import score_label


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
    lines = [*TABLES[name].about]
    lines += selection_notes(df) if name == "main" else []
    lines += comparison_footnotes(df, published, raw) if name == "published" else []
    return lines + table_notes(name, raw)


def describe_experiment(df: pd.DataFrame, absent: pd.DataFrame) -> list[tuple[str, str]]:
    """What was compared, as heading and text, and how many of all planned runs finished; `absent` have no record."""
    headings = {"benchmark": "Benchmark", "budget": "Budget", "method": "Method", "device": "Device"}
    facts = []
    for column, heading in (headings | {"preset": "Preset", "seed": "Random seed"}).items():
        values = sorted({str(value) for value in df[column].unique()}, key=natural_key)
        facts.append((heading + ("s" if len(values) > 1 else ""), "; ".join(values)))
    finished = int((df["status"] == "done").sum())
    return [*facts, ("Finished runs", f"{finished} of {len(df) + len(absent)}")]


def selection_notes(df: pd.DataFrame) -> list[str]:
    """A sentence for each benchmark whose networks are chosen by something other than the test score."""
    named = df.loc[df["selection_name"] != "", ["benchmark", "selection_name", "score_name"]].drop_duplicates()
    rows = [(str(row[0]), *(score_label(str(name)) for name in row[1:])) for row in named.to_numpy().tolist()]
    return [
        f"Networks of {benchmark} are chosen by {chosen} on validation data, not by {score}; better is higher."
        for benchmark, chosen, score in sorted(rows)
        if chosen != score
    ]
