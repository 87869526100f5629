"""The main table as LaTeX for one of IEEE's two columns: the rows and numbers of the forest plot."""

import math
import textwrap
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from suite.report.tables.main import limit_shares, rows_by_budget
from suite.report.tables.markup import MISSING, join_latex, latex_text
from suite.report.tables.text import format_number, format_percent, format_significant

COLUMN_POINTS = 252.0
"""Width of an IEEE column in points, 3.5 inches of 72 points."""

FONT_POINTS, GAP_POINTS = 8.0, 3.0
"""Size of LaTeX's footnotesize, and half of the space between two columns."""

_LINE = 54
"""Characters of a line over all columns."""

HEADS = ("method", "score", "fits", r"limits, \%", "cost")

_Row = dict[Hashable, Any]


def to_paper_latex(main: pd.DataFrame, note: str = "", foot: Sequence[str] = ()) -> str:
    """`main_table` as a `tabular` for booktabs in footnotesize, no wider than `COLUMN_POINTS`.

    Budgets are headings across the columns, and so are the options in which a method differs from its default, below
    its name. `note` is a comment above the table, `foot` lines below it.
    """
    lines = [
        rf"{{\footnotesize\setlength{{\tabcolsep}}{{{GAP_POINTS:g}pt}}",
        r"\begin{tabular}{@{}lcrrr@{}}",
        r"\toprule",
        " & ".join(HEADS) + r" \\",
    ]
    for headings, rows in rows_by_budget(main):
        lines += [r"\midrule", *_across(", ".join(headings), r"\textit")]
        best = _best_score(rows)
        for row in rows:
            options = ", ".join(f"{option}={value}" for option, value in row["method"].variant)
            lines += [" & ".join(_cells(row, row["score"] == best)) + r" \\", *_across(options, r"\quad")]
    return join_latex([*lines, r"\bottomrule", r"\end{tabular}\par}"], note, foot)


def _across(text: str, command: str) -> list[str]:
    """The text over all columns, in as many lines as it needs."""
    lines = textwrap.wrap(text, _LINE)
    return [rf"\multicolumn{{{len(HEADS)}}}{{@{{}}l@{{}}}}{{{command}{{{latex_text(line)}}}}} \\" for line in lines]


def _cells(row: _Row, bold: bool) -> list[str]:
    score = format_number(row["score"], 3)
    score = rf"\textbf{{{score}}}" if bold else score.replace(MISSING, "--")
    if math.isfinite(row["score_low"]):
        score += rf" $\pm$ {row['score'] - row['score_low']:.3f}"
    cost = format_significant(row["trainings"]).replace(MISSING, "--")
    return [latex_text(row["method"].method), score, _fits(row), _limits(row), cost]


def _best_score(rows: Sequence[_Row]) -> float:
    """The largest mean score of the rows of which every run fits; NaN where none does."""
    fitting = [row["score"] for row in rows if row["runs"] and row["fits"] == f"{row['runs']}/{row['runs']}"]
    return max(fitting, default=math.nan)


def _fits(row: _Row) -> str:
    board = str(row["board_fits"]).split(",")[0]
    exceeds = "/" in board and len(set(board.split("/"))) > 1
    fits = "--" if row["budget"] == "none" or not row["runs"] else str(row["fits"])
    return fits + (f" ({board})" if exceeds else "")


def _limits(row: _Row) -> str:
    """Mean use of each limit in %: "99.5 / 91.6", in whole numbers where there are more than two."""
    used = limit_shares(row)
    named = [part.split()[0] for part in str(row["budget"]).split(" + ")]
    shares = [used[m] for m in sorted(used, key=lambda m: named.index(m) if m in named else len(named))]
    return " / ".join(format_percent(share) if len(shares) < 3 else f"{share:.0f}" for share in shares) or "--"
