"""One self-contained HTML page: figures, data, styles and scripts inside, no outside address, no time stamp."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import GROUP, SETTING, natural_key
from suite.report.page.overview import count_fitting_runs, describe_experiment, headline_numbers
from suite.report.page.page_tables import PageTable
from suite.report.page.run_data import Column, collect_run_data, decode_column, embed_json, shared_options
from suite.report.page.sections import ABOVE_FIGURES, build_sections
from suite.report.tables.absent_runs import absent_runs_table
from suite.report.tables.contents import Tables, build_tables
from suite.report.tables.findings import find
from suite.report.tables.markup import MISSING
from suite.report.tables.published_numbers import PublishedNumber
from suite.report.tables.text import format_number, format_percent, score_label, shared_setting

_TEMPLATES = Path(__file__).parent / "templates"


class EmbeddedImage(NamedTuple):
    """A figure on the page: its texts, the PNG as base64, and its width and height in pixels."""

    figure: RenderedFigure
    base64: str
    width: int
    height: int

    @classmethod
    def from_png(cls, figure: RenderedFigure, png: bytes) -> "EmbeddedImage":
        """The size stands in the PNG's first chunk; with it the page does not jump while images load."""
        width, height = struct.unpack(">II", png[16:24])
        return cls(figure, base64.b64encode(png).decode(), width, height)


def render_page(
    records: Sequence[RunRecord],
    df: pd.DataFrame,
    figures: Iterable[tuple[RenderedFigure, bytes]],
    published: Sequence[PublishedNumber],
    store: Store,
    tables: Tables | None = None,
) -> str:
    """The page for `records`, whose frame is `df`, with `figures` as pairs of texts and PNG.

    Predictions, histories, architectures and runs without a record are read from `store`; `tables` are its
    `build_tables` where these are at hand. The page names files beside it (`figures/`, `tables/`, `../runs/`) for those
    who want them, and shows everything without them.
    """
    tables = build_tables(df, store, published) if tables is None else tables
    sections = build_sections(df, tables, published)
    data = collect_run_data(records, df, store)
    absent = absent_runs_table(store, set(df["id"]))
    headline = tables["headline"].raw if "headline" in tables else pd.DataFrame(columns=SETTING)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            experiment=store.experiment,
            headline_numbers=headline_numbers(df, absent, headline),
            facts=describe_experiment(df),
            findings=find(df),
            fitting_runs=count_fitting_runs(df),
            sections_above=[sections[name] for name in ABOVE_FIGURES if name in sections],
            sections_below=[s for name, s in sections.items() if name not in (*ABOVE_FIGURES, "failures")],
            failures=sections.get("failures"),
            absent=PageTable.from_frame("absent", absent),
            runs=PageTable.from_frame("runs", _run_table(df, decode_column(data["columns"]["settings"], len(df)))),
            finished=bool(((df["status"] == "done") & df["score"].notna()).any()),
            images=[EmbeddedImage.from_png(figure, png) for figure, png in figures],
            machines=_distinct_values(data["environment"]),
            settings=shared_options(data["config"]),
            detailed=data["detailed"],
            data=embed_json(data),
        )
    )


def _environment() -> Environment:
    """Jinja with our templates; every text is escaped, and an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _break_after_underscores
    return environment


def _break_after_underscores(text: str) -> Markup:
    """A name that may be broken after its underscores, where else a narrow screen would cut through a word."""
    return escape(text).replace("_", Markup("_<wbr>"))


def _run_table(df: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """Every run, finished or not, with the `settings` in which it differs from others."""
    same = shared_setting(df)
    keys = [key for key in GROUP if key not in same]
    out = df[["id", *keys, "seed", "status"]].astype(str)
    out["verdict"] = [text or MISSING for text in df["verdict"]]
    out["float test score"] = [format_number(v, 4) for v in df["score"]]
    if df["int8/score"].notna().any():
        out["int8 test score"] = [format_number(v, 4) for v in df["int8/score"]]
    names = sorted(set(df["selection_name"]) - {""})
    if len(names) > 1:
        out["validation by"] = [score_label(name) or MISSING for name in df["selection_name"]]
    out[f"validation {score_label(names[0])}" if len(names) == 1 else "validation"] = [
        format_number(v, 4) for v in df["validation_score"]
    ]
    out["largest violation, %"] = [format_percent(100 * v) for v in df["max_violation"]]
    if (df["extrapolated"] != "").any():
        out["latency"] = ["extrapolated" if text else MISSING for text in df["extrapolated"]]
    return out.assign(settings=[text or MISSING for text in settings]) if any(settings) else out


def _distinct_values(environment: Mapping[str, Column]) -> dict[str, str]:
    """Key -> its different values in all runs, without keys that no run has a value for."""
    distinct = {}
    for key, column in environment.items():
        values = column if isinstance(column, list) else column.get("of", [column.get("all")])
        if known := {str(value) for value in values if value not in (None, "null")}:
            distinct[key] = "; ".join(sorted(known, key=natural_key))
    return distinct
