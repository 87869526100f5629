"""The sections of the page: each table with its heading, what it shows and what it cannot."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from suite.report.grouping import GROUP
from suite.report.page.overview import selection_notes
from suite.report.page.page_tables import PageTable
from suite.report.tables.contents import Tables, table_notes
from suite.report.tables.failures import format_failure_table
from suite.report.tables.headline import EXPLORATORY
from suite.report.tables.published_comparison import comparison_footnotes
from suite.report.tables.published_numbers import PublishedNumber
from suite.report.tables.text import describe_setting, shared_setting

ABOVE_FIGURES = ("headline", "main", "scores")
"""Names of the tables above the figures."""

_TITLES = {
    "headline": "Headline",
    "main": "Results",
    "scores": "Other test scores",
    "convergence": "Length of training",
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
_GROUP_COLUMNS = {
    "headline": ("benchmark", "preset", "device"),
    "convergence": ("benchmark",),
    "published": ("benchmark", "score", "whose"),
}
_HTML_IDS = {"main": "results"}
_LEADS = {
    "headline": "What the method that was named before the runs saves against the reference network, and whether its "
    "score is shown not to suffer.",
    "convergence": "Trainings of the reference network that differ in preset or number of epochs: whether twice the "
    "epochs would gain anything on validation data, and how the test score compares with the paper's training.",
    "scores": "Further scores from the same single reading of the test split. Networks are chosen on "
    "validation data alone.",
    "summary": "Methods over all benchmarks that ran them at the same budget.",
    "ablation": "Each changed setting against the method as it is.",
    "pairs": "Each method against DUCCIO with the same projection at the same budget: duccio_projected where it is "
    "refill, duccio where it is none. Where that did not run, and for methods that have no such option, against "
    "duccio_projected, or duccio where that did not run.",
    "pooled": "Each two methods over the budgets that both ran at, averaged within seeds.",
    "noninferiority": "Every method at every budget against the unconstrained reference network.",
    "hypervolume": "How much of the space between chance and a perfect score, and between the reference network's cost "
    "and nothing, the runs that fit dominate.",
    "published": "Published numbers are quoted, not measured again: data, recipe, length and number of seeds differ "
    "from ours, so a difference in score between the two kinds of rows says little about the methods.",
}
_EXPLORATORY_LEAD = (
    "No method was named before the runs: the largest reductions are listed, and claim nothing. An experiment that "
    "names one of them can test it."
)
_ABOUT_MAIN = (
    "Scores are means over seeds on the test split, which each run reads once for the float network.",
    "Costs are means in % of the reference network's; in parentheses in % of the target.",
    "The largest violation is that of the returned networks. The search violation is that of the networks at the last "
    "search epoch, before any choice of checkpoint or repair; methods without such an epoch have none.",
    "Methods that fit most often come first, then by score. Press a heading to sort the methods of each budget by it.",
)
_ABOUT_PUBLISHED = (
    "Primary: the authors' own text, code or files. Secondary: somebody's notes of it; single attributions may be "
    "wrong. Calculated: arithmetic on primary numbers. Measured: by us, with published weights or scores.",
    "Weights are at one byte each, 1 kB = 1024 B; parameters where the source counts these. A dash: not published. "
    "Files with all published numbers lie in published/ beside the experiment's folder.",
)
_ABOUT_COST = (
    "In full: as if each run had been the only one. Amortised: what runs share, such as a warm-up, is divided among "
    "the runs of this report that used it. The phases split the full cost.",
)


class Section(NamedTuple):
    """A table of the page under its heading, with a sentence before it and lines after it."""

    html_id: str
    title: str
    lead: str
    table: PageTable
    notes: tuple[str, ...]


def build_sections(df: pd.DataFrame, tables: Tables, published: Sequence[PublishedNumber]) -> dict[str, Section]:
    """Name -> section, in the order of `tables`; a table without a title here has its name as heading."""
    sections = {}
    for name, (raw, formatted) in tables.items():
        text = format_failure_table(raw, longest=None) if name == "failures" else formatted
        title = _TITLES.get(name, name.replace("_", " ").capitalize())
        lead = _LEADS.get(name, "")
        if name == "main" and (setting := describe_setting(shared_setting(raw))):
            lead = f"All rows: {setting}."
        if name == "headline" and (raw["verdict"] == EXPLORATORY).all():
            lead = _EXPLORATORY_LEAD
        table = PageTable.from_frame(name, text, _GROUP_COLUMNS.get(name, GROUP[:-1]))
        notes = (*_page_notes(name, raw, df, published), *table_notes(name, raw))
        sections[name] = Section(_HTML_IDS.get(name, name), title, lead, table, notes)
    return sections


def _page_notes(
    name: str, raw: pd.DataFrame, df: pd.DataFrame, published: Sequence[PublishedNumber]
) -> tuple[str, ...]:
    """What the page says of a table in addition to the table's own notes."""
    if name == "main":
        return (*_ABOUT_MAIN, *selection_notes(df))
    if name == "published":
        return (*comparison_footnotes(df, published, raw), *_ABOUT_PUBLISHED)
    return _ABOUT_COST if name == "cost" else ()
