"""The main table for a terminal."""

import math
from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from suite.records.verdict import BOARD_UNKNOWN
from suite.report.grouping import SETTING
from suite.report.tables.extrapolation import extrapolation_note, mark_extrapolated
from suite.report.tables.main import main_table
from suite.report.tables.markup import MISSING
from suite.report.tables.text import (
    describe_setting,
    format_interval,
    format_number,
    format_percent,
    shared_setting,
)

_NUMBER_HEADINGS = (
    "test score\n[95%], float",
    "% of\ntarget",
    "fits\nbudget",
    "fits\nboard",
    "viol. %\n(search)",
    "standard\ntrainings",
)


_UNKNOWN = "?"


def console_table(df: pd.DataFrame, main: pd.DataFrame | None = None) -> Table:
    """The main table, `main` where it is at hand, for a terminal of 110 columns, with the costs that are budgeted."""
    main = main_table(df) if main is None else main
    shared = shared_setting(main)
    keys = [key for key in SETTING if key not in shared]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(describe_setting(shared)), title_justify="left")
    table.add_column("budget", no_wrap=True)
    table.add_column("method", overflow="fold", min_width=14)
    for heading in _NUMBER_HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    previous = ""
    for row in main.to_dict("records"):
        budget = "\n".join([*(str(row[key]) for key in keys), str(row["budget"]).replace(" + ", "\n+ ")])
        if previous and budget != previous:
            table.add_section()
        cells = ["" if budget == previous else budget, *_format_row(row)]
        table.add_row(*(Text(cell) for cell in cells))  # plain: "[guarantee=off]" is a name, not markup
        previous = budget
    unknown = f"{_UNKNOWN} {BOARD_UNKNOWN}" if main["board_fits"].str.contains("unknown").any() else ""
    if notes := [note for note in (unknown, extrapolation_note(main)) if note]:
        table.caption, table.caption_justify = Text("\n".join(notes)), "left"
    return table


def _format_row(row: Mapping[Hashable, Any]) -> list[str]:
    used = {str(key).removeprefix("target_percent/"): v for key, v in row.items() if str(key).startswith("target_")}
    int8 = f"\nint8 {format_number(row['int8_score'], 3)}" if row["int8_runs"] else ""
    return [
        str(row["method"]),
        format_interval(row["score"], row["score_low"], row["score_high"]) + int8,
        "\n".join(_format_share(metric, v, row["extrapolated"]) for metric, v in used.items() if math.isfinite(v))
        or MISSING,
        _format_fits(row),
        str(row["board_fits"]).replace("unknown", _UNKNOWN).replace(", ", "\n") or MISSING,
        _format_violations(row["max_violation"], row["max_search_violation"]),
        format_number(row["trainings"]),
    ]


def _format_share(metric: str, percent: float, reasons: str) -> str:
    return mark_extrapolated([f"{metric} {format_percent(percent)}"], metric, [reasons])[0]


def _format_violations(returned: float, search: float) -> str:
    """The largest violation in %, and in parentheses that of the last search epoch, where the method has one."""
    beside = f" ({format_percent(100 * search)})" if math.isfinite(search) else ""
    return format_percent(100 * returned) + beside


def _format_fits(row: Mapping[Hashable, Any]) -> str:
    """The runs that fit their budget, and those that failed."""
    fits = MISSING if not row["runs"] else "none" if row["budget"] == "none" else str(row["fits"])
    return fits + (f"\n{row['unfinished']} failed" if row["unfinished"] else "")
