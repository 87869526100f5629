"""One run: task -> method.search -> verify -> score -> record.

The harness never believes a method: it traces the returned networks, computes costs and validation scores itself, picks
by its own rule and reads the test split once.
"""

import datetime
import logging
import platform
import shlex
import shutil
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from filelock import Timeout
from torch import Tensor

import suite
from suite import SuiteError
from suite.benchmarks.base import Benchmark
from suite.config.plan import Plan
from suite.data.base import Data, Split
from suite.engine.allocator import keep_freed_memory
from suite.hardware.trace import trace
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.space.groups import channel_groups
from suite.task.evaluation import evaluate, outcomes, place
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.task import Candidate, SearchResult, Task, Workspace

log = logging.getLogger(__name__)

SELECTION = "best validation score among feasible candidates; least total violation where none is feasible"
_SUBSET_SEED = 20231011
_LOADED: dict[str, Data] = {}


class RunningElsewhere(Exception):
    """Another process holds this run's lock."""


@dataclass(frozen=True)
class _Judged:
    candidate: Candidate
    costs: Mapping[str, float]
    validation: float


def execute(
    plan: Plan, store: Store, progress: Progress, checkpoint_seconds: float = 10.0, *, wait: bool = False
) -> RunRecord:
    """Do one run, continue a killed one, or return the record of a finished one.

    A method that raises leaves a record with status "failed" and its error; its checkpoints stay.

    Raises:
        SuiteError: the data turned out unusable.
        RunningElsewhere: another process is doing this run, and we do not `wait` for it.
    """
    folder = store.run_folder(plan.id)
    try:
        with store.lock(folder).acquire(timeout=-1 if wait else 0):
            finished = store.read(plan.id)
            if finished is not None and finished.status == "done":
                return finished
            return _run(plan, store, folder, progress, checkpoint_seconds)
    except Timeout as error:
        raise RunningElsewhere(plan.label) from error


def _run(plan: Plan, store: Store, folder: Path, progress: Progress, checkpoint_seconds: float) -> RunRecord:
    if plan.compute == "cpu":
        torch.set_num_threads(plan.threads)
        keep_freed_memory()
    data = load_data(plan.benchmark, store)
    plan = replace(plan, benchmark=plan.benchmark.adapted(data))
    workspace = Workspace(folder, store, checkpoint_seconds)
    task = make_task(plan, data, workspace, progress)
    meter = Meter(task.standard_macs, plan.compute)
    try:
        result = plan.method.search(task, plan.budget, meter)
        record, files = _conclude(plan, store, task, data, result, meter)
    except SuiteError:
        raise
    except Exception as error:
        log.error("%s failed: %s\n%s", plan.label, error, traceback.format_exc())
        text = f"{type(error).__name__}: {error}"
        record, files = _record(plan, store, data, status="failed", error=text, meter=meter.report()), {}
    store.write(record, **files)
    if record.status == "done":
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return record


def make_task(plan: Plan, data: Data, workspace: Workspace, progress: Progress) -> Task:
    """What the method sees: training and validation data only."""
    recipe = plan.recipe
    return Task(
        name=plan.benchmark.name,
        seed=plan.seed,
        train=_on_device(subset(data.train, recipe.train_samples), plan.compute),
        validation=_on_device(subset(data.validation, recipe.eval_samples), plan.compute),
        input_shape=tuple(plan.benchmark.input_shape),
        seed_network=plan.seed_network,
        prepare=plan.benchmark.prepare,
        loss=plan.benchmark.loss,
        outcome=plan.benchmark.outcome,
        score=plan.benchmark.selection,
        balanced=plan.benchmark.balanced,
        recipe=recipe,
        hardware=plan.hardware,
        space=plan.space,
        compute=plan.compute,
        workspace=workspace,
        shared_key=plan.shared_key,
        progress=progress,
        choices=plan.choices,
        supernet=plan.supernet,
    )


def _on_device(split: Split, compute: str) -> Split:
    """Examples where and as they are used, images in channels_last, so that no step waits for a transfer or a copy;
    labels stay where scores are computed.
    """
    x = split.x.to(compute)
    return replace(split, x=x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x)


def subset(split: Split, samples: int | None) -> Split:
    """The same `samples` examples for every method and seed, drawn at random once; all of them where None."""
    if samples is None or samples >= len(split):
        return split
    return split.take(torch.randperm(len(split), generator=torch.Generator().manual_seed(_SUBSET_SEED))[:samples])


def load_data(benchmark: Benchmark, store: Store) -> Data:
    """The benchmark's data, kept in memory for the next run of this process.

    Raises:
        SuiteError: the data is missing or damaged, or its examples are not of the benchmark's shape.
    """
    source = benchmark.source()
    key = source.fingerprint()
    if key not in _LOADED:
        _LOADED.clear()  # one data set at a time: some fill a good part of the memory
        _LOADED[key] = source.load(store.root / "artefacts" / "data")
    data = _LOADED[key]
    shape = tuple(benchmark.adapted(data).prepare(data.train.x[:2]).shape[1:])
    if shape != tuple(benchmark.input_shape):
        raise SuiteError(
            f"benchmark.input_shape={list(benchmark.input_shape)}: the data of {benchmark.name} has examples of shape "
            f"{list(shape)}"
        )
    return data


