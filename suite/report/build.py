"""From a store to a folder of tables, figures and one page; never trains, never downloads."""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from suite import SuiteError
from suite.data.files import write_atomic
from suite.records.store import Store
from suite.report.contents import Tables, all_tables, notes
from suite.report.drawing import WRITERS, draw_all
from suite.report.figures import Plot, plots
from suite.report.markup import MISSING, to_csv, to_latex, to_markdown
from suite.report.page import render_page
from suite.report.published import FOLDER, Published, footnotes, load_published
from suite.report.reading import read_runs
from suite.report.style import page_format
from suite.report.tables import main_table
from suite.report.text import common, interval, number, percent, sentence

FORMATS = {"tables": ("csv", "md", "tex"), "figures": tuple(WRITERS), "page": ()}
"""Kinds of output and the formats that each can have."""

_USUAL = {"tables": ("csv", "md", "tex"), "figures": ("png", "pdf")}
_PAPER = "paper"


@dataclass(frozen=True)
class Wanted:
    """What to write of a report: `kinds` of output, `formats` by kind, `figures` by name (none: all), their `style`."""

    kinds: tuple[str, ...]
    formats: Mapping[str, tuple[str, ...]]
    figures: tuple[str, ...] = ()
    style: str = _PAPER

    @classmethod
    def of(
        cls, only: Sequence[str] = (), formats: Sequence[str] = (), figures: Sequence[str] = (), style: str = _PAPER
    ) -> "Wanted":
        """Everything in its usual formats, or as the arguments say.

        A format is that of the kind that has it; a kind of which none is named keeps its usual ones. Names of figures,
        and a style other than paper, stand for figures alone.

        Raises:
            SuiteError: a kind, format or style that there is not, or that does not go with the others.
        """
        page_format(style)
        _check("--only", only, list(FORMATS))
        figures_alone = [f"--figure {figures[0]}"] if figures else [f"--style {style}"] if style != _PAPER else []
        if figures_alone and (others := [kind for kind in only if kind != "figures"]):
            raise SuiteError(f"{figures_alone[0]} is about figures alone: leave out --only {','.join(others)}")
        kinds = tuple(kind for kind in FORMATS if kind in (only or (["figures"] if figures_alone else FORMATS)))
        _check("--format", formats, [name for kind in kinds for name in FORMATS[kind]])
        chosen = {k: tuple(f for f in FORMATS[k] if f in formats) or usual for k, usual in _USUAL.items()}
        return cls(kinds, chosen, tuple(dict.fromkeys(figures)), style)


def _check(option: str, given: Sequence[str], choices: Sequence[str]) -> None:
    if unknown := [name for name in given if name not in choices]:
        raise SuiteError(f"{option} {','.join(unknown)}: choices are {', '.join(choices) or 'none for this output'}")


