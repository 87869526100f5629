"""Tables as CSV, Markdown and LaTeX."""

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

MISSING = "\u2013"
"""What stands where there is no number."""

_NUMBER = re.compile(r"[<>+-]?\d[\d.,]*(e[+-]?\d+)?(?!\w)")
_LONGEST_NUMBER = 32
"""Characters of a number with its bounds or unit; a longer cell is a text that begins with a number."""

_MARKDOWN = str.maketrans({"<": "&lt;", ">": "&gt;", "\n": " ", **{c: "\\" + c for c in "\\|*_"}})

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    MISSING: "--",
    **{c: "\\" + c for c in "&%$#_{}"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\u2026": r"\ldots{}",
    "\u00b5": r"$\mu$",
    "\u03bc": r"$\mu$",
    "\u00d7": r"$\times$",
    "\u00b1": r"$\pm$",
    "\u00b0": r"$^\circ$",
    "\u2264": r"$\leq$",
    "\u2265": r"$\geq$",
    "\u2212": "-",
}


def is_numeric(cells: Sequence[str]) -> bool:
    """Whether the cells of a column are numbers, with their bounds or units: "0.84 [0.80, 0.90]", "3/3", "18.9 kB"."""
    filled = [cell for cell in cells if cell not in ("", MISSING)]
    return all(_NUMBER.match(cell) and len(cell) <= _LONGEST_NUMBER for cell in filled)


def to_csv(table: pd.DataFrame) -> str:
    """Raw numbers at full precision."""
    return table.to_csv(index=False, lineterminator="\n")


def to_markdown(table: pd.DataFrame, note: str = "", foot: Sequence[str] = ()) -> str:
    """A table of text as GitHub's Markdown, under a line with `note` and above a list with `foot`."""
    lines = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    body = "".join("| " + " | ".join(str(c).translate(_MARKDOWN) for c in line) + " |\n" for line in lines)
    notes = "".join(f"- {line.translate(_MARKDOWN)}\n" for line in foot)
    return (f"{note}\n\n" if note else "") + body + (f"\n{notes}" if notes else "")


def to_latex(table: pd.DataFrame, note: str = "", foot: Sequence[str] = ()) -> str:
    """A table of text as a `tabular` for the package booktabs; `note` is a comment above it, `foot` lines below.

    It needs no other package, and no fonts but those of pdflatex.
    """
    sides = "".join("r" if is_numeric([str(cell) for cell in table[column]]) else "l" for column in table.columns)
    head, *rows = (_latex_row([str(c) for c in line]) for line in [list(table.columns), *table.to_numpy().tolist()])
    start = rf"\begin{{tabular}}{{{sides}}}"
    lines = [start, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return join_latex(lines, note, foot)


def join_latex(lines: Sequence[str], note: str, foot: Sequence[str]) -> str:
    """A table's lines below `note` as a comment and above `foot` as lines of text."""
    comment = [f"% {note}".replace("\n", " ")] if note else []
    notes = [rf"\par{{\footnotesize {latex_text(line)}}}" for line in foot]
    return "\n".join([*comment, *lines, *notes]) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    row = " & ".join(map(latex_text, cells)) + r" \\"
    # After the line above, these two would be an argument of its end.
    return "{}" + row if row.startswith(("[", "*")) else row


def latex_text(text: str) -> str:
    """The text with LaTeX's special characters escaped, of characters that pdflatex has."""
    return "".join(_LATEX.get(c) or _latex_character(c) for c in text)


def _latex_character(c: str) -> str:
    """A character that pdflatex has: an error's text may have any, and one that is unknown stops it."""
    if c.isascii():
        return c if c.isprintable() else " "
    plain = unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode()
    return plain or "?"
