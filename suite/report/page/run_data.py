"""What the page's script needs to show each run: columns over all runs, details of some, as one compact JSON."""

import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup
from matplotlib.markers import MarkerStyle
from matplotlib.transforms import Affine2D
from pyarrow.parquet import ParquetFile

from suite.records.frame import in_order
from suite.records.record import METRICS, RunRecord
from suite.records.store import Store
from suite.records.variants import flat_texts
from suite.report.figures.run_files import ARCHITECTURE, HISTORY
from suite.report.figures.style import method_styles
from suite.report.grouping import GROUP, MethodVariant
from suite.report.tables.text import PHASE_LABELS, metric_label

MOST_DETAILED_RUNS = 400
"""Runs whose history and architecture the page holds; those of further runs stay in their files."""

_PATH_LETTERS = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
"""Codes of `matplotlib.path.Path` in SVG."""
_MARKER_WIDTH = 10.0
_DIGITS = 6
_EXACT_BELOW = 1e7
"""Whole numbers below are kept as they are: bytes of a board are compared to the last one."""
# These stand in the run's configuration and environment.
_OMITTED_COLUMNS = {"experiment", "options", "threads", "dtype", "length"}

_BUFFER_NUMBERS = ("offset", "bytes", "first", "last")
_ALIGNMENT = 16
"""Buffers of the arena begin at multiples of so many bytes."""

Column = list[Any] | dict[str, Any]
"""Values over runs: themselves, {"all": value}, or {"of": distinct values, "at": an index into these per run}."""


def collect_run_data(records: Sequence[RunRecord], df: pd.DataFrame, store: Store) -> dict[str, Any]:
    """Everything the script shows, as plain JSON values; runs are in the order of `df`, the frame of `records`.

    `columns` are the frame's and `selection`, `config` and `environment` are columns by dotted key, `method_styles` are
    the colour of each method and the path of its marker, `details` the histories, architectures and candidates of at
    most `MOST_DETAILED_RUNS` runs by row number, read from `store`.
    """
    by_id = {record.id: record for record in records}
    ordered = [by_id[run] for run in df["id"]]
    config = _encode_columns([flat_texts(r.config) for r in ordered])
    chosen = _choose_detailed_runs(df)
    shown = {str(name): values for name, values in df.items() if name not in _OMITTED_COLUMNS}
    columns = {name: encode_column(_plain_values(values.tolist())) for name, values in shown.items()}
    columns["selection"] = encode_column([r.selection for r in ordered])
    return {
        "count": len(ordered),
        "columns": columns,
        "config": config,
        "environment": _encode_columns([flat_texts(r.environment) for r in ordered]),
        "metrics": in_order(name.removeprefix("cost/") for name in shown if name.startswith("cost/")),
        "metric_labels": {metric: metric_label(metric) for metric in METRICS},
        "phases": list(PHASE_LABELS.items()),
        "method_styles": [
            {"method": str(method), "colour": style.colour, "path": marker_path(style.marker)}
            for method, style in method_styles(df["method"]).items()
        ],
        "details": {str(i): _read_detail(ordered[i], store) for i in chosen},
        "detailed": len(chosen),
    }


def marker_path(marker: str) -> str:
    """Matplotlib's marker as an SVG path around (0, 0), 10 units wide."""
    style = MarkerStyle(marker)
    scaled = style.get_path().transformed(style.get_transform() + Affine2D().scale(_MARKER_WIDTH, -_MARKER_WIDTH))
    parts = []
    for points, code in scaled.iter_segments(simplify=False):
        letter = _PATH_LETTERS[int(code)]
        parts.append(letter + " ".join(f"{v:.2f}" for v in points if letter != "Z"))
    return "".join(parts)


