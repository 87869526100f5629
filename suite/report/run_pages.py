"""What the page's script needs to show each run: columns over all runs, details of some, as one compact JSON."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from pyarrow.parquet import ParquetFile

from suite.records.frame import flatten, in_order
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.diagram import diagram
from suite.report.style import looks
from suite.report.text import PHASE_NAMES

DETAILED = 400
"""Runs whose history and architecture the page holds; those of further runs stay in their folders."""

_DIGITS = 6
_UNTOLD = {"_target_", "name", "version"}
_NOT_SHOWN = {"experiment", "threads", "dtype", "length"}  # these stand in the run's configuration and environment

Column = list[Any] | dict[str, Any]
"""Values over runs: themselves, {"all": value}, or {"of": distinct values, "at": a place among these per run}."""


def run_data(records: Sequence[RunRecord], df: pd.DataFrame, store: Store | None) -> dict[str, Any]:
    """Everything the script shows, as plain JSON values; runs are in the order of `df`, the frame of `records`.

    `columns` are the frame's and `settings`, `config` and `environment` are columns by dotted key, `looks` are the
    colour and marker of each method, `details` the histories, architectures and candidates of at most `DETAILED` runs
    by place, read from `store`.
    """
    by_id = {record.id: record for record in records}
    ordered = [by_id[run] for run in df["id"]]
    config = _columns_of([flatten(r.config) for r in ordered])
    chosen = _detailed(df)
    shown = {str(name): values for name, values in df.items() if name not in _NOT_SHOWN}
    columns = {name: encode(_plain(values.tolist())) for name, values in shown.items()}
    columns["settings"] = encode(settings(config, len(ordered)))
    columns["selection"] = encode([r.selection for r in ordered])
    return {
        "count": len(ordered),
        "columns": columns,
        "config": config,
        "environment": _columns_of([flatten(r.environment) for r in ordered]),
        "metrics": in_order(name.removeprefix("cost/") for name in shown if name.startswith("cost/")),
        "phases": list(PHASE_NAMES.items()),
        "looks": [
            {"method": m, "colour": look.colour, "marker": look.marker} for m, look in looks(df["method"]).items()
        ],
        "details": {str(i): _detail(ordered[i], store) for i in chosen},
        "detailed": len(chosen),
    }


def embed(data: object) -> Markup:
    """`data` as JSON that can stand inside a script element whatever its strings hold; sorted keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def encode(values: Sequence[Any]) -> Column:
    """The shortest of the three forms of a column; values are hashable."""
    places: dict[Any, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    if len(places) == 1:
        return {"all": values[0]}
    return {"of": list(places), "at": at} if 2 * len(places) <= len(values) else list(values)


def decode(column: Column, count: int) -> list[Any]:
    """The `count` values of a column."""
    if isinstance(column, list):
        return column
    return [column["all"]] * count if "all" in column else [column["of"][place] for place in column["at"]]


def settings(config: Mapping[str, Column], count: int) -> list[str]:
    """For each run those options of its method, and of the numerics, that are not the same in all runs."""
    told = {
        key: decode(column, count)
        for key, column in sorted(config.items())
        if not (isinstance(column, dict) and "all" in column)
        and key.startswith(("method.", "compute", "threads"))
        and not _UNTOLD.intersection(key.split("."))
    }
    names = {key: key.rsplit(".", 1)[-1] for key in told}
    return [
        ", ".join(f"{names[key]}={values[i]}" for key, values in told.items() if values[i] is not None)
        for i in range(count)
    ]


def shared(config: Mapping[str, Column]) -> dict[str, str]:
    """Settings that are the same in all runs, by dotted key."""
    return {k: str(c["all"]) for k, c in sorted(config.items()) if isinstance(c, dict) and "all" in c}


def _columns_of(flat: Sequence[Mapping[str, str]]) -> dict[str, Column]:
    keys = sorted({key for values in flat for key in values})
    return {key: encode([values.get(key) for values in flat]) for key in keys}


def _plain(values: Iterable[Any]) -> list[Any]:
    """Numbers to six digits, what is not a number as None."""
    return [_number(v) if isinstance(v, float) else v for v in values]


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _detailed(df: pd.DataFrame) -> list[int]:
    """Places of the runs that are shown in full: of each method and budget the first seeds before the next ones."""
    turn = df.groupby(["benchmark", "preset", "device", "budget", "method"]).cumcount().to_numpy()
    order = sorted(range(len(df)), key=lambda i: (turn[i], i))
    return sorted(order[:DETAILED])


def _detail(record: RunRecord, store: Store | None) -> dict[str, Any]:
    """A run's candidates, history and architecture as far as they can be read, and what could not be."""
    detail: dict[str, Any] = {}
    if record.candidates:
        names = ("name", "validation", "feasible", "costs")
        detail["candidates"] = [_cleaned({k: c.get(k) for k in names if k in c}) for c in record.candidates]
    if store is None:
        return detail
    folder = store.run_folder(record.id)
    trouble = []
    for name, read in (("history.parquet", _history), ("architecture.json", diagram)):
        try:
            detail |= read(folder / name, record) if (folder / name).exists() else {}
        except (OSError, ValueError, KeyError, TypeError) as error:  # a torn file hides nothing else
            trouble.append(f"{name} cannot be read: {error}")
    return detail | ({"trouble": "; ".join(trouble)} if trouble else {})


def _history(path: Path, record: RunRecord) -> dict[str, Any]:
    """`spans` of phase, network and number of epochs, and `columns` of a number per epoch."""
    # Without threads and pandas a file of some rows is read five times as fast.
    table = ParquetFile(path).read(use_threads=False).to_pydict()
    spans: list[list[Any]] = []
    for phase, label in zip(table.pop("phase"), table.pop("label"), strict=True):
        if spans and spans[-1][:2] == [phase, label]:
            spans[-1][2] += 1
        else:
            spans.append([phase, label, 1])
    columns = {name: _plain(values) for name, values in table.items() if name != "epoch"}
    measured = {name: values for name, values in columns.items() if any(v is not None for v in values)}
    return {"history": {"spans": spans, "columns": measured}}


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _cleaned(v) for k, v in value.items()}
    return _number(value) if isinstance(value, float) else value
