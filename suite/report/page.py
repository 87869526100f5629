"""One self-contained HTML page: figures, data, styles and scripts inside, no outside address, no time stamp."""

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from suite.records.frame import GROUP
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.absent import absent_table
from suite.report.cards import cards, facts, fitting
from suite.report.contents import Tables, all_tables
from suite.report.markup import MISSING
from suite.report.order import natural
from suite.report.page_tables import Grid
from suite.report.parts import FIRST, parts
from suite.report.published import Published
from suite.report.run_pages import Column, decode, embed, run_data, shared
from suite.report.sheets import Picture
from suite.report.text import common, number, percent, words

_TEMPLATES = Path(__file__).parent / "templates"


class Image(NamedTuple):
    """A figure on the page: its picture, the PNG as base64, and its width and height in pixels."""

    picture: Picture
    data: str
    width: int
    height: int

    @classmethod
    def of(cls, picture: Picture, png: bytes) -> "Image":
        """The size stands in the PNG's first chunk; with it the page does not jump while images load."""
        width, height = struct.unpack(">II", png[16:24])
        return cls(picture, base64.b64encode(png).decode(), width, height)


def render_page(
    records: Sequence[RunRecord],
    df: pd.DataFrame,
    figures: Iterable[tuple[Picture, bytes]],
    published: Sequence[Published],
    store: Store,
    tables: Tables | None = None,
) -> str:
    """The page for `records`, whose frame is `df`, with `figures` as pairs of picture and PNG.

    Predictions, histories, architectures and runs without a record are read from `store`; `tables` are its `all_tables`
    where these are at hand. The page names files beside it (`figures/`, `tables/`, `../runs/`) for those who want them,
    and shows everything without them.
    """
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    tables = all_tables(df, store, published) if tables is None else tables
    found = parts(df, tables, published)
    data = run_data(records, df, store)
    absent = absent_table(store, set(df["id"]))
    headline = tables["headline"][0] if "headline" in tables else pd.DataFrame({"benchmark": []})
    return environment.get_template("page.html.j2").render(
        experiment=store.experiment,
        cards=cards(df, absent, headline),
        facts=facts(df),
        fitting=fitting(df),
        first=[found[name] for name in FIRST if name in found],
        parts=[part for name, part in found.items() if name not in (*FIRST, "failures")],
        failures=found.get("failures"),
        absent=Grid.of("absent", absent),
        runs=Grid.of("runs", _runs(df, decode(data["columns"]["settings"], len(df)))),
        finished=bool(((df["status"] == "done") & df["score"].notna()).any()),
        figures=[Image.of(picture, png) for picture, png in figures],
        machines=_distinct(data["environment"]),
        settings=shared(data["config"]),
        detailed=data["detailed"],
        data=embed(data),
    )


def _breakable(text: str) -> Markup:
    """A name that may be broken after its underscores, where else a narrow screen would cut through a word."""
    return escape(text).replace("_", Markup("_<wbr>"))


def _runs(df: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """Every run, whatever became of it."""
    same = common(df)
    keys = [key for key in GROUP if key not in same]
    done = df["status"] == "done"
    out = df[["id", *keys, "seed", "status"]].astype(str)
    out["fits"] = ["yes" if fits else "no" for fits in df["feasible"]]
    out.loc[~done, "fits"] = MISSING
    out["test score"] = [number(v, 4) for v in df["score"]]
    names = sorted(set(df["selection_name"]) - {""})
    if len(names) > 1:
        out["validation by"] = [words(name) or MISSING for name in df["selection_name"]]
    out[f"validation {words(names[0])}" if len(names) == 1 else "validation"] = [
        number(v, 4) for v in df["validation_score"]
    ]
    out["largest violation, %"] = [percent(100 * v) for v in df["max_violation"]]
    return out.assign(settings=[told or MISSING for told in settings]) if any(settings) else out


def _distinct(environment: Mapping[str, Column]) -> dict[str, str]:
    """Key -> its different values in all runs, without keys that no run has a value for."""
    found = {}
    for key, column in environment.items():
        values = column if isinstance(column, list) else column.get("of", [column.get("all")])
        if known := {str(value) for value in values if value not in (None, "null")}:
            found[key] = "; ".join(sorted(known, key=natural))
    return found
