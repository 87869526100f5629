"""Published numbers of others, read from the CSV files of `results/published/`, and our results beside them."""

import csv
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from suite import SuiteError
from suite.records.frame import by_metric
from suite.records.status import counted
from suite.report.grouping import GROUP, REFERENCE_METHOD, MethodVariant
from suite.report.tables.main import main_table
from suite.report.tables.markup import MISSING
from suite.report.tables.text import format_interval, format_quantity, format_rows, score_label

UNITS = {unit: (unit, 1.0) for unit in ("B", "parameters", "MAC", "cycles", "samples", "epochs")} | {
    "kB": ("B", 1024.0),
    "kparameters": ("parameters", 1e3),
    "Mparameters": ("parameters", 1e6),
    "MMAC": ("MAC", 1e6),
    "Mcycles": ("cycles", 1e6),
    "ms": ("s", 1e-3),
    "GOP/s": ("OP/s", 1e9),
    "fraction": ("", 1.0),
    "ratio": ("", 1.0),
}
"""Unit of a file -> the unit that numbers are compared in, and its factor."""


@dataclass(frozen=True)
class PublishedNumber:
    """One published number; `value` is NaN where there is a range, `low` or `high` where it is open.
    `notes` are parted by "; " in the file.

    Numbers are in the unit that they are compared in: bytes, MAC, seconds, fractions.
    """

    benchmark: str
    item: str
    metric: str
    value: float
    low: float
    high: float
    unit: str
    data: str
    source: str
    reliability: str
    notes: tuple[str, ...]


def load_published_numbers(results: Path) -> list[PublishedNumber]:
    """The rows of all CSV files of the folder `published` of `results`, files by name; none without such a folder.

    Raises:
        SuiteError: a row has an unknown unit, or no number; names file and line.
    """
    numbers = []
    for path in sorted((results / "published").glob("*.csv")):
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin a file with a mark
            reader = csv.DictReader(file)
            try:
                numbers += [_parse_row(row) for row in reader]
            except (ValueError, KeyError) as error:
                raise SuiteError(f"{path}, line {reader.line_num}: {error}") from error
    return numbers


def _parse_row(raw: Mapping[str, str]) -> PublishedNumber:
    unit, factor = UNITS[raw["unit"]]
    # Rounded: 11.28 million is 11,280,000, not 11,279,999.999999998.
    numbers = {n: round(float(raw[n]) * factor, 9) if raw[n] else math.nan for n in ("value", "low", "high")}
    notes = tuple(filter(None, (raw["note"] or "").split("; ")))
    texts: dict[str, Any] = {n: raw[n] for n in ("benchmark", "item", "metric", "data", "source", "reliability")}
    return PublishedNumber(unit=unit, notes=notes, **{**texts, **numbers})


_COLUMNS = [
    *("benchmark", "score_name", "whose", "preset", "device", "budget", "network", "seeds"),
    *("score", "score_low", "score_high", "int8_score", "int8_low", "int8_high"),
    *("weights", "weights_low", "weights_high", "weights_unit", "macs", "macs_low", "macs_high"),
    *("data", "source", "reliability", "note"),
]

# One machine's AUC of four would add a block for each; the table of other test scores has ours.
_SINGLE_MACHINE_PREFIX = "auc_machine_"


def published_comparison(df: pd.DataFrame, published: Sequence[PublishedNumber]) -> pd.DataFrame:
    """Ours and published numbers of the same quantities: test score, weights and MACs, one block per score.

    A row is a method at a budget (`whose` = "ours": means over seeds, the float and int8 score with their intervals,
    `network` the method) or a published item ("published": values or ranges, `network` its name). Benchmarks without
    finished runs or without published numbers have no rows. A block is a benchmark and score: first the one that
    methods are compared by, at its end with those items that have costs alone, then other test scores that both sides
    have. `data` says
    what a score was measured on, for ours after the preset's length.
    """
    rows: list[dict[str, Any]] = []
    done = df[(df["status"] == "done") & df["score"].notna()]
    for benchmark, runs in sorted(done.groupby("benchmark")):
        numbers = [p for p in published if p.benchmark == benchmark]
        main = str(runs["score_name"].iloc[0])
        others = [s for s in by_metric(runs, "score") if s != main and not s.startswith(_SINGLE_MACHINE_PREFIX)]
        for score in (main, *(s for s in others if any(p.metric == s for p in numbers))):
            if theirs := _published_rows(numbers, score, {main, *others}, costs_alone=score == main):
                rows += _our_rows(runs, score, is_main=score == main) + theirs
    return pd.DataFrame(rows, columns=_COLUMNS)


def _our_rows(runs: pd.DataFrame, score: str, is_main: bool) -> list[dict[str, Any]]:
    """A row per method and budget of one benchmark's runs."""
    scored = runs if is_main else runs.assign(score=runs[f"score/{score}"])
    groups: dict[Any, pd.DataFrame] = dict(iter(scored.groupby(GROUP)))
    copied = ["benchmark", "preset", "device", "budget", "seeds", "score", "score_low", "score_high"]
    copied += ["int8_score", "int8_low", "int8_high"] if is_main else []
    rows = []
    for row in main_table(scored).to_dict("records"):
        group = groups[tuple(row[key] for key in GROUP)]
        data = "; ".join(filter(None, (_join_distinct(group[name]) for name in ("length", "data_note"))))
        ours = {"score_name": score, "whose": "ours", "network": row["method"], "weights_unit": "B", "data": data}
        costs = {m: group[f"cost/{m}"].mean() for m in ("weights", "macs") if f"cost/{m}" in group}
        rows.append({key: row[key] for key in copied} | ours | costs)
    return rows


