"""Records as an experiment would leave them, made without training anything."""

import dataclasses
import hashlib
import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

from suite.data.files import write_atomic
from suite.records.plan_note import PlanNote
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.space.budget import Budget, parse_budget
from suite.task.meter import Meter

UNITS = {"weights": "B", "weights_full": "B", "flash": "B", "macs": "MAC", "ram": "B", "latency": "s", "energy": "J"}
REFERENCE_COSTS = {
    "weights": 77_360.0,
    "weights_full": 78_944.0,
    "flash": 96_544.0,
    "macs": 12_501_632.0,
    "ram": 49_152.0,
    "latency": 0.152,
    "energy": 0.0211,
}
BUDGETS = ({"weights": "25%", "latency": "50%"}, {"weights": "50%", "ram": "50%"})
# score at a half, share of each target that is used, violation at the last search epoch, search and full cost
METHODS: dict[str, tuple[float, float, float | None, float, int]] = {
    "duccio": (0.893, 0.985, 0.031, 1.1, 1),
    "hand_tuned": (0.871, 1.18, None, 0.0, 1),
    "width_scaling": (0.862, 0.93, None, 0.0, 1),
    "random_search": (0.874, 0.88, None, 6.5, 12),
}
OPTIONS: dict[str, dict[str, object]] = {
    "duccio": {"projection": "none"},
    "duccio_projected": {"projection": "refill"},
    "random_search": {"trials": 12},
}


def make_record(
    *,
    method: str = "duccio",
    variant: Mapping[str, object] | None = None,
    budget: dict[str, str] | None = None,
    seed: int = 0,
    benchmark: str = "digits",
    preset: str = "paper",
    device: str = "nucleo_l4r5zi",
    **changes: object,
) -> RunRecord:
    """One finished run; `variant` are its options other than the default, `changes` replace fields of the record."""
    options = {**OPTIONS.get(method, {}), **(variant or {})}
    config: dict[str, Any] = {
        "benchmark": {"name": benchmark, "version": 1},
        "method": {"name": method, "version": 1, **options},
        "budget": BUDGETS[0] if budget is None else budget,
        "device": device,
        "preset": preset,
        "seed": seed,
        "compute": {"dtype": "float32", "threads": 2},
    }
    limits = parse_budget(config["budget"], REFERENCE_COSTS, UNITS)
    record = RunRecord(
        id=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16],
        experiment="example",
        status="done",
        benchmark=benchmark,
        method=method,
        variant=variant or {},
        options=options,
        device=device,
        preset=preset,
        seed=seed,
        budget=limits.label,
        targets=limits.targets,
        units=UNITS,
        config=config,
    )
    return dataclasses.replace(record, **(_result_fields(record, limits) | changes))  # type: ignore[arg-type]


def _result_fields(record: RunRecord, limits: Budget) -> dict[str, object]:
    """The fields that a finished run has more than a planned one, drawn at random from its names and seed."""
    rng = random.Random(" ".join((record.id, record.method, record.budget)))
    base, use, searched, search, networks = METHODS.get(record.method, (0.85, 0.97, 0.02, 1.0, 1))
    costs = {m: c * rng.uniform(0.4, 0.6) for m, c in REFERENCE_COSTS.items()}
    costs |= {c.metric: c.target * use * rng.uniform(0.97, 1.01) for c in limits}
    score = base + rng.gauss(0, 0.004) - (0.02 if limits.targets.get("weights", 9e9) < 30_000 else 0)
    return {
        "score_name": "accuracy",
        "selection_name": "accuracy",
        "scores": {"test": score, "validation": score + 0.01},
        "reference_costs": REFERENCE_COSTS,
        "costs": costs,
        "violations": limits.violations(costs),
        "feasible": limits.fits(costs),
        "search_violations": None if searched is None else {m: searched * rng.uniform(0, 2) for m in limits.targets},
        "selection": "best feasible by validation",
        "meter": _meter(record.benchmark, record.seed, search, networks, rng),
        "data_note": "re-encoded (lossy)" if record.benchmark == "visual_wake_words" else "",
        "environment": {"processor": "AMD EPYC", "threads": 2, "dtype": "float32", "torch": "2.13.0"},
        "finished": "2026-11-21T10:00:00Z",
    }


