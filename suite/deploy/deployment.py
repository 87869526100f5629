"""From a finished run to files for a board, and to what an interpreter says of them.

`RUN/deploy/` gets the float network (.pt2, and .onnx with its extra), the int8 network (.tflite) and a bundle for
firmware; `RUN/deploy.json` what was predicted and what came out.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from suite import SuiteError
from suite.benchmarks.base import Benchmark
from suite.data.base import Split
from suite.data.files import write_atomic
from suite.deploy.bundle import Bundle
from suite.deploy.convert import CALIBRATION_EXAMPLES, channels_last, convert
from suite.deploy.extras import missing_modules, require_extra
from suite.deploy.find_run import FoundRun
from suite.deploy.float_exports import export_onnx, export_torch
from suite.deploy.load import load_network
from suite.deploy.micro import MicroRun, run_micro
from suite.hardware.arena import Arena
from suite.hardware.flash import flash_bytes
from suite.hardware.layers import LayerTable, Network
from suite.hardware.trace import trace
from suite.records.archive import DEPLOYMENT
from suite.records.deployment import Compared, Deployed, MicroCheck
from suite.records.labels import run_label
from suite.records.record import RunRecord
from suite.task.splits import load_data, subset

log = logging.getLogger(__name__)

MICRO_EXAMPLES = 100
"""Examples of the test split on which TensorFlow Lite Micro is compared with the reference interpreter."""

_BATCH = 100
_VERSIONS = ("litert-torch", "ai-edge-quantizer", "ai-edge-litert", "tflite-micro", "torch")

Progress = Callable[[Sequence[Tensor], str], Iterable[Tensor]]
"""Wraps what is iterated over, with a description of it, to show how far it is."""


def deploy(run: FoundRun, benchmark: Benchmark, progress: Progress, *, trusted: bool = False) -> Deployed:
    """Convert a run's network, run it in both interpreters, and write `deploy/` and `deploy.json`.

    Args:
        run: a finished run with its weights.
        benchmark: the run's, with its data.
        progress: shows how far the int8 network is with the test split.
        trusted: whether a network class outside the suite may be built.

    Raises:
        SuiteError: the extra is missing, the run has no weights, or its network cannot be converted.
    """
    from suite.deploy.flatbuffer import operator_names
    from suite.deploy.reference import Int8Network, ReferenceInterpreter

    require_extra("deploy", "suite deploy")
    network = load_network(run.folder, trusted=trusted)
    data = load_data(benchmark, run.store)
    fitted = benchmark.fit_preprocessing(data)
    recipe = run.record.config.get("recipe", {})
    training = subset(subset(data.train, recipe.get("train_samples")), CALIBRATION_EXAMPLES)
    test = subset(data.test, recipe.get("eval_samples"))
    examples = fitted.preprocess(training.x)
    content = convert(network, examples)
    write_atomic(run.folder / "deploy" / "network.tflite", content)
    reference = ReferenceInterpreter(content)
    score = _score(fitted, Int8Network(reference), test, progress)
    first = reference.input.quantise(channels_last(fitted.preprocess(test.x[:MICRO_EXAMPLES])))
    expected = np.stack([reference.invoke(example) for example in first])
    micro, operators = run_micro(content, first), operator_names(content)
    layers = trace(network, tuple(examples.shape[1:]))
    bundle = (reference.input, reference.output, Arena.of(layers).total, first[0], expected[0])
    Bundle(_title(run), content, operators, *bundle).write(run.folder / "deploy" / "bundle")
    _write_float(run.folder / "deploy", network, examples[:1])
    ram, arena, flash = _compare_bytes(run.record, layers, micro, len(content))
    deployed = Deployed(
        run=run.record.id,
        ram=ram,
        arena=arena,
        flash=flash,
        score_name=run.record.score_name,
        float_score=run.record.scores["test"],
        score=score,
        examples=len(test),
        calibration_examples=len(examples),
        micro=_compare_interpreters(micro, expected, operators),
        versions={name: version(name) for name in _VERSIONS},
    )
    write_atomic(run.folder / DEPLOYMENT, deployed.to_json().encode())
    return deployed


def _compare_bytes(record: RunRecord, layers: Network, micro: MicroRun, file_bytes: int) -> tuple[Compared, ...]:
    """RAM, arena and flash: limits of the budget and the board, predictions, and what came out."""
    arena, table = Arena.of(layers), LayerTable.of(layers.parts)
    flash = int(flash_bytes(table, table.cin, table.cout).sum())
    return (
        Compared(_lowest(record.targets.get("ram")), arena.head, micro.head),
        Compared(_lowest(record.board.get("ram_limit")), arena.total, micro.head + micro.tail),
        Compared(_lowest(record.targets.get("flash"), record.board.get("flash_limit")), flash, file_bytes),
    )


def _compare_interpreters(micro: MicroRun, expected: NDArray[np.int8], operators: Sequence[str]) -> MicroCheck:
    """TensorFlow Lite Micro's outputs beside the reference interpreter's `expected`, (N, ...)."""
    return MicroCheck(
        examples=len(expected),
        largest_difference=int(np.abs(micro.outputs.astype(int) - expected).max()),
        operators=[
            {"operator": name, "largest_difference": difference}
            for name, difference in zip(operators, micro.differences, strict=True)
        ],
    )


def _write_float(folder: Path, network: torch.nn.Module, example: Tensor) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    export_torch(network, example, folder / "network.pt2")
    if missing := missing_modules("onnx"):
        log.info("network.onnx is left out: %s not installed (the extra onnx)", ", ".join(missing))
        return
    try:
        export_onnx(network, example, folder / "network.onnx")
    except SuiteError as error:
        log.warning("network.onnx is left out: %s", error)


@torch.no_grad()
def _score(benchmark: Benchmark, network: torch.nn.Module, test: Split, progress: Progress) -> float:
    """The benchmark's score of the test split."""
    parts = []
    for index in progress(torch.split(torch.arange(len(test)), _BATCH), f"int8, {len(test):,} test examples"):
        x = benchmark.preprocess(test.x[index])
        parts.append(benchmark.predict(network(x), x))
    return benchmark.scores(torch.cat(parts), test)[benchmark.score_name]


def _lowest(*limits: float | None) -> float | None:
    return min((float(limit) for limit in limits if limit is not None), default=None)


def _title(run: FoundRun) -> str:
    record = run.record
    return f"{run_label(record.benchmark, record.method, record.variant, record.budget, record.seed)}: run {record.id}"
