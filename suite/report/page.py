"""One self-contained HTML page: figures and styles inside, no outside address, no time stamp."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from suite.record import RunRecord
from suite.report.frame import GROUP, flatten
from suite.report.published import Published, beside_table, footnotes
from suite.report.sheets import Picture
from suite.report.tables import cost_table, failure_table, main_table, natural, score_table
from suite.report.text import (
    MISSING,
    common,
    number,
    percent,
    readable_beside,
    readable_cost,
    readable_failures,
    readable_main,
    readable_scores,
    sentence,
    words,
)

_TEMPLATES = Path(__file__).parent / "templates"
_UNTOLD = {"_target_", "name", "version"}


@dataclass(frozen=True)
class Grid:
    """A table as the template sees it: headings, and rows of text in groups that have a title or none."""

    columns: list[str]
    groups: list[tuple[str, list[list[str]]]]

    @classmethod
    def of(cls, table: pd.DataFrame, title: Sequence[str] = ()) -> "Grid":
        """The text of `table`; rows that agree in the columns `title` stand together under these."""
        place = [column for column in title if column in table.columns]
        rest = [column for column in table.columns if column not in place]
        groups: dict[str, list[list[str]]] = {}
        for named, row in zip(table[place].to_numpy().tolist(), table[rest].to_numpy().tolist(), strict=True):
            groups.setdefault(", ".join(map(str, named)), []).append([str(cell) for cell in row])
        return cls([str(column) for column in rest], list(groups.items()))

    @property
    def size(self) -> int:
        """Number of rows."""
        return sum(len(rows) for _, rows in self.groups)


def render_page(
    records: Sequence[RunRecord],
    df: pd.DataFrame,
    figures: Iterable[tuple[Picture, bytes]],
    published: Sequence[Published] = (),
) -> str:
    """The page for `records`, whose frame is `df`, with `figures` as pairs of picture and PNG."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    main, beside = main_table(df), beside_table(df, published)
    return environment.get_template("page.html.j2").render(
        experiment=str(df["experiment"].iloc[0]),
        facts=_facts(df),
        fitting=_fitting(df),
        where=sentence(common(main)),
        notes=_notes(df),
        main=Grid.of(readable_main(main), GROUP[:-1]),
        targets=bool(main["quality_target"].notna().any()),
        scores=Grid.of(readable_scores(score_table(df)), GROUP[:-1]),
        beside=Grid.of(readable_beside(beside), ("benchmark", "score", "whose")),
        footnotes=footnotes(df, published, beside),
        selection=_selection(df),
        cost=Grid.of(readable_cost(cost_table(df)), GROUP[:-1]),
        failures=Grid.of(readable_failures(failure_table(df), longest=None)),
        runs=Grid.of(_runs(df, _settings(records))),
        figures=[(picture, base64.b64encode(png).decode()) for picture, png in figures],
        machines=_distinct([flatten(r.environment) for r in records]),
        settings=_shared(records),
    )


def _facts(df: pd.DataFrame) -> list[tuple[str, str]]:
    """What was compared, as heading and text."""
    done, total = int((df["status"] == "done").sum()), len(df)
    facts = [
        (heading, ", ".join(sorted((str(v) for v in df[column].unique()), key=natural)))
        for heading, column in (
            ("Benchmarks", "benchmark"),
            ("Methods", "method"),
            ("Target devices", "device"),
            ("Presets", "preset"),
            ("Seeds", "seed"),
        )
    ]
    budgets = "; ".join(sorted(df["budget"].unique(), key=natural))
    left = f", {total - done} failed or interrupted" if done < total else ""
    return [*facts, ("Budgets", budgets), ("Runs", f"{done} finished{left}")]


def _fitting(df: pd.DataFrame) -> list[tuple[str, int, int]]:
    """Method, runs that meet every constraint, finished runs; the most reliable first. Presets are kept apart."""
    limited = df[(df["status"] == "done") & (df["budget"] != "none")]
    names = limited["method"]
    if df["preset"].nunique() > 1:
        names = names + " (preset " + limited["preset"] + ")"
    counts = limited.groupby(names)["feasible"].agg(["sum", "size"])
    rows = [
        (str(method), int(fit), int(size)) for method, (fit, size) in zip(counts.index, counts.to_numpy(), strict=True)
    ]
    return sorted(rows, key=lambda row: (-row[1] / row[2], row[0]))


def _notes(df: pd.DataFrame) -> list[tuple[str, str]]:
    """Benchmark and what its data was."""
    told = df.loc[df["data_note"] != "", ["benchmark", "data_note"]].drop_duplicates()
    return sorted((str(benchmark), str(note)) for benchmark, note in told.to_numpy().tolist())


def _selection(df: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Benchmark, what its networks are chosen by on validation data and its test score, where these differ."""
    told = df.loc[df["selection_name"] != "", ["benchmark", "selection_name", "score_name"]].drop_duplicates()
    rows = sorted((str(b), words(str(chosen)), words(str(score))) for b, chosen, score in told.to_numpy().tolist())
    return [row for row in rows if row[1] != row[2]]


def _runs(df: pd.DataFrame, settings: Mapping[str, str]) -> pd.DataFrame:
    """Every run, whatever became of it."""
    shared = common(df)
    keys = [key for key in GROUP if key not in shared]
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
    told = [settings[run] or MISSING for run in df["id"]]
    return out.assign(settings=told) if set(told) != {MISSING} else out


def _settings(records: Sequence[RunRecord]) -> dict[str, str]:
    """Run -> those options of its method, and of the numerics, that are not the same in all runs."""
    flat = {r.id: flatten(r.config) for r in records}
    shared = set(_shared(records))
    return {
        run: ", ".join(
            f"{key.rsplit('.', 1)[-1]}={value}"
            for key, value in sorted(options.items())
            if key not in shared
            and (key.startswith(("method.", "compute", "threads")))
            and not _UNTOLD.intersection(key.split("."))
        )
        for run, options in flat.items()
    }


def _shared(records: Sequence[RunRecord]) -> dict[str, str]:
    """Settings that are the same in all runs, by dotted key."""
    flat = [flatten(r.config) for r in records]
    return {k: v for k, v in sorted(flat[0].items()) if all(other.get(k) == v for other in flat)}


def _distinct(flat: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Key -> its different values in all runs, without keys that no run has a value for."""
    keys = sorted({key for values in flat for key in values})
    found = {key: {values[key] for values in flat if values.get(key, "null") != "null"} for key in keys}
    return {key: "; ".join(sorted(values, key=natural)) for key, values in found.items() if values}
