"""One run: task -> method.search -> verify -> score -> record.

The harness never believes a method: it traces the returned networks, computes costs and validation scores itself, picks
by its own rule and reads the test split once.
"""

import datetime
import logging
import math
import shutil
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from filelock import Timeout
from torch import Tensor

from suite import SuiteError
from suite.config.plan import Plan
from suite.data.base import Data, Split
from suite.data.files import StorageError
from suite.engine.allocator import keep_freed_memory
from suite.engine.candidates import SELECTION, choose_candidate, evaluate_candidate, summarise_candidate
from suite.engine.environment import environment
from suite.engine.memory import PeakMemory
from suite.engine.preflight import check_method, check_outputs
from suite.hardware.domain import extrapolation
from suite.hardware.layers import Network
from suite.hardware.run_nodes import memory_node, operators_node
from suite.hardware.trace import trace
from suite.records.claims import ClaimedError, claimed
from suite.records.record import RunRecord
from suite.records.store import Store, encode_run_files
from suite.space.board import board_node
from suite.space.groups import channel_groups
from suite.task import interruption
from suite.task.evaluation import predict_split, to_device
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.splits import load_data, subset
from suite.task.task import SearchResult, Task, Workspace

log = logging.getLogger(__name__)

_GPU_ERRORS: tuple[type[Exception], ...] = (torch.AcceleratorError,) if hasattr(torch, "AcceleratorError") else ()
"""An invalid access, a lost device; not that memory ran out. PyTorch has a type for them since 2.8."""

_NO_FAILURES_OF_A_METHOD: tuple[type[Exception], ...] = (StorageError, *_GPU_ERRORS)
"""A full disk, a failed GPU."""


class RunningElsewhere(Exception):
    """Another process has this run's lock or claim; the text says which."""


def execute(plan: Plan, store: Store, progress: Progress, checkpoint_seconds: float = 10.0) -> RunRecord:
    """Do one run, continue a killed one, or return the record of a finished one.

    A method that raises leaves a record with status "failed" and its error; its checkpoints stay. What a killed process
    left half written is removed.

    Raises:
        SuiteError: the data turned out unusable, the method refuses the task before it trains, a file cannot be
            written, or the GPU failed.
        RunningElsewhere: another process is doing this run, or took it over while this one was suspended.
        Interrupted: this process was asked to stop; the run's checkpoint is written.
    """
    folder = store.run_folder(plan.id)
    try:
        with store.lock(folder).acquire(timeout=0):
            finished = store.read_or_set_aside(plan.id)
            if finished is not None and finished.status == "done":
                return finished
            with claimed(folder, on_loss=interruption.request) as check_claim:
                for leftover in folder.rglob("*.tmp"):
                    leftover.unlink(missing_ok=True)
                record, files = _run(plan, store, folder, progress, checkpoint_seconds)
                check_claim()
                store.write(record, files)
                if record.status == "done":
                    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
                return record
    except Timeout as error:
        raise RunningElsewhere("another process of this machine") from error
    except ClaimedError as error:
        raise RunningElsewhere(str(error)) from error
    except _GPU_ERRORS as error:  # this process cannot use the GPU any more, for no other run either
        reason = str(error).partition("\n")[0]
        raise SuiteError(f"{plan.label}: the GPU failed ({reason}); the same command continues") from error


def _run(
    plan: Plan, store: Store, folder: Path, progress: Progress, checkpoint_seconds: float
) -> tuple[RunRecord, dict[str, bytes]]:
    """The run's record, and the files that belong beside it; nothing of them is written."""
    if plan.task.compute == "cpu":
        torch.set_num_threads(plan.threads)
        keep_freed_memory()
    data = load_data(plan.benchmark, store)
    check_outputs(plan, data)
    plan = replace(plan, benchmark=plan.benchmark.fit_preprocessing(data))
    task = make_task(plan, data, Workspace(folder, store, checkpoint_seconds), progress)
    check_method(plan, task)
    meter, memory = Meter(task.standard_macs, task.compute), PeakMemory(cuda=task.compute == "cuda")
    files: dict[str, bytes] = {}
    try:
        result = plan.method.search(task, plan.budget, meter)
        record, outputs = _conclude(plan, store, task, data, result, meter)
        record.to_json()  # a history or a name that no file format holds is the method's failure, too
        files = encode_run_files(**outputs)
    except _NO_FAILURES_OF_A_METHOD:
        raise
    except Exception as error:
        log.error("%s failed: %s\n%s", plan.label, error, "".join(traceback.format_exception(error)))
        text = f"{type(error).__name__}: {error}"
        record = _record(plan, store, data, status="failed", error=text, meter=meter.report())
    return replace(record, meter={**record.meter, "peak_memory_bytes": memory.read()}), files


def make_task(plan: Plan, data: Data, workspace: Workspace, progress: Progress) -> Task:
    """What the method sees: training and validation data only."""
    recipe, benchmark, compute = plan.task.recipe, plan.benchmark, plan.task.compute
    return Task.of(
        plan.task,
        train=_to_device(subset(data.train, recipe.train_samples), compute),
        validation=_to_device(subset(data.validation, recipe.eval_samples), compute),
        preprocess=benchmark.preprocess,
        augment=benchmark.augment,
        loss=benchmark.loss,
        smoothed_loss=getattr(benchmark, "smoothed_loss", None),
        mirrors_in_turns=getattr(benchmark, "mirrors_in_turns", False),
        predict=benchmark.predict,
        score=benchmark.selection_score,
        workspace=workspace,
        progress=progress,
    )


