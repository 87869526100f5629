"""From an experiment's records to a folder of tables, figures and one page; never trains, never downloads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.archive import ARCHIVE_NAME
from suite.records.deployment import Deployed
from suite.records.deployments import read_deployments
from suite.records.export import export_frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.catalogue import plan_figures
from suite.report.figures.drawing import EncodedFigure, draw_figures
from suite.report.grouping import report_frame
from suite.report.page.page import render_page
from suite.report.request import FORMATS, ReportRequest
from suite.report.tables.contents import Tables, build_tables, paper_notes, table_notes
from suite.report.tables.markup import to_csv, to_latex, to_markdown
from suite.report.tables.paper import to_paper_latex
from suite.report.tables.published_comparison import comparison_footnotes
from suite.report.tables.published_numbers import PUBLISHED_FOLDER, PublishedNumber, load_published_numbers
from suite.report.tables.text import describe_setting, shared_setting


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
            SuiteError: the experiment has no records; the text names its folder and the experiments that have some.
        """
        records = store.records()
        if not records:
            raise SuiteError(_no_records_message(store))
        deployments = read_deployments(store, [record.id for record in records])
        published = load_published_numbers(store.root / PUBLISHED_FOLDER)
        return cls(store, records, deployments, report_frame(records, deployments), published)

    @cached_property
    def tables(self) -> Tables:
        """`build_tables`, called once for files, page and terminal."""
        return build_tables(self.df, self.store, self.published)

    def write(self, request: ReportRequest) -> Path:
        """Write what is asked for to results/<experiment>/report/; return the path of the page, or else of the folder.

        Files: `index.html`, `tables/` (CSV with raw numbers, Markdown and LaTeX with rounded ones) and `figures/`. The
        same records and published numbers give the same bytes. Of the kinds that are written, files whose table or
        figure is no more are removed.

        Raises:
            SuiteError: the records have no data for a kind of figure that is asked for, or a file cannot be written.
        """
        folder = self.store.folder / "report"
        if "tables" in request.kinds:
            files = self._encode_tables(request.formats["tables"])
            _replace_files(folder / "tables", files, {"runs", *self.tables}, FORMATS["tables"], ("",))
        figures = self._write_figures(request, folder) if {"figures", "page"} & set(request.kinds) else []
        return self._write_page(figures, folder) if "page" in request.kinds else folder

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
                paper = name == "main"
                files[f"{name}.tex"] = (
                    to_paper_latex(raw, heading, paper_notes(raw)) if paper else to_latex(text, heading, notes)
                )
        return {name: content.encode() for name, content in files.items()}

    def _write_figures(self, request: ReportRequest, folder: Path) -> list[EncodedFigure]:
        """Draw the figures, as PNG for a page too, and write those that are asked for as files."""
        for_page = ("png",) if "page" in request.kinds else ()
        formats = request.formats["figures"] if "figures" in request.kinds else ()
        planned = plan_figures(self.df, self.store, request.form, request.figures)
        if missing := set(request.figures) - {figure.kind for figure in planned}:
            raise SuiteError(f"--figure {','.join(sorted(missing))}: these records have no data for it")
        drawn = draw_figures(planned, tuple(dict.fromkeys((*for_page, *formats))))
        if "figures" in request.kinds:
            files = {f"{figure.name}.{suffix}": content[suffix] for figure, content in drawn for suffix in formats}
            names = {figure.name for figure in planned}
            _replace_files(folder / "figures", files, names, FORMATS["figures"], request.figures or ("",))
        return drawn

    def _write_page(self, drawn: Sequence[EncodedFigure], folder: Path) -> Path:
        images = [(figure, content["png"]) for figure, content in drawn]
        text = render_page(self.records, self.df, images, self.published, self.store, self.tables)
        write_atomic(folder / "index.html", text.encode())
        return folder / "index.html"


def build_report(store: Store, request: ReportRequest | None = None) -> Path:
    """Write a store's report, all of it or what `request` asks for; see `Report.load` and `Report.write`."""
    return Report.load(store).write(request or ReportRequest.from_options())


def _no_records_message(store: Store) -> str:
    broken = "".join(f"; left out {path}: {reason}" for _, path, reason, _ in store.broken()[:3])
    recorded = {path.parents[2].name for path in store.root.glob("*/runs/*/record.json")}
    recorded |= {path.parent.name for path in store.root.glob(f"*/{ARCHIVE_NAME}")}
    others = "" if broken else f". Experiments with records: {', '.join(sorted(recorded)) or 'none'}"
    return f"{store.folder}: no records to report on{broken}{others}"


def _replace_files(
    folder: Path, files: Mapping[str, bytes], shown: Collection[str], suffixes: Sequence[str], kinds: Sequence[str]
) -> None:
    """Write `files`, and remove those of `suffixes` and `kinds` (how their names begin) that are not `shown` any more.

    A file of another format than those that are written stays as long as what it shows is still there.
    """
    for name, content in files.items():
        write_atomic(folder / name, content)
    for path in folder.glob("*"):
        if path.suffix[1:] in suffixes and path.stem.startswith(tuple(kinds)) and path.stem not in shown:
            path.unlink()
