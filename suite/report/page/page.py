"""One self-contained HTML page: figures, data, styles and scripts inside, no outside address, no time stamp."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.figures.pages import RenderedFigure
from suite.report.grouping import GROUP, natural_key
from suite.report.page.blocks import PageTable, build_blocks, embed_images, without_empty_columns
from suite.report.page.notes import collect_notes, describe_experiment
from suite.report.page.run_data import Column, collect_run_data, embed_json, shared_options
from suite.report.tables.contents import Tables, build_tables
from suite.report.tables.failures import absent_runs_table, format_failure_table
from suite.report.tables.findings import find
from suite.report.tables.markup import MISSING
from suite.report.tables.published_comparison import PublishedNumber
from suite.report.tables.text import format_number, format_percent, score_label, shared_setting

_TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    records: Sequence[RunRecord],
    df: pd.DataFrame,
    figures: Iterable[RenderedFigure],
    published: Sequence[PublishedNumber],
    store: Store,
    tables: Tables | None = None,
) -> str:
    """The page for `records`, whose frame is `df`, with the PNG of `figures`.

    Predictions, histories, architectures and runs without a record are read from `store`; `tables` are its
    `build_tables` where these are at hand. The page of a single run is about that run alone, without tables and
    figures. The page names files beside it (`figures/`, `tables/`, `../runs/`) for those who want them, and shows
    everything without them.
    """
    data = collect_run_data(records, df, store)
    absent = absent_runs_table(store, set(df["id"]))
    single = len(df) == 1 and absent.empty
    context: dict[str, Any] = {"experiment": store.experiment, "single": single, "data": embed_json(data)}
    if not single:
        tables = build_tables(df, store, published) if tables is None else tables
        failed = format_failure_table(tables["failures"].raw, longest=None) if "failures" in tables else None
        context |= {
            "findings": find(df),
            "facts": describe_experiment(df, absent),
            "finished": bool(((df["status"] == "done") & df["score"].notna()).any()),
            "blocks": build_blocks(df, tables, embed_images(figures)),
            "failures": None if failed is None else PageTable.from_frame(failed, GROUP[:-1]),
            "absent": PageTable.from_frame(absent),
            "notes": collect_notes(df, tables, published),
            **_settings(df, data),
        }
    return _environment().get_template("page.html.j2").render(context)


def _settings(df: pd.DataFrame, data: Mapping[str, Any]) -> dict[str, Any]:
    """The table of all runs, and machine and settings: what differs between runs, and what all of them share."""
    machine = _distinct_values(data["environment"])
    shared = {key: values[0] for key, values in machine.items() if len(values) == 1}
    return {
        "runs": PageTable.from_frame(_run_table(df)),
        "detailed": data["detailed"],
        "differing": {key: "; ".join(values) for key, values in machine.items() if len(values) > 1},
        "shared": shared | shared_options(data["config"]),
    }


def _environment() -> Environment:
    """Jinja with our templates; every text is escaped, and an unknown name is an error."""
    loader = FileSystemLoader(_TEMPLATES)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["breakable"] = _break_after_underscores
    return environment


def _break_after_underscores(text: str) -> Markup:
    """A name that may be broken after its underscores, where else a narrow screen would cut through a word."""
    return escape(text).replace("_", Markup("_<wbr>"))


def _run_table(df: pd.DataFrame) -> pd.DataFrame:
    """Every run, finished or not."""
    same = shared_setting(df)
    keys = [key for key in GROUP if key not in same]
    out = df[["id", *keys, "seed", "status"]].astype(str)
    out["verdict"] = [text or MISSING for text in df["verdict"]]
    out["float test score"] = [format_number(v, 4) for v in df["score"]]
    out["int8 test score"] = [format_number(v, 4) for v in df["int8/score"]]
    names = sorted(set(df["selection_name"]) - {""})
    if len(names) > 1:
        out["validation by"] = [score_label(name) or MISSING for name in df["selection_name"]]
    out[f"validation {score_label(names[0])}" if len(names) == 1 else "validation"] = [
        format_number(v, 4) for v in df["validation_score"]
    ]
    out["largest violation, %"] = [format_percent(100 * v) for v in df["max_violation"]]
    out["latency"] = ["extrapolated" if text else MISSING for text in df["extrapolated"]]
    return without_empty_columns(out)


def _distinct_values(environment: Mapping[str, Column]) -> dict[str, list[str]]:
    """Key -> its different values in all runs, without keys that no run has a value for."""
    distinct = {}
    for key, column in environment.items():
        values = column if isinstance(column, list) else column.get("of", [column.get("all")])
        if known := {str(value) for value in values if value not in (None, "null")}:
            distinct[key] = sorted(known, key=natural_key)
    return distinct
