"""What the page says of its tables, each sentence once however many tables it is about."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from suite.report.page.overview import selection_notes
from suite.report.tables.contents import Tables, table_notes
from suite.report.tables.headline import EXPLORATORY
from suite.report.tables.published_comparison import comparison_footnotes
from suite.report.tables.published_numbers import PublishedNumber

TITLES = {
    "headline": "Headline",
    "main": "Results",
    "scores": "Other test scores",
    "convergence": "Length of training",
    "ablation": "Ablation",
    "pairs": "Methods in pairs",
    "pooled": "Methods in pairs, over all budgets",
    "noninferiority": "Non-inferiority",
    "hypervolume": "Hypervolume",
    "published": "Ours beside published numbers",
    "cost": "Search cost",
    "failures": "Runs that failed",
}
"""Name of a table -> its heading on the page."""

_ABOUT = {
    "headline": (
        "What the method that was named before the runs saves against the reference network, and whether its score is "
        "shown not to suffer.",
    ),
    "main": (
        "Scores are means over seeds on the test split, which each run reads once for the float network.",
        "Costs are means in % of the reference network's; in parentheses in % of the target.",
        "The largest violation is that of the returned networks. The search violation is that of the networks at the "
        "last search epoch, before any choice of checkpoint or repair; methods without such an epoch have none.",
        "Methods that fit most often come first, then by score. Press a heading to sort the methods of each budget.",
    ),
    "convergence": (
        "Trainings of the reference network that differ in preset or number of epochs: whether twice the epochs would "
        "gain anything on validation data, and how the test score compares with the paper's training.",
    ),
    "scores": (
        "Further scores from the same single reading of the test split. Networks are chosen on validation data alone.",
    ),
    "ablation": ("Each changed setting against the method as it is.",),
    "pairs": (
        "Each method against DUCCIO with the same projection at the same budget: duccio_projected where it is refill, "
        "duccio where it is none. Where that did not run, and for methods that have no such option, against "
        "duccio_projected, or duccio where that did not run.",
    ),
    "pooled": ("Each two methods over the budgets that both ran at, averaged within seeds.",),
    "noninferiority": ("Every method at every budget against the unconstrained reference network.",),
    "hypervolume": (
        "How much of the space between chance and a perfect score, and between the reference network's cost and "
        "nothing, the runs that fit dominate.",
    ),
    "published": (
        "Published numbers are quoted, not measured again: data, recipe, length and number of seeds differ from ours, "
        "so a difference in score between the two kinds of rows says little about the methods.",
        "Primary: the authors' own text, code or files. Secondary: somebody's notes of it; single attributions may be "
        "wrong. Calculated: arithmetic on primary numbers. Measured: by us, with published weights or scores.",
        "Weights are at one byte each, 1 kB = 1024 B; parameters where the source counts these. A dash: not published. "
        "Files with all published numbers lie in published/ beside the experiment's folder.",
    ),
    "cost": (
        "In full: as if each run had been the only one. Amortised: what runs share, such as a warm-up, is divided "
        "among the runs of this report that used it. The phases split the full cost.",
    ),
}
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
        groups.append(NoteGroup(f"notes-{name}", title_of(name), [line for line in of_table if uses[line] == 1]))
    return [group for group in groups if group.lines]


def title_of(name: str) -> str:
    """The heading of a table."""
    return TITLES.get(name, name.replace("_", " ").capitalize())


def _lines(name: str, raw: pd.DataFrame, df: pd.DataFrame, published: Sequence[PublishedNumber]) -> list[str]:
    exploratory = name == "headline" and bool((raw["verdict"] == EXPLORATORY).all())
    lines = [_ABOUT_EXPLORATORY] if exploratory else [*_ABOUT.get(name, ())]
    lines += selection_notes(df) if name == "main" else []
    lines += comparison_footnotes(df, published, raw) if name == "published" else []
    return lines + table_notes(name, raw)
