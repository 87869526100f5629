"""Numbers of others, read from `results/published/*.csv`, and the table that puts ours beside them."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from suite import SuiteError
from suite.records.frame import GROUP, by_metric
from suite.report.tables import main_table
from suite.report.text import source_numbers

FOLDER = "published"
"""Name of the folder below the results directory; a report without one has no such table."""

RELIABILITIES = ("primary", "secondary", "calculated", "measured")

UNITS = {
    "B": ("B", 1.0),
    "kB": ("B", 1024.0),
    "parameters": ("parameters", 1.0),
    "kparameters": ("parameters", 1e3),
    "Mparameters": ("parameters", 1e6),
    "MAC": ("MAC", 1.0),
    "MMAC": ("MAC", 1e6),
    "cycles": ("cycles", 1.0),
    "Mcycles": ("cycles", 1e6),
    "ms": ("s", 1e-3),
    "GOP/s": ("OP/s", 1e9),
    "fraction": ("", 1.0),
    "ratio": ("", 1.0),
    "samples": ("samples", 1.0),
    "epochs": ("epochs", 1.0),
}
"""Unit of a file -> the unit that numbers are compared in, and its factor."""

BESIDE = [
    *("benchmark", "score_name", "whose", "preset", "device", "budget", "network", "seeds"),
    *("score", "score_low", "score_high", "weights", "weights_low", "weights_high", "weights_unit"),
    *("macs", "macs_low", "macs_high", "data", "source", "reliability", "note"),
]
"""Columns of `beside_table`."""

_COLUMNS = ("benchmark", "item", "metric", "value", "low", "high", "unit", "data", "source", "reliability", "note")
# One machine's AUC of four would add a block for each; the table of other test scores has ours.
_TOO_FINE = "auc_machine_"


@dataclass(frozen=True)
class Published:
    """One published number; `value` is NaN where there is a range, `low` or `high` where it is open.

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
    note: str
    channels: tuple[int, ...] = ()


def load_published(folder: Path) -> list[Published]:
    """The rows of all CSV files of `folder`, files by name; none where there is no such folder.

    Raises:
        SuiteError: a row has no source or item, no number, or an unknown unit or reliability; names file and line.
    """
    return [row for path in sorted(folder.glob("*.csv")) for row in _file(path)]


def _file(path: Path) -> Iterator[Published]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin a file with a mark
        reader = csv.DictReader(file)
        try:
            if missing := [c for c in _COLUMNS if c not in (reader.fieldnames or ())]:
                raise SuiteError(f"{path}: no column {', '.join(missing)}")
            for raw in reader:
                yield _row(raw)
        except UnicodeDecodeError as error:
            raise SuiteError(f"{path}: is not UTF-8 ({error})") from error
        except (ValueError, AttributeError) as error:
            raise SuiteError(f"{path}, line {reader.line_num}: {error}") from error


def _row(raw: Mapping[str, str]) -> Published:
    for column, allowed in (("reliability", RELIABILITIES), ("unit", tuple(UNITS))):
        if raw[column] not in allowed:
            raise ValueError(f"{column}={raw[column]!r} is none of {', '.join(allowed)}")
    if empty := [column for column in ("item", "metric", "source") if not raw[column].strip()]:
        raise ValueError(f"{', '.join(empty)} is empty")
    unit, factor = UNITS[raw["unit"]]
    # Rounded: 11.28 million is 11,280,000, not 11,279,999.999999998.
    numbers = {n: round(float(raw[n]) * factor, 9) if raw[n] else math.nan for n in ("value", "low", "high")}
    if math.isnan(numbers["value"]) == (math.isnan(numbers["low"]) and math.isnan(numbers["high"])):
        raise ValueError("a row has either a value or a range")
    channels = tuple(int(c) for c in (raw.get("channels") or "").split())
    texts: dict[str, Any] = {n: raw[n] for n in _COLUMNS if n not in ("value", "low", "high", "unit")}
    return Published(unit=unit, channels=channels, **{**texts, **numbers})