def _conclude(
    plan: Plan, store: Store, task: Task, data: Data, result: SearchResult, meter: Meter
) -> tuple[RunRecord, dict[str, Any]]:
    """Judge the candidates, read the test split once with the chosen one, and make record and files."""
    if not result.candidates:
        raise RuntimeError(f"method {plan.method.name} returned no candidate")
    judged = [_judge(task, candidate, meter) for candidate in result.candidates]
    chosen = _choose(plan, judged)
    spent = meter.report()  # the test is ours, not the method's
    test = subset(data.test, plan.recipe.eval_samples)
    unpaid = Meter(task.standard_macs, plan.compute)
    found = outcomes(task, place(chosen.candidate.network, plan.compute), test, unpaid, chosen.costs["macs"])
    violations = plan.budget.violations(chosen.costs)
    network = trace(chosen.candidate.network, task.input_shape)
    groups = channel_groups(network)
    widths = {groups.names[i]: n for i, n in enumerate(groups.sizes) if not groups.frozen[i]}
    record = _record(
        plan,
        store,
        data,
        status="done",
        scores={"validation": chosen.validation, **_test_scores(plan, found, test)},
        costs=chosen.costs,
        violations=violations,
        feasible=all(v == 0 for v in violations.values()),
        search_violations=None if result.search_costs is None else plan.budget.violations(result.search_costs),
        selection=SELECTION,
        candidates=tuple(_summary(plan, j) for j in judged),
        widths=widths,
        meter=spent,
        artefacts=tuple(result.artefacts),
    )
    files = {
        "history": pd.DataFrame(list(result.history)) if result.history else None,
        "predictions": plan.benchmark.predictions(found, test),
        "architecture": architecture(plan, widths, network.weighted, chosen.candidate.choices),
        "weights": chosen.candidate.network.cpu().state_dict(),
    }
    return record, files


def _judge(task: Task, candidate: Candidate, meter: Meter) -> _Judged:
    costs = task.hardware.measure(candidate.network, task.input_shape)
    place(candidate.network, task.compute)
    return _Judged(candidate, costs, evaluate(task, candidate.network, task.validation, meter, costs["macs"]))


def _choose(plan: Plan, judged: Sequence[_Judged]) -> _Judged:
    feasible = [j for j in judged if plan.budget.fits(j.costs)]
    if feasible:
        return max(feasible, key=lambda j: j.validation)
    return min(judged, key=lambda j: plan.budget.total_violation(j.costs))


def _summary(plan: Plan, judged: _Judged) -> dict[str, Any]:
    return {
        "name": judged.candidate.name,
        "validation": judged.validation,
        "costs": dict(judged.costs),
        "feasible": plan.budget.fits(judged.costs),
    }


def _test_scores(plan: Plan, found: Tensor, test: Split) -> dict[str, float]:
    """The benchmark's score under "test", its others under "test/<name>"."""
    scores = plan.benchmark.scores(found, test)
    main = plan.benchmark.score_name
    return {"test": scores[main], **{f"test/{name}": value for name, value in scores.items() if name != main}}


def architecture(
    plan: Plan, widths: Mapping[str, int], layers: Sequence[Any], choices: Mapping[str, str]
) -> dict[str, Any]:
    """The found network as JSON: what it comes from (the seed, or a supernet and its chosen branches), width of each
    channel group, and its layers.
    """
    origin = {"supernet": plan.identity["supernet"], "choices": dict(choices)} if choices else {}
    return origin | {
        "seed": plan.identity["benchmark"]["network"],
        "input_shape": list(plan.benchmark.input_shape),
        "widths": dict(widths),
        "layers": [
            {
                "name": x.name,
                "kind": x.kind,
                "in": x.in_channels,
                "out": x.channels,
                "kernel": list(x.kernel),
                "stride": list(x.stride),
                "size": list(x.size),
            }
            for x in layers
        ],
    }


def _record(plan: Plan, store: Store, data: Data, **outcome: Any) -> RunRecord:
    return RunRecord(
        id=plan.id,
        experiment=store.experiment,
        benchmark=plan.benchmark.name,
        method=plan.method_label,
        device=plan.hardware.device.name,
        preset=plan.preset,
        seed=plan.seed,
        budget=plan.budget.label,
        targets=plan.budget.targets,
        units=plan.hardware.units,
        config=plan.identity,
        score_name=plan.benchmark.score_name,
        selection_name=plan.benchmark.selection_name,
        quality_target=plan.benchmark.quality_target,
        seed_costs=plan.space.seed_costs,
        seed_widths=plan.space.named(plan.space.full),
        data_note=data.meta.get("title", ""),
        environment=environment(plan),
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **outcome,
    )


def environment(plan: Plan) -> dict[str, Any]:
    """Machine and versions, for the record; nothing here enters the run's id but compute and threads."""
    gpu = torch.cuda.get_device_name() if plan.compute == "cuda" else None
    return {
        "suite": suite.__version__,
        "command": " ".join(sys.argv[:1] + [shlex.quote(x) for x in sys.argv[1:]]),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "processor": _processor(),
        "gpu": gpu,
        "compute": plan.compute,
        "threads": plan.threads,
        "dtype": plan.recipe.dtype,
    }


@lru_cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), platform.processor())
