"""From a store to a folder of tables, figures and one page; never trains, never downloads."""

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from suite.errors import SuiteError
from suite.files import write_atomic
from suite.report.figures import pictures
from suite.report.frame import frame
from suite.report.page import render_page
from suite.report.published import FOLDER, Published, beside_table, footnotes, load_published
from suite.report.style import pdf, png
from suite.report.tables import cost_table, failure_table, main_table, score_table
from suite.report.text import (
    MISSING,
    common,
    interval,
    number,
    percent,
    readable_beside,
    readable_cost,
    readable_failures,
    readable_main,
    readable_scores,
    sentence,
    to_csv,
    to_latex,
    to_markdown,
)
from suite.store import Store


def build_report(store: Store) -> Path:
    """Write results/<experiment>/report/ from the stored records and return the page's path.

    Files: `index.html`, `tables/` (CSV with raw numbers, Markdown and LaTeX with rounded ones) and `figures/`
    (PNG and PDF). Published numbers come from the folder `published` beside the experiment's, if it is there. The
    same records and published numbers give the same bytes; tables and figures of an earlier report that this one
    has not are removed.

    Raises: SuiteError: the experiment has no records; the text names its folder and the experiments that have
    some.
    """
    records = store.records()
    if not records:
        raise SuiteError(f"{store.folder}: no records to report on. Experiments with records: {_experiments(store)}")
    df = frame(records)
    published = load_published(store.root / FOLDER)
    files = _tables(df, published)
    drawn = [(picture, png(picture.figure)) for picture in pictures(df)]
    for picture, image in drawn:
        files[f"figures/{picture.name}.png"] = image
        files[f"figures/{picture.name}.pdf"] = pdf(picture.figure)
    folder = store.folder / "report"
    for name, content in files.items():
        write_atomic(folder / name, content)
    for pattern in ("tables/*.csv", "tables/*.md", "tables/*.tex", "figures/*.png", "figures/*.pdf"):
        for old in folder.glob(pattern):
            if old.relative_to(folder).as_posix() not in files:
                old.unlink()
    page = folder / "index.html"
    write_atomic(page, render_page(records, df, drawn, published).encode())
    return page


def console_table(df: pd.DataFrame) -> Table:
    """The main table for a terminal of at least 110 columns, with the costs that are budgeted."""
    main = main_table(df)
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


def _tables(df: pd.DataFrame, published: Sequence[Published]) -> dict[str, bytes]:
    """File name -> content; tables that would be empty are left out, the first two excepted."""
    main, cost, failures = main_table(df), cost_table(df), failure_table(df)
    scores, beside = score_table(df), beside_table(df, published)
    readable = {"main": (main, readable_main(main)), "cost": (cost, readable_cost(cost))}
    if len(scores):
        readable["scores"] = (scores, readable_scores(scores))
    if len(beside):
        readable["published"] = (beside, readable_beside(beside))
    if len(failures):
        readable["failures"] = (failures, readable_failures(failures))
    feet = {"published": footnotes(df, published, beside)}
    files = {"tables/runs.csv": to_csv(df)}
    for name, (raw, rounded) in readable.items():
        note = sentence(common(raw))
        files[f"tables/{name}.csv"] = to_csv(raw)
        files[f"tables/{name}.md"] = to_markdown(rounded, note, feet.get(name, ()))
        files[f"tables/{name}.tex"] = to_latex(rounded, note, feet.get(name, ()))
    return {name: text.encode() for name, text in files.items()}


def _experiments(store: Store) -> str:
    found = {path.parents[2].name for path in store.root.glob("*/runs/*/record.json")}
    return ", ".join(sorted(found)) or "none"