def _to_device(split: Split, compute: str) -> Split:
    """Examples where and as they are used, images in channels_last, so that no step waits for a transfer or a copy;
    labels stay where scores are computed.
    """
    x = split.x.to(compute)
    return replace(split, x=x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x)


def _conclude(
    plan: Plan, store: Store, task: Task, data: Data, result: SearchResult, meter: Meter
) -> tuple[RunRecord, dict[str, Any]]:
    """Evaluate the candidates, read the test split once with the chosen one; the record, and what lies beside it."""
    if not result.candidates:
        raise RuntimeError(f"method {plan.method.name} returned no candidate")
    candidates = [evaluate_candidate(task, candidate, meter) for candidate in result.candidates]
    chosen = choose_candidate(plan.budget, candidates)
    if not math.isfinite(chosen.validation):
        raise ValueError(f"validation score {chosen.validation} of the best candidate: its outputs are no numbers")
    method_effort = meter.report()  # the pass over the test split that follows is the harness's, not the method's
    test = subset(data.test, task.recipe.eval_samples)
    uncharged = Meter(task.standard_macs, task.compute)
    network = to_device(chosen.candidate.network, task.compute)
    predictions = predict_split(task, network, test, uncharged, chosen.costs["macs"])
    if not predictions.isfinite().all():
        raise ValueError("predictions for the test split are not finite")
    violations = plan.budget.violations(chosen.costs)
    layers = trace(network, task.input_shape)
    groups = channel_groups(layers)
    widths = groups.named(groups.sizes)
    record = _record(
        plan,
        store,
        data,
        status="done",
        scores={"validation": chosen.validation, **_test_scores(plan, predictions, test)},
        costs=chosen.costs,
        violations=violations,
        feasible=all(v == 0 for v in violations.values()),
        board=board_node(plan.task.hardware.device, layers, chosen.costs["flash"]),
        extrapolated=extrapolation(plan.task.hardware.device, layers),
        search_violations=None if result.search_costs is None else plan.budget.violations(result.search_costs),
        selection=SELECTION,
        candidates=tuple(summarise_candidate(plan.budget, c) for c in candidates),
        widths=widths,
        meter=method_effort,
        artefacts=tuple(_checked_artefacts(result)),
    )
    files = {
        "history": pd.DataFrame(list(result.history)) if result.history else None,
        "predictions": plan.benchmark.recorded_predictions(predictions, test),
        "architecture": architecture(plan, widths, layers, chosen.candidate.choices),
        "weights": network.cpu().state_dict(),
    }
    return record, files


def _checked_artefacts(result: SearchResult) -> Sequence[str]:
    if wrong := [artefact for artefact in result.artefacts if not isinstance(artefact, str)]:
        raise TypeError(f"SearchResult.artefacts: ids of artefacts, as text; not {wrong[0]!r}")
    return result.artefacts


def _test_scores(plan: Plan, predictions: Tensor, test: Split) -> dict[str, float]:
    """The benchmark's score under "test", its others under "test/<name>"."""
    scores = plan.benchmark.scores(predictions, test)
    main = plan.benchmark.score_name
    return {"test": scores[main], **{f"test/{name}": value for name, value in scores.items() if name != main}}


def architecture(plan: Plan, widths: Mapping[str, int], network: Network, choices: Mapping[str, str]) -> dict[str, Any]:
    """The chosen network as JSON: the reference network, or the supernet and the chosen branches, that it comes from;
    the width of each channel group; its layers with weights; the plan of its memory; its operators and the reference
    network's, with their costs.
    """
    hardware = plan.task.hardware
    origin = {"supernet": plan.identity["supernet"], "choices": dict(choices)} if choices else {}
    return origin | {
        "reference_network": plan.identity["benchmark"]["network"],
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
            for x in network.weighted
        ],
        "memory": memory_node(network),
        "operators": operators_node(hardware, network),
        "reference_operators": operators_node(hardware, plan.task.space.network),
    }


def _record(plan: Plan, store: Store, data: Data, **results: Any) -> RunRecord:
    space = plan.task.space
    return RunRecord(
        id=plan.id,
        experiment=store.experiment,
        benchmark=plan.benchmark.name,
        method=plan.method.name,
        variant=plan.variant,
        options=plan.options,
        device=plan.task.hardware.device.name,
        preset=plan.preset,
        seed=plan.task.seed,
        budget=plan.budget.label,
        targets=plan.budget.targets,
        units=plan.task.hardware.units,
        config=plan.identity,
        headline=plan.headline,
        score_name=plan.benchmark.score_name,
        selection_name=plan.benchmark.selection_name,
        quality_target=plan.benchmark.quality_target,
        reference_costs=space.reference_costs,
        reference_widths=space.groups.named(space.full),
        data_note=data.meta.get("title", ""),
        environment=environment(plan.task.compute, plan.threads, plan.task.recipe.dtype, plan.identity["data"]),
        finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **results,
    )