def board(
    arena: int = 60_000, flash: int = 90_000, ram: int | None = 65_536, rom: int | None = 131_072
) -> dict[str, Any]:
    """The node `board` of a record: what the network needs, and the board's RAM and flash in bytes."""
    limits = [(arena, ram), (flash, rom)]
    known = [needed <= limit for needed, limit in limits if limit is not None]
    fits = False if not all(known) else True if len(known) == 2 else None
    parts = {"head": arena - 10_000, "scratch": 6_000, "tail": 4_000}
    return {"fits": fits, **parts, "arena": arena, "flash": flash, "ram_limit": ram, "flash_limit": rom}


def with_recipe(record: RunRecord) -> RunRecord:
    """The record of a recipe that says how long a standard training is, so that epochs can be told."""
    return dataclasses.replace(record, config={**record.config, "recipe": {"epochs": 12}})


def with_chance(record: RunRecord, chance: float = 0.1) -> RunRecord:
    """The record of a benchmark that states a chance score."""
    return dataclasses.replace(
        record, config={**record.config, "benchmark": {"name": record.benchmark, "chance": chance}}
    )


def make_failure(error: str = "RuntimeError: the loss is not finite at epoch 3", **keys: object) -> RunRecord:
    """A run that died before it had a network."""
    record = make_record(**keys)  # type: ignore[arg-type]
    nothing: dict[str, object] = {
        "scores": {},
        "costs": {},
        "violations": {},
        "search_violations": None,
        "meter": {},
    }
    return dataclasses.replace(record, status="failed", feasible=False, error=error, **nothing)  # type: ignore[arg-type]


def write_plan(store: Store, run_id: str, method: str = "duccio", preset: str = "paper") -> None:
    """The note of a run that is planned but has not ended."""
    note = PlanNote("digits", method, "weights 25%", 0, preset, "nucleo_l4r5zi")
    write_atomic(store.run_folder(run_id) / "plan.json", note.to_json())


def make_records(
    seeds: int = 3, budgets: Sequence[dict[str, str]] = BUDGETS, benchmarks: Sequence[str] = ("digits",)
) -> list[RunRecord]:
    """Every method at every budget and seed, and one failed run of a method that has no other."""
    records = [
        make_record(method=method, budget=budget, seed=seed, benchmark=benchmark)
        for benchmark in benchmarks
        for budget in budgets
        for method in METHODS
        for seed in range(seeds)
    ]
    return [*records, make_failure(method="nsga2", benchmark=benchmarks[0])]


def make_many(count: int) -> list[RunRecord]:
    """`count` finished records of an experiment with several benchmarks and ever more budgets."""
    budgets = [{"weights": f"{20 + b}%", "latency": "50%"} for b in range(count // 24 + 1)]
    return make_records(3, budgets, ("digits", "keyword_spotting"))[:count]


def _meter(benchmark: str, seed: int, search: float, networks: int, rng: random.Random) -> dict[str, object]:
    standard = 3 * REFERENCE_COSTS["macs"] * 1_000 * 12
    meter = Meter(standard)
    warmup = {
        "macs": round(standard),
        "training_samples": 12_000,
        "wall_s": 60.0,
        "cpu_s": 110.0,
        "networks": 1,
    }
    meter.add_shared("warmup", f"warmup-{benchmark}-{seed}", {"warmup": warmup})
    for name, share in (("search", search), ("finetune", 0.5), ("evaluation", 0.05)):
        usage = meter.phases[name]
        usage.macs = round(standard * share * rng.uniform(0.98, 1.02))
        usage.wall_s, usage.cpu_s = share * 62.0, share * 115.0
    meter.count_network("finetune")
    meter.phases["search"].networks += networks
    report = meter.report()
    return {**report, "peak_memory_bytes": 0}
