"""The page's parts: each table with its heading, what it shows and what it cannot."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from suite.records.frame import GROUP
from suite.report.cards import chosen_by
from suite.report.contents import Tables, notes
from suite.report.page_tables import Grid
from suite.report.published import Published, footnotes
from suite.report.text import common, readable_failures, sentence

FIRST = ("headline", "main", "scores")
"""Tables above the figures."""

_TITLES = {
    "headline": "Headline",
    "main": "Results",
    "scores": "Other test scores",
    "summary": "Over all benchmarks",
    "ablation": "Ablation",
    "pairs": "Methods in pairs",
    "pooled": "Methods in pairs, over all budgets",
    "noninferiority": "Non-inferiority",
    "hypervolume": "Hypervolume",
    "published": "Ours beside published numbers",
    "cost": "Search cost",
    "failures": "Runs that failed",
}
_ABOVE = {"headline": ("benchmark", "preset", "device"), "published": ("benchmark", "score", "whose")}
_LEADS = {
    "headline": "The largest reduction of each cost against the unconstrained seed network whose score is shown to be "
    "non-inferior, and larger ones for which that is not shown.",
    "scores": "Further scores from the same single reading of the test split. Networks are chosen on "
    "validation data alone.",
    "summary": "Methods over all benchmarks that ran them at the same budget.",
    "ablation": "Each changed setting against the method as it is.",
    "pairs": "Each method against one reference at the same budget.",
    "pooled": "Each two methods over the budgets that both ran at, paired by budget and seed.",
    "noninferiority": "Every method at every budget against the unconstrained seed network.",
    "hypervolume": "How much of the space between chance and a perfect score, and between the seed network's cost and "
    "nothing, the runs that fit dominate.",
    "published": "Published numbers are quoted, not measured again: data, recipe, length and number of seeds differ "
    "from ours, so a difference in score between the two kinds of rows says little about the methods.",
}
_MAIN = (
    "Scores are means over seeds on the test split, which each run reads once. In brackets the 95 % bootstrap "
    "interval.",
    "Costs are means in % of the seed network's; in parentheses in % of the target. A run fits when no exact cost is "
    "over its target.",
    "The largest violation is that of the returned networks. The search violation is that of the networks at the last "
    "search epoch, before any choice of checkpoint or repair; methods without such an epoch have none.",
    "One standard training is one training of the seed network, in MACs x samples.",
    "Methods that fit most often come first, then by score. Press a heading to sort the methods of each budget by it.",
)
_TARGET = (
    "The target is MLPerf Tiny's for the benchmark; a mean score meets it or not, whether or not the networks fit."
)
_PUBLISHED = (
    "Primary: the authors' own text, code or files. Secondary: somebody's notes of it; single attributions may be "
    "wrong. Calculated: arithmetic on primary numbers. Measured: by us, with published weights or scores.",
    "Weights are at one byte each, 1 kB = 1024 B; parameters where the source counts these. A dash: not published. "
    "Files with all published numbers lie in published/ beside the experiment's folder.",
)
_COST = (
    "In full: as if each run had been the only one. Amortised: what runs share, such as a warm-up, is divided among "
    "the runs of this report that used it. The phases split the full cost.",
)


class Part(NamedTuple):
    """A table of the page under its heading, with a sentence before it and lines after it."""

    anchor: str
    title: str
    lead: str
    grid: Grid
    notes: tuple[str, ...]


def parts(df: pd.DataFrame, tables: Tables, published: Sequence[Published]) -> dict[str, Part]:
    """Name -> part, in the order of `tables`; a table that this module does not know has its name as heading."""
    found = {}
    for name, (raw, readable) in tables.items():
        text = readable_failures(raw, longest=None) if name == "failures" else readable
        above = _ABOVE.get(name, GROUP[:-1])
        title = _TITLES.get(name, name.replace("_", " ").capitalize())
        lines = (*_own_notes(name, raw, df, published), *notes(name))
        lead = _LEADS.get(name, "")
        if name == "main" and (same := sentence(common(raw))):
            lead = f"All rows: {same}."
        found[name] = Part(_anchor(name), title, lead, Grid.of(name, text, above), lines)
    return found


def _anchor(name: str) -> str:
    return {"main": "results"}.get(name, name)


def _own_notes(name: str, raw: pd.DataFrame, df: pd.DataFrame, published: Sequence[Published]) -> tuple[str, ...]:
    """What the page says of a table in addition to the table's own foot."""
    if name == "main":
        targets = (_TARGET,) if raw["quality_target"].notna().any() else ()
        return (*_MAIN, *targets, *chosen_by(df))
    if name == "published":
        return (*footnotes(df, published, raw), *_PUBLISHED)
    return _COST if name == "cost" else ()
