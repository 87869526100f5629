"""All records as one tidy pandas frame, a row a run; every table and figure starts from it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from suite.records.deployment import Deployed
from suite.records.recipes import recipe_columns
from suite.records.record import METRICS, PHASES, RunRecord
from suite.records.variants import variants
from suite.records.verdict import Board, describe_fit

_NAMES = ("id", "experiment", "status", "benchmark", "preset", "budget", "method")
_NAN = float("nan")
_FURTHER = "test/"
_BOARD_COLUMNS = ("arena", "ram_limit", "flash", "flash_limit")
_STEP_COST = 3
"""Forward passes that the meter charges for a training step."""


def frame(records: Sequence[RunRecord], deployments: Mapping[str, Deployed] | None = None) -> pd.DataFrame:
    """One row per record, in the order of benchmark, preset, device, budget, method, variant, seed and id.

    Plain columns: id, experiment, status, benchmark, preset, budget, method, variant, options, device, seed,
    score_name, score (test), selection_name, validation_score (measured by selection_name), quality_target and chance
    (of the test score: what MLPerf Tiny asks for, and what guessing gets), feasible, max_violation,
    max_search_violation (relative, NaN where absent), trainings, trainings_amortised and trainings_shared (standard
    trainings of the reference network), epochs (training samples over the training examples of the benchmark: full
    passes over them, by whatever network), training_samples, wall_s, cpu_s (seconds), networks, lost_macs (MAC),
    threads, dtype, length (the recipe's epochs and cuts in words), recipe, recipe_epochs, network and series (see
    `recipe_columns`), data_note, error ("" where none), verdict (`describe_fit`), board_fits
    (True, False, or None where the board's memory is unknown), extrapolated (why the latency is one, "" where it is
    not), headline/candidate and headline/budget (the method and budget that the headline is about, named before the
    run; "" where none is).

    Columns of the board: `board/arena`, `board/ram_limit`, `board/flash`, `board/flash_limit`; of the int8 network of a
    run that is among `deployments` (run -> what was measured): `int8/score`, `int8/ram`, `int8/arena`, `int8/flash`;
    all but the score in bytes. Scores without `int8/` are of float networks.

    Columns by metric: `cost/`, `relative/` (cost over the reference network's), `reference/` and `unit/`; by budgeted
    metric `target/`, `violation/` and `search_violation/`; by phase `trainings/`; by further test score `score/`. What
    a record lacks is NaN.

    `method` is the method's name; `variant` is a tuple of (option, value as text) pairs: the options that differ from
    the method's default, and all other settings in which runs of one method on a benchmark, preset and device differ,
    so that different settings are never averaged. `options` are all options, as JSON.
    """
    ordered = sorted(records, key=_order)
    metrics = in_order(m for r in ordered for m in (*r.reference_costs, *r.costs))
    limited = in_order(m for r in ordered for m in r.targets)
    users = _artefact_users(ordered)
    scores = sorted({name for r in ordered for name in r.scores if name.startswith(_FURTHER)})
    deployed = deployments or {}
    columns = [
        _facts(r)
        | _further_scores(r, scores)
        | _int8(deployed.get(r.id))
        | _metric_columns(r, metrics, limited)
        | _board(r)
        | _effort(r, users)
        for r in ordered
    ]
    table = pd.DataFrame(columns)
    if ordered:
        table["board_fits"] = pd.Series([row["board_fits"] for row in columns], index=table.index, dtype=object)
        table["variant"] = pd.Series(variants(ordered), index=table.index, dtype=object)
    return table


def in_order(metrics: Iterable[str]) -> list[str]:
    """The distinct metrics in the order of `METRICS`, unknown ones last by name."""
    rank = {metric: i for i, metric in enumerate(METRICS)}
    return sorted(set(metrics), key=lambda m: (rank.get(m, len(rank)), m))


def by_metric(table: pd.DataFrame, prefix: str) -> list[str]:
    """The metrics for which `table` has a column `prefix/metric` with any value, in the table's order."""
    start = prefix + "/"
    return [c.removeprefix(start) for c in table.columns if c.startswith(start) and table[c].notna().any()]


def _facts(record: RunRecord) -> dict[str, Any]:
    settings = {**record.config, **record.environment}
    return {
        **{name: getattr(record, name) for name in _NAMES},
        "variant": (),
        "options": json.dumps(record.options, sort_keys=True),
        "device": record.device,
        "seed": record.seed,
        "score_name": record.score_name,
        "score": record.scores.get("test", _NAN),
        "selection_name": record.selection_name,
        "validation_score": record.scores.get("validation", _NAN),
        "quality_target": _or_nan(record.quality_target),
        "chance": _or_nan(record.config.get("benchmark", {}).get("chance")),
        "feasible": record.feasible,
        "verdict": describe_fit(record),
        "max_violation": _largest(record, record.violations),
        "max_search_violation": _largest(record, record.search_violations),
        "threads": settings.get("threads", _NAN),
        "dtype": str(settings.get("dtype", "")),
        "length": _length(record.config.get("recipe", {})),
        **recipe_columns(record.config),
        "data_note": record.data_note,
        "error": record.error or "",
        **{f"headline/{part}": record.headline.get(part, "") for part in ("candidate", "budget")},
    }


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else float(value)


def _further_scores(record: RunRecord, names: Iterable[str]) -> dict[str, float]:
    return {f"score/{name.removeprefix(_FURTHER)}": record.scores.get(name, _NAN) for name in names}


def _int8(deployed: Deployed | None) -> dict[str, float]:
    """What was measured of the int8 network."""
    parts = ("ram", "arena", "flash")
    sizes = {f"int8/{part}": float(getattr(deployed, part).actual) if deployed else _NAN for part in parts}
    return {"int8/score": deployed.score if deployed else _NAN, **sizes}


def _board(record: RunRecord) -> dict[str, Any]:
    """What the network needs of the board and what that has; why its latency is an extrapolation."""
    numbers = {f"board/{name}": _or_nan(record.board.get(name)) for name in _BOARD_COLUMNS}
    return {"board_fits": Board.of(record.board).fits, **numbers, "extrapolated": "; ".join(record.extrapolated)}


def _length(recipe: Mapping[str, Any]) -> str:
    """A recipe's epochs for warm-up, search and final training, and what it cuts the data to; "" where unknown."""
    if "epochs" not in recipe:
        return ""
    phases = [recipe["epochs"], *(recipe.get(f"{name}_epochs") or recipe["epochs"] for name in ("search", "finetune"))]
    text = " + ".join(map(str, phases)) + " epochs"
    for key, what in (("train_samples", "training"), ("eval_samples", "evaluation")):
        text += f", {recipe[key]:,} {what} samples" if recipe.get(key) else ""
    return text


def _largest(record: RunRecord, violations: Mapping[str, float] | None) -> float:
    """The largest violation; 0 where a finished run had no constraint, NaN where nothing is known."""
    if violations is None or (not violations and (record.targets or record.status != "done")):
        return _NAN
    return max(violations.values(), default=0.0)


def _metric_columns(record: RunRecord, metrics: Sequence[str], limited: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for m in metrics:
        cost, reference = record.costs.get(m, _NAN), record.reference_costs.get(m, _NAN)
        row |= {
            f"cost/{m}": cost,
            f"relative/{m}": cost / reference if reference else _NAN,
            f"reference/{m}": reference,
            f"unit/{m}": record.units.get(m, ""),
        }
    searched = record.search_violations or {}
    limits = {"target": record.targets, "violation": record.violations, "search_violation": searched}
    return row | {f"{kind}/{m}": values.get(m, _NAN) for m in limited for kind, values in limits.items()}


def _artefact_users(records: Sequence[RunRecord]) -> Counter[str]:
    """Artefact -> number of finished runs that were charged for it, so that the amortised shares add up to one."""
    charges = [record.meter.get("shared", {}).values() for record in records if record.status == "done"]
    return Counter(artefact for shared in charges for artefact in {s["artefact"] for s in shared})


def _effort(record: RunRecord, users: Mapping[str, int]) -> dict[str, float]:
    meter = record.meter
    trainings, total = meter.get("standard_trainings", {}), meter.get("total", {})
    shared = meter.get("shared", {}).values()
    saved = sum(s["macs"] * (1 - 1 / max(1, users[s["artefact"]])) for s in shared)
    full = trainings.get("total", _NAN)
    return {
        "trainings": full,
        "trainings_amortised": full - saved / meter["standard_macs"] if trainings else _NAN,
        "trainings_shared": sum(s["macs"] for s in shared) / meter["standard_macs"] if trainings else _NAN,
        **{f"trainings/{phase}": trainings.get(phase, _NAN) for phase in PHASES},
        "epochs": _epochs(record),
        **{name: total.get(name, _NAN) for name in ("training_samples", "wall_s", "cpu_s", "networks")},
        "lost_macs": meter.get("lost", {}).get("macs", _NAN),
    }


def _epochs(record: RunRecord) -> float:
    """Passes over the training data: one standard training, of known cost, makes the recipe's epochs of them."""
    reference = record.reference_costs.get("macs", _NAN)
    epochs = record.config.get("recipe", {}).get("epochs", _NAN)
    samples = record.meter.get("total", {}).get("training_samples", _NAN)
    return float(epochs * samples * _STEP_COST * reference / record.meter.get("standard_macs", _NAN))


def _order(r: RunRecord) -> tuple[object, ...]:
    variant = [(key, json.dumps(value, sort_keys=True)) for key, value in sorted(r.variant.items())]
    return r.benchmark, r.preset, r.device, r.budget, r.method, variant, r.seed, r.id
