"""The main table for a terminal."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from suite.records.verdict import BOARD_UNKNOWN
from suite.report.tables.extrapolation import extrapolation_note, mark_extrapolated
from suite.report.tables.main import limit_shares, main_table, rows_by_budget
from suite.report.tables.markup import MISSING
from suite.report.tables.text import describe_setting, format_interval, format_number, format_percent, shared_setting

_NUMBER_HEADINGS = (
    "test score\n[95%], float",
    "% of\ntarget",
    "fits\nbudget\nboard",
    "viol. %\n(search)",
    "standard\ntrainings",
)

_UNKNOWN = "?"


def console_table(df: pd.DataFrame, main: pd.DataFrame | None = None) -> Table:
    """The main table, `main` where it is at hand, for a terminal of 80 columns, with the costs that are budgeted.

    A budget is a row of its own above those of its methods: a column for it would leave too few for the numbers.
    """
    main = main_table(df) if main is None else main
    table = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.title, table.title_justify = Text(f"{describe_setting(shared_setting(main))}\n"), "left"
    table.add_column("budget\n  method", no_wrap=True)
    for heading in _NUMBER_HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for headings, rows in rows_by_budget(main):
        table.add_section()
        table.add_row(Text(_break_before("+", "\n".join(headings))))
        for row in rows:
            table.add_row(*(Text(cell) for cell in _format_row(row)))  # plain: brackets are numbers, not markup
    unknown = f"{_UNKNOWN} {BOARD_UNKNOWN}" if main["board_fits"].str.contains("unknown").any() else ""
    if notes := [note for note in (unknown, extrapolation_note(main)) if note]:
        table.caption, table.caption_justify = Text("\n".join(notes)), "left"
    return table


def _format_row(row: Mapping[Hashable, Any]) -> list[str]:
    shares = ((metric, f"{metric} {format_percent(share)}") for metric, share in limit_shares(row).items())
    int8 = f"\nint8 {format_number(row['int8_score'], 3)}" if row["int8_runs"] else ""
    return [
        _format_method(row),
        _break_before("[", format_interval(row["score"], row["score_low"], row["score_high"])) + int8,
        "\n".join(mark_extrapolated(text, metric, row["extrapolated"]) for metric, text in shares) or MISSING,
        _format_fits(row),
        _format_violations(row["max_violation"], row["max_search_violation"]),
        format_number(row["trainings"]),
    ]


def _format_method(row: Mapping[Hashable, Any]) -> str:
    """The method, below it each option that is not the default, and how many of its runs failed."""
    failed = f"\n{row['unfinished']} failed" if row["unfinished"] else ""
    lines = _break_before("(", str(row["method"])).replace(", ", ",\n") + failed
    return "  " + lines.replace("\n", "\n  ")


def _format_violations(returned: float, search: float) -> str:
    """The largest violation in %; below it in parentheses that of the last search epoch, where the method has one."""
    below = f"\n({format_percent(100 * search)})" if math.isfinite(search) else ""
    return format_percent(100 * returned) + below


def _format_fits(row: Mapping[Hashable, Any]) -> str:
    """The runs that fit their budget, and beside them those that fit the board."""
    budget = MISSING if not row["runs"] else "none" if row["budget"] == "none" else str(row["fits"])
    board, *unknown = str(row["board_fits"] or MISSING).replace("unknown", _UNKNOWN).split(", ")
    return "\n".join([f"{budget} {board}", *unknown])


def _break_before(mark: str, text: str) -> str:
    """The text with a new line instead of each space before `mark`."""
    return text.replace(f" {mark}", f"\n{mark}")