@dataclass(frozen=True)
class Report:
    """What a store's records say: `df` is their frame, `published` the numbers of others beside them."""

    store: Store
    df: pd.DataFrame
    published: Sequence[Published]

    @classmethod
    def of(cls, store: Store) -> "Report":
        """Read the store's runs, and published numbers from the folder `published` beside it, if it is there.

        Raises:
            SuiteError: the experiment has no records; see `read_runs`.
        """
        return cls(store, read_runs(store), load_published(store.root / FOLDER))

    @cached_property
    def tables(self) -> Tables:
        """`all_tables`, made once for files, page and terminal."""
        return all_tables(self.df, self.store, self.published)

    def plots(self, style: str = _PAPER) -> list[Plot]:
        """The figures that can be drawn, by name; none is drawn yet."""
        return plots(self.df, self.store, style)

    def write(self, wanted: Wanted) -> Path:
        """Write what is wanted to results/<experiment>/report/; the page's path, or the folder's where there is none.

        Files: `index.html`, `tables/` (CSV with raw numbers, Markdown and LaTeX with rounded ones) and `figures/`, or
        `slides/` for those of that style. The same records and published numbers give the same bytes. Of the kinds that
        are written, files whose table or figure is no more are removed, unless single figures are asked for.

        Raises:
            SuiteError: a figure's name that there is not, or a file that cannot be written.
        """
        try:
            return self._write(wanted)
        except OSError as error:
            raise SuiteError(f"{error.filename or self.store.folder}: cannot be written ({error.strerror})") from error

    def _write(self, wanted: Wanted) -> Path:
        folder = self.store.folder / "report"
        if "tables" in wanted.kinds:
            files = self._table_files(wanted.formats["tables"])
            _replace(folder / "tables", files, {"runs", *self.tables}, FORMATS["tables"])
        if not {"figures", "page"} & set(wanted.kinds):
            return folder
        # The page has the figures in it as PNG.
        shown = ("png",) if "page" in wanted.kinds else ()
        written = wanted.formats["figures"] if "figures" in wanted.kinds else ()
        found = plots(self.df, self.store, wanted.style, wanted.figures)
        if missing := set(wanted.figures) - {plot.name for plot in found}:
            _check("--figure", sorted(missing), [plot.name for plot in self.plots(wanted.style)])
        drawn = draw_all(found, tuple(dict.fromkeys((*shown, *written))))
        if "figures" in wanted.kinds:
            files = {f"{d.picture.name}.{name}": d.files[name] for d in drawn for name in written}
            place = folder / ("figures" if wanted.style == _PAPER else wanted.style)
            _replace(place, files, {plot.name for plot in found}, () if wanted.figures else FORMATS["figures"])
        if "page" not in wanted.kinds:
            return folder
        images = [(d.picture, d.files["png"]) for d in drawn]
        text = render_page(self.store.records(), self.df, images, self.published, self.store, self.tables)
        write_atomic(folder / "index.html", text.encode())
        return folder / "index.html"

    def _table_files(self, formats: Sequence[str]) -> dict[str, bytes]:
        """File name -> content, `runs.csv` with all runs among them."""
        files = {"runs.csv": to_csv(self.df)} if "csv" in formats else {}
        for name, (raw, rounded) in self.tables.items():
            note, foot = sentence(common(raw)), list(notes(name))
            if name == "published":
                foot = [*footnotes(self.df, self.published, raw), *foot]
            if "csv" in formats:
                files[f"{name}.csv"] = to_csv(raw)
            for suffix, written in (("md", to_markdown), ("tex", to_latex)):
                if suffix in formats:
                    files[f"{name}.{suffix}"] = written(rounded, note, foot)
        return {name: text.encode() for name, text in files.items()}


def build_report(store: Store, wanted: Wanted | None = None) -> Path:
    """Write a store's report, all of it or what is `wanted`; see `Report.of` and `Report.write`."""
    return Report.of(store).write(wanted or Wanted.of())


def _replace(folder: Path, files: Mapping[str, bytes], shown: Collection[str], suffixes: Sequence[str]) -> None:
    """Write `files`, and remove those of `suffixes` whose table or figure is not among the `shown` any more.

    A file of another format than those that are written stays as long as what it shows is still there.
    """
    for name, content in files.items():
        write_atomic(folder / name, content)
    for suffix in suffixes:
        for old in folder.glob(f"*.{suffix}"):
            if old.stem not in shown:
                old.unlink()


def console_table(df: pd.DataFrame, main: pd.DataFrame | None = None) -> Table:
    """The main table, `main` where it is at hand, for a terminal of 110 columns, with the costs that are budgeted."""
    main = main_table(df) if main is None else main
    shared = common(main)
    keys = [key for key in ("benchmark", "preset", "device") if key not in shared]
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=Text(sentence(shared)), title_justify="left")
    table.add_column("budget", no_wrap=True)
    table.add_column("method", overflow="fold", min_width=14)
    for heading in (
        "test score\n[95%]",
        "% of\ntarget",
        "fits",
        "largest\nviol. %",
        "search\nviol. %",
        "standard\ntrainings",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    before = ""
    for row in main.to_dict("records"):
        place = "\n".join([*(str(row[key]) for key in keys), str(row["budget"]).replace(" + ", "\n+ ")])
        if before and place != before:
            table.add_section()
        cells = ["" if place == before else place, *_console_cells(row)]
        table.add_row(*(Text(cell) for cell in cells))  # plain: "[guarantee=off]" is a name, not markup
        before = place
    return table


def _console_cells(row: Mapping[Hashable, Any]) -> list[str]:
    used = {str(key).removeprefix("target_percent/"): v for key, v in row.items() if str(key).startswith("target_")}
    return [
        str(row["method"]),
        interval(row["score"], row["score_low"], row["score_high"]),
        "\n".join(f"{metric} {percent(v)}" for metric, v in used.items() if math.isfinite(v)) or MISSING,
        (str(row["fits"]) if row["runs"] else MISSING) + (f"\n{row['unfinished']} failed" if row["unfinished"] else ""),
        percent(100 * row["max_violation"]),
        percent(100 * row["max_search_violation"]),
        number(row["trainings"]),
    ]
