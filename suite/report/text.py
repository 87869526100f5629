"""How numbers and tables are written for people; `markup.py` writes such tables as CSV, Markdown and LaTeX."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from suite.records.frame import by_metric
from suite.records.record import PHASES
from suite.report.markup import MISSING

PHASE_NAMES = {
    "warmup": "warm-up",
    "search": "search",
    "finetune": "final training",
    "evaluation": "evaluation",
}
_PLACE = ["benchmark", "preset", "device"]
_KILO = {"B": (1024.0, ("B", "kB", "MB")), "MAC": (1e3, ("MAC", "kMAC", "MMAC", "GMAC"))}
_MILLI = {"s": ("s", "ms", "us"), "J": ("J", "mJ", "uJ")}


def quantity(value: float, unit: str) -> str:
    """A cost with three digits and a readable unit: 19353.6 B is "18.9 kB" (1 kB = 1024 B)."""
    if not math.isfinite(value):
        return MISSING
    if unit in _MILLI:
        steps = 0
        while 0 < abs(value) < 1 and steps < 2:
            value, steps = value * 1e3, steps + 1
        return f"{_digits(value)} {_MILLI[unit][steps]}"
    factor, names = _KILO.get(unit, (1e3, (unit, f"k{unit}", f"M{unit}", f"G{unit}")))
    steps = 0
    while abs(value) >= factor and steps < len(names) - 1:
        value, steps = value / factor, steps + 1
    return f"{_digits(value)} {names[steps]}"


def percent(value: float) -> str:
    """A value in %, to one decimal below 100 and without the sign; what is above 0 never reads as 0."""
    if not math.isfinite(value):
        return MISSING
    if 0 < value < 0.05:
        return "<0.1"
    return f"{value:.0f}" if value == 0 or value >= 99.95 else f"{value:.1f}"


def number(value: float, digits: int = 2) -> str:
    """A number with `digits` decimals, or a dash."""
    return f"{value:.{digits}f}" if math.isfinite(value) else MISSING


def interval(mean: float, low: float, high: float, *, digits: int = 3) -> str:
    """A mean with its bounds, to `digits` decimals."""
    return number(mean, digits) + (f" [{low:.{digits}f}, {high:.{digits}f}]" if math.isfinite(low) else "")


def points(difference: float, low: float = math.nan, high: float = math.nan) -> str:
    """A difference of scores in points, hundredths of the scale from 0 to 1, with its sign and bounds."""
    if not math.isfinite(difference):
        return MISSING
    bounds = f" [{_signed(low)}, {_signed(high)}]" if math.isfinite(low) else ""
    return _signed(difference) + bounds


def _signed(difference: float) -> str:
    # Rounded first: -0.001 points would read "-0.00".
    return f"{round(100 * difference, 2) + 0.0:+.2f}"


def fit_share(fits: str, low: float, high: float) -> str:
    """Runs that fit, "2/3", with the bounds of the share in whole %."""
    if fits == "0/0":
        return MISSING
    return f"{fits} [{100 * low:.0f}, {100 * high:.0f}]" if math.isfinite(low) else fits


def common(table: pd.DataFrame) -> dict[str, str]:
    """Those of benchmark, preset and device that are the same in all rows; `readable` leaves them out."""
    return {key: str(table[key].iloc[0]) for key in _PLACE if key in table and table[key].nunique() == 1}


def sentence(shared: dict[str, str]) -> str:
    """What all rows share, in one line: "benchmark digits, preset paper"."""
    return ", ".join(f"{key} {value}" for key, value in shared.items())


def readable_main(table: pd.DataFrame) -> pd.DataFrame:
    """`main_table` as rounded text under headings with units."""
    names = sorted({str(n) for n in table["score_name"].dropna()} - {""})
    score = f"test {words(names[0])}" if len(names) == 1 else "test score"
    out = places(table)
    if len(names) > 1:
        out["score"] = [words(str(n)) if pd.notna(n) else MISSING for n in table["score_name"]]
    out[f"{score} [95%]"] = [interval(*row) for row in rows(table, "score", "score_low", "score_high")]
    if table["quality_target"].notna().any():
        marks = zip(table["meets_target"], table["quality_target"], strict=True)
        out["meets target"] = [f"{meets} ({target:g})" if meets else MISSING for meets, target in marks]
    out["fits [95%]"] = [fit_share(*row) for row in table[["fits", "fits_low", "fits_high"]].itertuples(index=False)]
    out["seeds"] = table["seeds"].astype(str)
    if table["unfinished"].any():
        out["failed"] = table["unfinished"].astype(str)
    out["largest violation, %"] = [percent(100 * v) for v in table["max_violation"]]
    out["search violation, %"] = [percent(100 * v) for v in table["max_search_violation"]]
    out["standard trainings"] = [number(v) for v in table["trainings"]]
    limited = by_metric(table, "target_percent")
    for metric in [*limited, *(m for m in by_metric(table, "seed_percent") if m not in limited)]:
        if metric != "weights_full" or metric in limited:
            share = table[f"seed_percent/{metric}"]
            used = table[f"target_percent/{metric}"] if metric in limited else [math.nan] * len(table)
            heading = f"{metric}, % of seed" + (" (of target)" if metric in limited else "")
            out[heading] = [_shares(s, u) for s, u in zip(share, used, strict=True)]
    return out


def readable_scores(table: pd.DataFrame) -> pd.DataFrame:
    """`score_table` as rounded text: a column per score, with its interval."""
    out = places(table)
    for name in by_metric(table, "score"):
        columns = (f"score/{name}", f"score_low/{name}", f"score_high/{name}")
        out[f"{words(name)} [95%]"] = [interval(*row) for row in rows(table, *columns)]
    return out


def readable_beside(table: pd.DataFrame) -> pd.DataFrame:
    """`beside_table` as rounded text; numbers in brackets and what holds for all runs: see `footnotes`."""
    devices = table["device"].nunique() > 1
    out = table[["benchmark"]].copy() if table["benchmark"].nunique() > 1 else pd.DataFrame(index=table.index)
    names = sorted(table["score_name"].unique())
    if len(names) > 1:
        out["score"] = table["score_name"].map(words)
    rows = table.to_dict("records")
    out["whose"] = table["whose"]
    out["network"] = [_network(row, devices) for row in rows]
    heading = f"test {words(names[0])}" if len(names) == 1 else "test score"
    out[heading] = [_beside_score(row) for row in rows]
    out["weights"] = [_range(row, "weights", str(row["weights_unit"])) for row in rows]
    out["MACs"] = [_range(row, "macs", "MAC") for row in rows]
    out["conditions"] = [_told(row) for row in rows]
    numbers = source_numbers(table)
    out["source"] = [f"[{numbers[s]}]" if s in numbers else MISSING for s in table["source"]]
    out["reliability"] = table["reliability"].fillna(MISSING)
    return out


def source_numbers(table: pd.DataFrame) -> dict[str, int]:
    """The sources of the published rows of `beside_table`, numbered from 1 in their order."""
    found = table.loc[table["whose"] == "published", "source"].unique()
    return {str(source): i for i, source in enumerate(found, 1)}


def words(name: str) -> str:
    """A score's name as people write it: "balanced_accuracy" is "balanced accuracy"."""
    return name.replace("_", " ").replace("auc", "AUC")