def _published_rows(
    numbers: Sequence[PublishedNumber], score: str, scores: set[str], costs_alone: bool
) -> list[dict[str, Any]]:
    """A row per published item, source and data of one benchmark; with `costs_alone` those without a score too."""
    items: dict[tuple[str, ...], dict[str, PublishedNumber]] = {}
    for p in numbers:
        items.setdefault((p.item, p.source, p.reliability, p.data), {})[p.metric] = p
    rows = []
    for (item, source, reliability, data), metrics in items.items():
        only_costs = not scores & set(metrics) and ("weights" in metrics or "macs" in metrics)
        if score not in metrics and not (costs_alone and only_costs):
            continue
        columns = {"score": score, "weights": "weights", "macs": "macs"}
        shown = {name: metrics[metric] for name, metric in columns.items() if metric in metrics}
        row: dict[str, Any] = {"benchmark": numbers[0].benchmark, "score_name": score, "whose": "published"}
        row |= {"network": item, "data": data, "source": source, "reliability": reliability}
        for name, p in shown.items():
            row |= {name: p.value, f"{name}_low": p.low, f"{name}_high": p.high}
        row["weights_unit"] = shown["weights"].unit if "weights" in shown else ""
        notes = dict.fromkeys(note for p in shown.values() for note in p.notes)  # what two have in common once
        rows.append(row | {"note": "; ".join(notes)})
    return sorted(rows, key=lambda row: "score" not in row)  # those without a score last


def _join_distinct(texts: pd.Series) -> str:
    return "; ".join(sorted({str(text) for text in texts} - {""}))


def comparison_footnotes(df: pd.DataFrame, published: Sequence[PublishedNumber], table: pd.DataFrame) -> list[str]:
    """How our runs in a `published_comparison` were made, and its sources, numbered as in the formatted table."""
    lines = []
    for benchmark in table["benchmark"].unique():
        runs = df[(df["benchmark"] == benchmark) & (df["status"] == "done")]
        lengths = [
            f"preset {preset}: {_join_distinct(part['length']) or 'length unknown'}"
            for preset, part in runs.groupby("preset")
        ]
        data = _join_distinct(runs["data_note"])
        paper = [p for p in published if (p.benchmark, p.metric) == (benchmark, "epochs_per_phase")]
        text = f"Ours, {benchmark}: {'; '.join(lengths)}." + (f" Data: {data}." if data else "")
        lines.append(text + "".join(f" The paper: up to {p.high:.0f} epochs a phase." for p in paper[:1]))
    return lines + [f"[{number}] {source}" for source, number in _number_sources(table).items()]


def _number_sources(table: pd.DataFrame) -> dict[str, int]:
    """The sources of the published rows, numbered from 1 in their order."""
    sources = table.loc[table["whose"] == "published", "source"].unique()
    return {str(source): i for i, source in enumerate(sources, 1)}


def format_published_comparison(table: pd.DataFrame) -> pd.DataFrame:
    """`published_comparison` as rounded text; `comparison_footnotes` has the sources by their numbers in brackets."""
    several_devices = table["device"].nunique() > 1
    out = table[["benchmark"] if table["benchmark"].nunique() > 1 else []].copy()
    names = sorted(table["score_name"].unique())
    if len(names) > 1:
        out["score"] = table["score_name"].map(score_label)
    rows = table.to_dict("records")
    out["whose"] = table["whose"]
    out["network"] = [_format_network(row, several_devices) for row in rows]
    name = score_label(names[0]) if len(names) == 1 else "score"
    out[f"test {name} (ours: float)"] = [_format_score(row) for row in rows]
    if table["int8_score"].notna().any():
        out[f"ours, int8 test {name}"] = format_rows(format_interval, table, "int8_score", "int8_low", "int8_high")
    out["weights"] = [_format_range(row, "weights", partial(format_quantity, unit=row["weights_unit"])) for row in rows]
    out["MACs"] = [_format_range(row, "macs", partial(format_quantity, unit="MAC")) for row in rows]
    out["conditions"] = [_format_conditions(row) for row in rows]
    numbers = _number_sources(table)
    out["source"] = [f"[{numbers[s]}]" if s in numbers else MISSING for s in table["source"]]
    out["reliability"] = table["reliability"].fillna(MISSING)
    return out


def _format_network(row: Mapping[Hashable, Any], with_device: bool) -> str:
    network = row["network"]
    if not isinstance(network, MethodVariant):
        return str(network)
    reference = "; the reference network" if network.method == REFERENCE_METHOD else ""
    return f"{network}{reference}, budget {row['budget']}" + (f", device {row['device']}" if with_device else "")


def _format_score(row: Mapping[Hashable, Any]) -> str:
    if row["whose"] == "ours":
        return format_interval(row["score"], row["score_low"], row["score_high"])
    return _format_range(row, "score", "{:.4g}".format)


def _format_range(row: Mapping[Hashable, Any], name: str, format_value: Callable[[float], str]) -> str:
    """The value where there is one, else "low to high", or "over low" and "up to high" where a side is open."""
    numbers = (float(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    value, low, high = (format_value(number) if math.isfinite(number) else "" for number in numbers)
    if value:
        return value
    if low and high:
        return f"{low} to {high}"
    return f"over {low}" if low else f"up to {high}" if high else MISSING


def _format_conditions(row: Mapping[Hashable, Any]) -> str:
    if row["whose"] == "ours":
        return f"preset {row['preset']}, {counted(int(row['seeds']), 'seed')}; data and length below"
    return "; ".join(str(row[key]) for key in ("data", "note") if pd.notna(row[key]) and row[key]) or MISSING
