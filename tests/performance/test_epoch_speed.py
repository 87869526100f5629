"""An epoch of training against the same recipe in plain PyTorch: ratios of interleaved pairs, on the real packs.

Processor time on one thread, as experiments run (two runs on a thread each are faster than one after the other on two),
so that what other processes take from the machine does not count.

Plain: fp32, NCHW, DataLoader over a TensorDataset without workers, per-sample augmentation by Pillow and NumPy, in a
process of its own, where the allocator is as the C library sets it.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from machine import instruction_sets
from pairs import Pairs, TimePairs
from PIL import Image
from speed_figures import RecordFigure
from speed_tasks import EpochTrainer, speed_task
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from suite.config.plan import Plan
from suite.engine.allocator import keep_freed_memory
from suite.task.optimisation import Optimisation
from suite.task.task import Task, Workspace

pytestmark = pytest.mark.benchmark(timer=time.process_time)

PAIRS = 3
NOISE = 0.1  # of a shared machine, from one run of this file to the next


class _PerSample(Dataset[tuple[Tensor, Tensor]]):
    """Each example augmented on its own as it is fetched."""

    def __init__(self, base: TensorDataset, augment: Callable[[Tensor], Tensor]) -> None:
        self.base, self.augment = base, augment

    def __len__(self) -> int:
        return len(self.base)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        x, y = self.base[index]
        return self.augment(x), y


def _shifted_and_mirrored(shift: float) -> Callable[[Tensor], Tensor]:
    rng = np.random.default_rng(0)

    def augment(x: Tensor) -> Tensor:
        image = Image.fromarray(x.permute(1, 2, 0).numpy())
        dx, dy = rng.integers(-int(shift * image.width), int(shift * image.width) + 1, 2)
        image = image.transform(image.size, Image.Transform.AFFINE, (1, 0, dx, 0, 1, dy))
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 255)

    return augment


def _rolled(x: Tensor) -> Tensor:
    return torch.from_numpy(np.roll(x.numpy(), np.random.randint(-5, 6), axis=0)[None])


AUGMENT: dict[str, Callable[[Tensor], Tensor]] = {
    "image_classification": _shifted_and_mirrored(0.0625),
    "keyword_spotting": _rolled,
    "visual_wake_words": _shifted_and_mirrored(0.05),
    "anomaly_detection": Tensor.float,
    "tiny_imagenet": _shifted_and_mirrored(0.0625),
}
# Examples of an epoch, and how many times faster than plain PyTorch it is to be in the format that auto chooses.
CASES = {
    "image_classification": (1_600, {"bf16": 1.6, "fp32": 1.2}),
    "keyword_spotting": (2_500, {"bf16": 1.4, "fp32": 1.2}),
    "visual_wake_words": (1_920, {"bf16": 1.2, "fp32": 1.2}),
    "anomaly_detection": (20_000, {"bf16": 1.2, "fp32": 1.1}),
    "tiny_imagenet": (100, {"bf16": 1.2, "fp32": 1.1}),
}


def _task(name: str, packs: Path, folder: Path, samples: int, *overrides: str) -> tuple[Task, Plan]:
    pack = packs / f"{name}.npz"
    return speed_task(name, pack, folder, "threads=1", f"recipe.train_samples={samples}", *overrides)


def _plain_epoch(task: Task, plan: Plan, augment: Callable[[Tensor], Tensor]) -> Callable[[], None]:
    settings = task.recipe.warmup
    network = task.new_network()
    optimiser = _plain_optimiser(settings, network)
    data = _PerSample(TensorDataset(task.train.x, task.train.y), augment)
    loader = DataLoader(data, task.recipe.batch, shuffle=True, num_workers=0)

    def epoch() -> None:
        network.train()
        for x, y in loader:
            loss = plan.benchmark.loss(network(x), x, y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return epoch


def _plain_optimiser(settings: Optimisation, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's, by torch's own defaults: on a CPU not the fused kernels that we ask for."""
    parameters, lr, decay = network.parameters(), settings.lr, settings.weight_decay
    if settings.optimiser == "sgd":
        return torch.optim.SGD(parameters, lr, settings.momentum, weight_decay=decay)
    kind = torch.optim.Adam if settings.optimiser == "adam" else torch.optim.AdamW
    return kind(parameters, lr, weight_decay=decay)


