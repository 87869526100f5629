"""What is said of each table, from notes.toml: its title, what it shows, and how little few seeds can prove."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from suite.report.grouping import base_preset
from suite.report.statistics.intervals import FEWEST_PAIRS
from suite.report.statistics.noninferiority import MARGIN
from suite.report.statistics.training_lengths import LEAST_PERCENT, LEAST_POINTS
from suite.report.tables.extrapolation import extrapolation_note
from suite.report.tables.hypervolume import FEWEST_BUDGETS

DEVELOPMENT_PRESETS = ("smoke", "brief", "short")
"""Presets whose trainings were never shown to be converged."""

VALUES = {
    "margin": f"{100 * MARGIN:g}",
    "fewest_pairs": FEWEST_PAIRS,
    "fewest_budgets": FEWEST_BUDGETS,
    "least_points": f"{LEAST_POINTS:g}",
    "least_percent": f"{LEAST_PERCENT:g}",
}
"""What the texts call by name."""

_TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class TableKind(NamedTuple):
    """A table's `title` and what it is `about`, on the page, and names of the notes `below` it in every format.

    conclusive: whether one would conclude something about methods or recipes from it.
    rows: what its tests are corrected for.
    """

    title: str
    about: Sequence[str] = ()
    below: Sequence[str] = ()
    conclusive: bool = False
    rows: str = ""


TABLES = {name: TableKind(**node) for name, node in _TEXTS["tables"].items()}
"""Name of a table -> what is said of it; "paper" is the main table of a paper."""


def table_notes(name: str, raw: pd.DataFrame) -> list[str]:
    """The lines below a table: those of its kind, and what its numbers call for."""
    kind, notes = TABLES[name], _TEXTS["notes"]
    lines = [notes[note].format(**VALUES, rows=kind.rows) for note in kind.below]
    if kind.conclusive and (short := sorted({*map(base_preset, raw["preset"])} & {*DEVELOPMENT_PRESETS})):
        lines.insert(0, notes["development"].format(presets=", ".join(short)))
    if "quality_target" in raw and raw["quality_target"].notna().any():
        lines.append(notes["target"])
    if any(str(column).endswith("/energy") and raw[column].notna().any() for column in raw.columns):
        lines.append(notes["energy"])
    return [line for line in (*lines, extrapolation_note(raw)) if line]


def paper_notes(main: pd.DataFrame) -> list[str]:
    """The lines below the main table of a paper, which has fewer columns."""
    return table_notes("paper", main.filter(regex="^(?!reference_percent/|quality_target)"))
