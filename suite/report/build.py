"""From an experiment's records to a folder of tables, figures and one page; never trains, never downloads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from suite import SuiteError, did_you_mean
from suite.data.files import write_atomic
from suite.records.deployment import Deployed
from suite.records.deployments import read_deployments
from suite.records.export import export_frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.catalogue import KINDS, plan_figures
from suite.report.figures.drawing import ENCODERS, EncodedFigure, draw_figures
from suite.report.figures.format import DEFAULT_FORMAT, FigureFormat
from suite.report.grouping import report_frame
from suite.report.page.page import render_page
from suite.report.tables.contents import Tables, build_tables
from suite.report.tables.markup import to_csv, to_latex, to_markdown
from suite.report.tables.notes import paper_notes, table_notes
from suite.report.tables.paper import to_paper_latex
from suite.report.tables.published_comparison import comparison_footnotes
from suite.report.tables.published_numbers import PUBLISHED_FOLDER, PublishedNumber, load_published_numbers
from suite.report.tables.text import describe_setting, shared_setting

FORMATS = {"tables": ("csv", "md", "tex"), "figures": tuple(ENCODERS), "page": ()}
"""Kinds of output and the formats that each can have."""

_DEFAULT_FORMATS = {"tables": ("csv", "md", "tex"), "figures": ("png", "pdf")}


@dataclass(frozen=True)
class ReportRequest:
    """What to write of a report: `kinds` of output, `formats` by kind, `figures` by kind (none: all), and `form`, the
    width and the type of figures.
    """

    kinds: tuple[str, ...]
    formats: Mapping[str, tuple[str, ...]]
    figures: tuple[str, ...] = ()
    form: FigureFormat = DEFAULT_FORMAT

    @classmethod
    def from_options(
        cls,
        only: Sequence[str] = (),
        formats: Sequence[str] = (),
        figures: Sequence[str] = (),
        width: str = "",
        font: str = "",
    ) -> "ReportRequest":
        """Everything in its default formats, or as the options of the command line say.

        A format is that of the kind that has it; a kind of which none is named keeps its defaults. Kinds of figures, a
        width and a font stand for figures alone.

        Raises:
            SuiteError: an unknown kind, format, width or font, or options that do not go together.
        """
        form = FigureFormat.from_options(width, font)
        check_choices("--only", only, list(FORMATS))
        check_choices("--figure", figures, list(KINDS))
        options = {"--figure": ",".join(figures), "--width": width, "--font": font}
        about_figures = next((f"{option} {value}" for option, value in options.items() if value), "")
        if about_figures and (others := [kind for kind in only if kind != "figures"]):
            raise SuiteError(f"{about_figures} is about figures alone: leave out --only {','.join(others)}")
        kinds = tuple(kind for kind in FORMATS if kind in (only or (["figures"] if about_figures else FORMATS)))
        check_choices("--format", formats, [name for kind in kinds for name in FORMATS[kind]])
        chosen = {k: tuple(f for f in FORMATS[k] if f in formats) or usual for k, usual in _DEFAULT_FORMATS.items()}
        return cls(kinds, chosen, tuple(dict.fromkeys(figures)), form)


def check_choices(option: str, given: Sequence[str], choices: Sequence[str]) -> None:
    """Refuse what was given to an option and is not among its choices, which the error lists."""
    if unknown := [name for name in given if name not in choices]:
        listed = ", ".join(choices) or "none for this output"
        hint = did_you_mean(unknown[0], choices)
        raise SuiteError(f"{option} {','.join(unknown)}: choices are {listed}{f'. {hint}' if hint else ''}")


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
            broken = "".join(f"; left out {path}: {reason}" for _, path, reason in store.broken()[:3])
            raise SuiteError(f"{store.folder}: no records to report on{broken}")
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
        same records and published numbers give the same bytes. Files whose table or figure is no more are removed.

        Raises:
            SuiteError: the records have no data for a kind of figure that is asked for, or a file cannot be written.
        """
        folder = self.store.folder / "report"
        try:
            if "tables" in request.kinds:
                files = self._encode_tables(request.formats["tables"])
                _write_files(folder / "tables", files)
                _remove_others(folder / "tables", {"runs", *self.tables})
            figures = self._write_figures(request, folder) if {"figures", "page"} & set(request.kinds) else []
            return self._write_page(figures, folder) if "page" in request.kinds else folder
        except OSError as error:
            raise SuiteError(f"{error.filename or self.store.folder}: cannot be written ({error.strerror})") from error

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
            _write_files(folder / "figures", files)
            if not request.figures:
                _remove_others(folder / "figures", {figure.name for figure in planned})
        return drawn

    def _write_page(self, drawn: Sequence[EncodedFigure], folder: Path) -> Path:
        images = [(figure, content["png"]) for figure, content in drawn]
        text = render_page(self.records, self.df, images, self.published, self.store, self.tables)
        write_atomic(folder / "index.html", text.encode())
        return folder / "index.html"


def build_report(store: Store, request: ReportRequest | None = None) -> Path:
    """Write a store's report, all of it or what `request` asks for; see `Report.load` and `Report.write`."""
    return Report.load(store).write(request or ReportRequest.from_options())


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        write_atomic(folder / name, content)


def _remove_others(folder: Path, shown: Collection[str]) -> None:
    """Remove the files of tables or figures that are not `shown` any more, whatever their format."""
    for path in folder.glob("*"):
        if path.stem not in shown:
            path.unlink()