def _serve_plain_epochs(name: str, packs: Path, folder: Path, pipe: Connection) -> None:
    """Train a plain epoch at each message, and answer with its seconds of processor time."""
    torch.set_num_threads(1)
    plain = _plain_epoch(*_task(name, packs, folder, CASES[name][0]), AUGMENT[name])
    while True:
        pipe.recv()
        start = time.process_time()
        plain()
        pipe.send(time.process_time() - start)


@contextmanager
def _plain_seconds(name: str, packs: Path, folder: Path) -> Iterator[Callable[[], float]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve_plain_epochs, args=(name, packs, folder, theirs)
    )
    process.start()
    theirs.close()  # the process has its own: where it fails, receiving fails too instead of waiting

    def seconds() -> float:
        ours.send(None)
        return ours.recv()

    try:
        yield seconds
    finally:
        process.terminate()
        process.join()


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny_imagenet" else ()) for name in CASES]
)
def test_an_epoch_is_faster_than_in_plain_pytorch(
    name: str, packs: Path, tmp_path: Path, benchmark: Any, figure: RecordFigure
) -> None:
    keep_freed_memory()
    samples, goals = CASES[name]
    task, _ = _task(name, packs, tmp_path, samples, "recipe.dtype=auto")
    ours = EpochTrainer(task)
    seconds: list[float] = []
    with _plain_seconds(name, packs, tmp_path / "plain") as plain:
        ours(), plain()  # warms both up
        benchmark.pedantic(ours, setup=lambda: seconds.append(plain()), rounds=PAIRS)
    pairs = Pairs(seconds, benchmark.stats.stats.data)
    figure("speed-up over plain PyTorch", pairs.speed_up, "x", at_least=goals[task.recipe.dtype])


@pytest.mark.skipif(
    "avx512_bf16" not in instruction_sets(), reason="auto is bf16 on processors that compute in it (avx512_bf16)"
)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny_imagenet" else ()) for name in CASES]
)
def test_the_format_that_auto_chooses_is_the_faster_one(
    name: str, packs: Path, tmp_path: Path, time_pairs: TimePairs, figure: RecordFigure
) -> None:
    task, _ = _task(name, packs, tmp_path, CASES[name][0], "recipe.dtype=auto")
    formats = {
        dtype: EpochTrainer(replace(task, recipe=replace(task.recipe, dtype=dtype), workspace=_apart(task, dtype)))
        for dtype in ("fp32", "bf16")
    }
    chosen = task.recipe.dtype
    (other,) = set(formats) - {chosen}
    pairs = time_pairs(formats[chosen], formats[other], rounds=PAIRS, warmup=1)
    figure(f"speed-up of {chosen} over {other}", pairs.speed_up, "x", at_least=1 - NOISE)


def _apart(task: Task, name: str) -> Workspace:
    """A workspace of its own, so that one format's checkpoints are not taken for the other's."""
    return replace(task.workspace, folder=task.workspace.folder / name)


@pytest.mark.parametrize("name", ["keyword_spotting", "anomaly_detection", "visual_wake_words", "tiny_imagenet"])
def test_a_prepared_pack_loads_in_ten_seconds(
    name: str, packs: Path, tmp_path: Path, benchmark: Any, figure: RecordFigure
) -> None:
    plan = _task(name, packs, tmp_path, 100)[1]  # decodes once
    benchmark.pedantic(lambda: plan.benchmark.source().load(tmp_path / "artefacts" / "data"), rounds=1)
    figure("loading", benchmark.stats.stats.median, "s", at_most=10)