def beside_table(df: pd.DataFrame, published: Sequence[Published]) -> pd.DataFrame:
    """Ours and published numbers of the same quantities: test score, weights and MACs, one block per score.

    A row is a method at a budget (`whose` = "ours": means over seeds, the score with its interval) or a published item
    ("published": values or ranges). Benchmarks without finished runs or without published numbers have no rows. A
    block is a benchmark and score: first the one that methods are compared by, at its end with those items that have
    costs alone, then other test scores that both sides have. `data` says what a score was measured on, for ours after
    the preset's length.
    """
    blocks: list[dict[str, Any]] = []
    done = df[(df["status"] == "done") & df["score"].notna()]
    for benchmark, runs in sorted(done.groupby("benchmark")):
        known = [p for p in published if p.benchmark == benchmark]
        main = str(runs["score_name"].iloc[0])
        others = [s for s in by_metric(runs, "score") if s != main and not s.startswith(_TOO_FINE)]
        for score in (main, *(s for s in others if any(p.metric == s for p in known))):
            if theirs := _items(known, score, {main, *others}, costs_alone=score == main):
                blocks += _ours(runs, score, is_main=score == main) + theirs
    return pd.DataFrame(blocks, columns=BESIDE)


def _ours(runs: pd.DataFrame, score: str, is_main: bool) -> list[dict[str, Any]]:
    scored = runs if is_main else runs.assign(score=runs[f"score/{score}"])
    groups: dict[Any, pd.DataFrame] = dict(iter(scored.groupby(GROUP)))
    rows = []
    for row in main_table(scored).to_dict("records"):
        group = groups[tuple(row[key] for key in GROUP)]
        seed = "; the seed network" if str(row["method"]).startswith("hand_tuned") else ""
        costs = {m: group[f"cost/{m}"].mean() for m in ("weights", "macs") if f"cost/{m}" in group}
        place = {key: row[key] for key in ("benchmark", "preset", "device", "budget", "seeds")}
        told = {name: row[name] for name in ("score", "score_low", "score_high")}
        data = "; ".join(filter(None, (_joined(group["length"]), _joined(group["data_note"]))))
        words: dict[str, Any] = {
            "score_name": score,
            "whose": "ours",
            "network": f"{row['method']}{seed}",
            "weights_unit": "B",
        }
        rows.append({**place, **told, **costs, **words, "data": data})
    return rows


def _items(known: Sequence[Published], score: str, scores: set[str], costs_alone: bool) -> list[dict[str, Any]]:
    """The published rows of a benchmark by item, source and data; with `costs_alone` those without a score too."""
    groups: dict[tuple[str, ...], dict[str, Published]] = {}
    for p in known:
        groups.setdefault((p.item, p.source, p.reliability, p.data), {})[p.metric] = p
    rows = []
    for (item, source, reliability, data), metrics in groups.items():
        only_costs = not scores & set(metrics) and ("weights" in metrics or "macs" in metrics)
        if score not in metrics and not (costs_alone and only_costs):
            continue
        shown = {
            name: metrics[m] for name, m in (("score", score), ("weights", "weights"), ("macs", "macs")) if m in metrics
        }
        row: dict[str, Any] = {
            "benchmark": known[0].benchmark,
            "score_name": score,
            "whose": "published",
            "network": item,
        }
        for name, p in shown.items():
            row |= {name: p.value, f"{name}_low": p.low, f"{name}_high": p.high}
        unit = shown["weights"].unit if "weights" in shown else ""
        # Fragment by fragment, so that what two numbers have in common is said once.
        note = "; ".join(dict.fromkeys(part for p in shown.values() if p.note for part in p.note.split("; ")))
        rows.append(
            {**row, "weights_unit": unit, "data": data, "source": source, "reliability": reliability, "note": note}
        )
    return sorted(rows, key=lambda row: "score" not in row)  # those without a score last


def _joined(texts: pd.Series) -> str:
    return "; ".join(sorted({str(text) for text in texts} - {""}))


def footnotes(df: pd.DataFrame, published: Sequence[Published], table: pd.DataFrame) -> list[str]:
    """How our runs in `beside_table`'s `table` were made, and its sources by the numbers of `readable_beside`."""
    lines = []
    for benchmark in table["benchmark"].unique():
        runs = df[(df["benchmark"] == benchmark) & (df["status"] == "done")]
        lengths = [
            f"preset {preset}: {_joined(part['length']) or 'length unknown'}" for preset, part in runs.groupby("preset")
        ]
        data = _joined(runs["data_note"])
        paper = [p for p in published if (p.benchmark, p.metric) == (benchmark, "epochs_per_phase")]
        text = f"Ours, {benchmark}: {'; '.join(lengths)}." + (f" Data: {data}." if data else "")
        lines.append(text + "".join(f" The paper: up to {p.high:.0f} epochs a phase." for p in paper[:1]))
    return lines + [f"[{number}] {source}" for source, number in source_numbers(table).items()]