def readable_cost(table: pd.DataFrame) -> pd.DataFrame:
    """`cost_table` as rounded text under headings with units."""
    out = places(table)
    out["runs"] = table["runs"].astype(str)
    headings = {"trainings": "standard trainings, full", "trainings_amortised": "amortised"}
    headings |= {f"trainings/{phase}": PHASE_NAMES[phase] for phase in PHASES}
    for column, heading in headings.items():
        out[heading] = [number(v) for v in table[column]]
    for column, heading in (("wall_s", "wall, s"), ("cpu_s", "CPU, s")):
        out[heading] = [_digits(v) for v in table[column]]
    out["networks"] = [number(v, 1).removesuffix(".0") for v in table["networks"]]
    if (table["lost_macs"] > 0).any():
        out["repeated after a kill"] = [quantity(v, "MAC") for v in table["lost_macs"]]
    return out


def readable_failures(table: pd.DataFrame, longest: int | None = 200) -> pd.DataFrame:
    """`failure_table` with errors cut to `longest` characters (None: whole)."""
    out = places(table)
    for column in ("seed", "id", "status"):
        out[column] = table[column].astype(str)
    out["error"] = [e if longest is None or len(e) <= longest else e[: longest - 1] + "…" for e in table["error"]]
    return out


def places(table: pd.DataFrame, names: Sequence[str] = ("budget", "method")) -> pd.DataFrame:
    """The columns that a readable table starts with: what not all rows share (`common`) and `names`, as text."""
    shared = common(table)
    return table[[*(key for key in _PLACE if key in table and key not in shared), *names]].astype(str)


def rows(table: pd.DataFrame, *columns: str) -> list[list[float]]:
    """The numbers of some columns, row by row."""
    values: list[list[float]] = table[list(columns)].to_numpy(dtype=float).tolist()
    return values


def _network(row: Mapping[Hashable, Any], with_device: bool) -> str:
    if row["whose"] != "ours":
        return str(row["network"])
    return f"{row['network']}, budget {row['budget']}" + (f", device {row['device']}" if with_device else "")


def _beside_score(row: Mapping[Hashable, Any]) -> str:
    value, low, high = (float(row[name]) for name in ("score", "score_low", "score_high"))
    if row["whose"] == "ours":
        return interval(value, low, high)
    return _between(*(f"{v:.4g}" if math.isfinite(v) else "" for v in (value, low, high)))


def _range(row: Mapping[Hashable, Any], metric: str, unit: str) -> str:
    """A cost, or the range or bound that is published in its place."""
    unit = " parameters" if unit == "parameters" else unit
    numbers = [float(row[name]) for name in (metric, f"{metric}_low", f"{metric}_high")]
    return _between(*(" ".join(quantity(v, unit).split()) if math.isfinite(v) else "" for v in numbers))


def _between(value: str, low: str, high: str) -> str:
    if value:
        return value
    if low and high:
        return f"{low} to {high}"
    return f"over {low}" if low else f"up to {high}" if high else MISSING


def _told(row: Mapping[Hashable, Any]) -> str:
    if row["whose"] == "ours":
        seeds = int(row["seeds"])
        return f"preset {row['preset']}, {seeds} seed{'s' if seeds > 1 else ''}; data and length below"
    return "; ".join(str(row[key]) for key in ("data", "note") if pd.notna(row[key]) and row[key]) or MISSING


def _shares(seed: float, target: float) -> str:
    return percent(seed) + (f" ({percent(target)})" if math.isfinite(target) else "")


def _digits(value: float) -> str:
    if not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
