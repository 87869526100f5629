"""The blocks of the page: a benchmark's tables and figures, and what is about several benchmarks."""

import base64
import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import GROUP, natural_key
from suite.report.tables.contents import Tables
from suite.report.tables.markup import MISSING, is_numeric
from suite.report.tables.notes import TABLES
from suite.report.tables.text import describe_setting, shared_setting

_NAMED_KINDS = ("budget", "method", "id", "error")
_LONGEST_WORD = 32
"""Characters from which on a cell counts as running text."""

RowGroup = tuple[str, list[list[str]]]
"""A title, or "" for none, and rows of text."""


@dataclass(frozen=True)
class PageTable:
    """A table as the template sees it: headings with the kind of their columns, rows in groups, and their number."""

    columns: list[tuple[str, str]]
    groups: list[RowGroup]
    size: int

    @classmethod
    def from_frame(cls, table: pd.DataFrame, group_by: Sequence[str] = ()) -> "PageTable":
        """The text of `table`; rows that agree in the columns `group_by` stand together under these."""
        titled = [column for column in group_by if column in table.columns]
        rest = [column for column in table.columns if column not in titled]
        groups: dict[str, list[list[str]]] = {}
        for title, row in zip(table[titled].to_numpy().tolist(), table[rest].to_numpy().tolist(), strict=True):
            groups.setdefault(", ".join(map(str, title)), []).append([str(cell) for cell in row])
        columns = [(str(c), _column_kind(str(c), [str(v) for v in table[c]])) for c in rest]
        return cls(columns, list(groups.items()), len(table))


def without_empty_columns(table: pd.DataFrame) -> pd.DataFrame:
    """A table of text without the columns that have nothing but dashes."""
    return table.loc[:, [bool((table[column] != MISSING).any()) for column in table]]


def _column_kind(column: str, cells: Sequence[str]) -> str:
    """How a column is set: by its name, else as numbers, short words or running text by what it holds."""
    if column in _NAMED_KINDS:
        return column
    if is_numeric(cells):
        return "number"
    return "text" if any(len(cell) > _LONGEST_WORD for cell in cells) else "word"


class EmbeddedImage(NamedTuple):
    """A figure on the page: its texts, `caption` shortened, the PNG as base64, and its width and height in pixels."""

    figure: RenderedFigure
    caption: str
    base64: str
    width: int
    height: int


def embed_images(figures: Iterable[RenderedFigure]) -> list[EmbeddedImage]:
    """The figures in order; of a caption only the sentences that no earlier figure with the same heading has."""
    said: dict[str, set[str]] = defaultdict(set)
    images = []
    for figure in figures:
        sentences = re.split(r"(?<=\.) ", figure.caption)
        caption = " ".join(s for s in sentences if s not in said[figure.heading])
        said[figure.heading].update(sentences)
        png = figure.content["png"]
        # The size stands in the PNG's first chunk; with it the page does not jump while images load.
        width, height = struct.unpack(">II", png[16:24])
        images.append(EmbeddedImage(figure, caption, base64.b64encode(png).decode(), width, height))
    return images


_ABOVE_FIGURES = ("main", "headline", "scores")
_NOT_IN_BLOCKS = ("failures",)
_GROUP_COLUMNS = {"headline": ("preset", "device"), "convergence": (), "published": ("score", "whose")}
"""Name of a table -> the columns whose values are titles of its rows; preset, device and budget for others."""


class TableSection(NamedTuple):
    """A table under its heading; its `name` is that of its files."""

    html_id: str
    name: str
    title: str
    table: PageTable


class Block(NamedTuple):
    """A benchmark, or all of them: what is said of its runs alone, tables, figures, and further tables.

    `several_settings`: its figures are not all of one preset and device.
    """

    html_id: str
    title: str
    lead: str
    first: list[TableSection]
    images: list[EmbeddedImage]
    several_settings: bool
    further: list[TableSection]


def build_blocks(df: pd.DataFrame, tables: Tables, images: Sequence[EmbeddedImage]) -> list[Block]:
    """A block a benchmark, by name, and one of what belongs to no single one where there is any."""
    benchmarks = sorted((str(name) for name in df["benchmark"].unique()), key=natural_key)
    blocks = []
    for benchmark in (*benchmarks, ""):
        title, sections = benchmark or "all benchmarks", list(_sections(tables, benchmark))
        first = [section for section in sections if section.name in _ABOVE_FIGURES]
        further = [section for section in sections if section.name not in _ABOVE_FIGURES]
        shown = [image for image in images if image.figure.setting[:1] == ((benchmark,) if benchmark else ())]
        several = len({image.figure.setting for image in shown}) > 1
        lead = _lead(df, benchmark) if benchmark else ""
        blocks.append(Block(title.replace(" ", "-"), title, lead, first, shown, several, further))
    return [block for block in blocks if block.first or block.images or block.further]


def _sections(tables: Tables, benchmark: str) -> Iterator[TableSection]:
    """The rows of a benchmark of each table that has such rows, without what they share; "": tables without any."""
    for name, (raw, text) in tables.items():
        if name in _NOT_IN_BLOCKS or ("benchmark" in raw) != bool(benchmark):
            continue
        chosen = (raw["benchmark"] == benchmark).to_numpy() if benchmark else slice(None)
        if len(rows := text[chosen]):
            shown = without_empty_columns(rows.drop(columns=[*shared_setting(raw[chosen])], errors="ignore"))
            html_id = f"{benchmark}-{name}" if benchmark else name
            table = PageTable.from_frame(shown, _GROUP_COLUMNS.get(name, GROUP[:-1]))
            yield TableSection(html_id, name, TABLES[name].title, table)


def _lead(df: pd.DataFrame, benchmark: str) -> str:
    """What all runs of the benchmark share and not all runs of the page, and what its data was."""
    runs = df[df["benchmark"] == benchmark]
    own = {k: v for k, v in shared_setting(runs).items() if k not in shared_setting(df) and k != "benchmark"}
    notes = sorted({str(note) for note in runs["data_note"]} - {""})
    sentences = [f"All runs: {describe_setting(own)}."] if own else []
    return " ".join([*sentences, *([f"Data: {'; '.join(notes)}."] if notes else [])])
