"""From an experiment's records to a folder of tables, figures and one page; never trains, never downloads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.deployment import Deployed, read_deployments
from suite.records.export import export_frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.catalogue import plan_figures
from suite.report.figures.drawing import ENCODERS, draw_figures
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import report_frame
from suite.report.page.page import render_page
from suite.report.tables.contents import Tables, build_tables
from suite.report.tables.markup import to_csv, to_latex, to_markdown
from suite.report.tables.notes import paper_notes, table_notes
from suite.report.tables.paper import to_paper_latex
from suite.report.tables.published_comparison import PublishedNumber, comparison_footnotes, load_published_numbers
from suite.report.tables.text import describe_setting, shared_setting

_TABLES, _FIGURES, _PAGE = ("csv", "md", "tex"), tuple(ENCODERS), "html"
FORMATS = (*_TABLES, *_FIGURES, _PAGE)
"""Formats of tables, of figures, and the page."""


@dataclass(frozen=True)
class Report:
    """What an experiment's records say: `df` is their `report_frame`, `published` the numbers of others beside them;
    `deployments` are the runs whose int8 network was measured.
    """

    store: Store
    records: Sequence[RunRecord]
    deployments: Mapping[str, Deployed]
    df: pd.DataFrame
    published: Sequence[PublishedNumber]

    @classmethod
    def load(cls, store: Store) -> "Report":
        """Read the store's runs, and published numbers from the folder `published` beside it, if it is there.

        Raises:
            SuiteError: the experiment has no records that can be read.
        """
        records = store.records()
        if not records:
            broken = "".join(f"; left out {path}: {reason}" for _, path, reason, _ in store.broken()[:3])
            raise SuiteError(f"{store.folder}: no records to report on{broken}")
        deployments = read_deployments(store, [record.id for record in records])
        published = load_published_numbers(store.root)
        return cls(store, records, deployments, report_frame(records, deployments), published)

    @cached_property
    def tables(self) -> Tables:
        """`build_tables`, called once for files, page and terminal."""
        return build_tables(self.df, self.store, self.published)

    def write(
        self, formats: Sequence[str] = FORMATS, figures: Sequence[str] = (), form: FigureFormat = DEFAULT_FORMAT
    ) -> Path:
        """Write what is asked for to results/<experiment>/report/; return the path of the page, or else of the folder.

        Files: `index.html`, `tables/` (CSV with raw numbers, Markdown and LaTeX with rounded ones) and `figures/`. The
        same records and published numbers give the same bytes. Files whose table or figure is no more are removed.

        Args:
            formats: those of `FORMATS` to write; files of others stay as they are.
            figures: kinds of figures; none: all.
            form: width and type of figures.

        Raises:
            SuiteError: the records have no data for a kind of figure that is asked for, or a file cannot be written.
        """
        folder = self.store.folder / "report"
        if set(_TABLES) & set(formats):
            _write_files(folder / "tables", self._encode_tables(formats))
            _remove_others(folder / "tables", _TABLES, {"runs", *self.tables})
        drawn = self._write_figures(formats, figures, form) if {*_FIGURES, _PAGE} & set(formats) else []
        if _PAGE not in formats:
            return folder
        page = render_page(self.records, self.df, drawn, self.published, self.store, self.tables)
        write_atomic(folder / "index.html", page.encode())
        return folder / "index.html"

    def _encode_tables(self, formats: Sequence[str]) -> dict[str, bytes]:
        """File name -> content, `runs.csv` with all runs among them."""
        files = {"runs.csv": to_csv(export_frame(self.records, self.deployments))} if "csv" in formats else {}
        for name, (raw, text) in self.tables.items():
            heading, notes = describe_setting(shared_setting(raw)), table_notes(name, raw)
            if name == "published":
                notes = [*comparison_footnotes(self.df, self.published, raw), *notes]
            if "csv" in formats:
                files[f"{name}.csv"] = to_csv(raw)
            if "md" in formats:
                files[f"{name}.md"] = to_markdown(text, heading, notes)
            if "tex" in formats:
                latex = to_latex(text, heading, notes)
                files[f"{name}.tex"] = to_paper_latex(raw, heading, paper_notes(raw)) if name == "main" else latex
        return {name: content.encode() for name, content in files.items()}

    def _write_figures(self, formats: Sequence[str], kinds: Sequence[str], form: FigureFormat) -> list[RenderedFigure]:
        """Draw the figures, as PNG for a page too, and write those that are asked for as files."""
        planned = plan_figures(self.df, self.store, form, kinds)
        if missing := set(kinds) - {figure.kind for figure in planned}:
            raise SuiteError(f"--figure {','.join(sorted(missing))}: these records have no data for it")
        needed = {*formats, "png"} if _PAGE in formats else formats
        drawn = draw_figures(planned, [name for name in _FIGURES if name in needed])
        written = [name for name in _FIGURES if name in formats]
        folder = self.store.folder / "report" / "figures"
        _write_files(folder, {f"{f.name}.{suffix}": f.content[suffix] for f in drawn for suffix in written})
        if written and not kinds:
            _remove_others(folder, _FIGURES, {figure.name for figure in planned})
        return drawn


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write_atomic(folder / name, content)


def _remove_others(folder: Path, formats: Sequence[str], shown: Collection[str]) -> None:
    """Remove the files of tables or figures, those of these `formats`, that are not `shown` any more."""
    for path in folder.glob("*"):
        if path.suffix[1:] in formats and path.stem not in shown:
            path.unlink()