def embed_json(data: object) -> Markup:
    """`data` as JSON that can stand inside a script element whatever its strings hold; sorted keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def encode_column(values: Sequence[Any]) -> Column:
    """The shortest of the three forms of a column; values are hashable."""
    numbers: dict[Any, int] = {}
    at = [numbers.setdefault(value, len(numbers)) for value in values]
    if len(numbers) == 1:
        return {"all": values[0]}
    return {"of": list(numbers), "at": at} if 2 * len(numbers) <= len(values) else list(values)


def shared_options(config: Mapping[str, Column]) -> dict[str, str]:
    """Settings that are the same in all runs, by dotted key."""
    return {k: str(c["all"]) for k, c in sorted(config.items()) if isinstance(c, dict) and "all" in c}


def _encode_columns(flat: Sequence[Mapping[str, str]]) -> dict[str, Column]:
    keys = sorted({key for values in flat for key in values})
    return {key: encode_column([values.get(key) for values in flat]) for key in keys}


def _plain_values(values: Iterable[Any]) -> list[Any]:
    """Numbers to six digits, what is not a number as None, methods as their labels."""
    return [_short_number(v) if isinstance(v, float) else str(v) if isinstance(v, MethodVariant) else v for v in values]


def _short_number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    if value.is_integer() and abs(value) < _EXACT_BELOW:
        return int(value)
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def _choose_detailed_runs(df: pd.DataFrame) -> list[int]:
    """Row numbers of the runs shown in full: of each method and budget the first seeds before the next ones."""
    turn = df.groupby(GROUP).cumcount().to_numpy()
    order = sorted(range(len(df)), key=lambda i: (turn[i], i))
    return sorted(order[:MOST_DETAILED_RUNS])


def _read_detail(record: RunRecord, store: Store) -> dict[str, Any]:
    """A run's candidates, history and architecture as far as they can be read, and what could not be."""
    detail: dict[str, Any] = {}
    if record.candidates:
        names = ("name", "validation", "feasible", "costs")
        detail["candidates"] = [_clean_value({k: c.get(k) for k in names if k in c}) for c in record.candidates]
    trouble = []
    for name, convert in ((HISTORY, _history), (ARCHITECTURE, describe_layers), (ARCHITECTURE, describe_network)):
        try:
            content = store.read_file(record.id, name)
            detail |= {} if content is None else convert(content, record)
        except (OSError, ValueError, KeyError, TypeError) as error:  # a torn file hides nothing else
            trouble.append(f"{name} cannot be read: {error}")
    return detail | ({"trouble": "; ".join(dict.fromkeys(trouble))} if trouble else {})


def _history(content: bytes, _: RunRecord) -> dict[str, Any]:
    """`spans` of phase, network and number of epochs, and `columns` of a number per epoch."""
    # Without threads and pandas a file of some rows is read five times as fast.
    table = ParquetFile(io.BytesIO(content)).read(use_threads=False).to_pydict()
    spans: list[list[Any]] = []
    for phase, label in zip(table.pop("phase"), table.pop("label"), strict=True):
        if spans and spans[-1][:2] == [phase, label]:
            spans[-1][2] += 1
        else:
            spans.append([phase, label, 1])
    columns = {name: _plain_values(values) for name, values in table.items() if name != "epoch"}
    measured = {name: values for name, values in columns.items() if any(v is not None for v in values)}
    return {"history": {"spans": spans, "columns": measured}}


def _clean_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _clean_value(v) for k, v in value.items()}
    return _short_number(value) if isinstance(value, float) else value


def describe_layers(content: bytes, record: RunRecord) -> dict[str, Any]:
    """`layers`, `input` shape and chosen branches (`choices`) of an architecture.json.

    A layer has the reference network's width where a group of channels has its name.

    Raises:
        ValueError, KeyError or TypeError: the file is torn or not an architecture.
    """
    architecture = json.loads(content)
    keys = ("name", "kind", "out", "kernel", "stride", "size")
    layers = [
        {key: layer[key] for key in keys} | {"reference": record.reference_widths.get(layer["name"])}
        for layer in architecture["layers"]
    ]
    description: dict[str, Any] = {"input": list(architecture["input_shape"]), "layers": layers}
    if choices := architecture.get("choices"):
        description["choices"] = {str(k): str(v) for k, v in sorted(choices.items())}
    return description


def describe_network(content: bytes, _: RunRecord) -> dict[str, Any]:
    """`network` of an architecture.json: the int8 network's `peak` in bytes, `buffers` and `operators`, each with
    `reference` where the reference network has one of its name; empty for older files.

    Raises:
        ValueError or TypeError: the file is torn.
    """
    architecture = json.loads(content)
    if not {"operators", "memory"} <= set(architecture):
        return {}
    try:
        nodes = [(str(node["name"]), str(node["kind"]), _costs(node)) for node in architecture["operators"]]
        reference = {str(node["name"]): _costs(node) for node in architecture.get("reference_operators", [])}
        # The name of the input is that of an argument.
        labels = {name: "input" if kind == "input" else name for name, kind, _ in nodes}
        buffers: list[dict[str, Any]] = [
            {"layer": labels.get(str(b["layer"]), str(b["layer"])), **{key: int(b[key]) for key in _BUFFER_NUMBERS}}
            for b in architecture["memory"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"memory or operators are torn ({error!r})") from error
    if any(not 0 <= b["first"] <= b["last"] < len(nodes) or min(b["offset"], b["bytes"]) < 0 for b in buffers):
        raise ValueError("memory names operators that are not there")
    operators = [
        {"name": labels[name], "kind": kind, **costs} | ({"reference": reference[name]} if name in reference else {})
        for name, kind, costs in nodes
    ]
    peak = max((b["offset"] + -(-b["bytes"] // _ALIGNMENT) * _ALIGNMENT for b in buffers), default=0)
    return {"network": {"peak": peak, "operators": operators, "buffers": buffers}}


def _costs(node: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(f"{float(node[name]):.{_DIGITS}g}") for name in ("weights", "flash", "latency")}
