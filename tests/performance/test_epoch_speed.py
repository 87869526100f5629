"""An epoch of training against the same recipe in plain PyTorch: ratios of interleaved pairs, on the real packs.

Plain: fp32, NCHW, DataLoader over a TensorDataset without workers, per-sample augmentation by Pillow and NumPy, in a
process of its own, where the allocator is as the C library sets it.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from suite.config.plan import Plan, make_plan
from suite.engine.allocator import keep_freed_memory
from suite.engine.harness import make_task
from suite.records.store import Store
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.recipe import DTYPES, Optimisation
from suite.task.splits import load_data
from suite.task.task import Task, Workspace
from suite.task.training import Phase, fit

PAIRS = 3
NOISE = 0.1  # of a shared machine, from one run of this file to the next
THREADS = 2


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
    return torch.from_numpy(np.roll(x.numpy(), np.random.randint(-5, 6), axis=1))


AUGMENT: dict[str, Callable[[Tensor], Tensor]] = {
    "image_classification": _shifted_and_mirrored(0.0625),
    "keyword_spotting": _rolled,
    "visual_wake_words": _shifted_and_mirrored(0.05),
    "anomaly_detection": Tensor.float,
    "tiny_imagenet": _shifted_and_mirrored(0.0625),
}
# Examples of an epoch, and how many times faster than plain PyTorch it is to be.
CASES = {
    "image_classification": (1_600, 1.6),
    "keyword_spotting": (2_500, 1.4),
    "visual_wake_words": (1_920, 1.2),
    "anomaly_detection": (20_000, 1.2),
    "tiny_imagenet": (100, 1.2),
}


def _task(name: str, packs: Path, folder: Path, samples: int) -> tuple[Task, Plan]:
    GlobalHydra.instance().clear()
    overrides = [f"benchmark={name}", f"benchmark.data.pack={packs / f'{name}.npz'}", f"threads={THREADS}"]
    with initialize_config_module("suite.config.conf", version_base="1.3"):
        plan = make_plan(compose("config", [*overrides, f"recipe.train_samples={samples}", "recipe.eval_samples=20"]))
    store = Store(folder, "speed")
    data = load_data(plan.benchmark, store)
    plan = replace(plan, benchmark=plan.benchmark.fit_preprocessing(data))
    return make_task(plan, data, Workspace(store.run_folder(plan.id), store, 1e9), Progress()), plan


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
    """Train a plain epoch and answer with its seconds, at each message until one is false."""
    torch.set_num_threads(THREADS)
    plain = _plain_epoch(*_task(name, packs, folder, CASES[name][0]), AUGMENT[name])
    while pipe.recv():
        pipe.send(_seconds(plain))


@contextmanager
def _plain_seconds(name: str, packs: Path, folder: Path) -> Iterator[Callable[[], float]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve_plain_epochs, args=(name, packs, folder, theirs)
    )
    process.start()

    def epoch() -> float:
        ours.send(True)
        return ours.recv()  # type: ignore[no-any-return]

    yield epoch
    ours.send(False)
    process.join()


def _our_epochs(task: Task) -> Iterator[Callable[[], nn.Module]]:
    meter = Meter(task.standard_macs, task.compute)
    for i in range(PAIRS + 1):

        def epoch(label: str = f"epoch {i}") -> nn.Module:
            network = task.new_network()
            fit(task, network, meter, Phase("warmup", task.recipe.warmup, 1, label=label), macs=1.0)
            return network

        yield epoch


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny_imagenet" else ()) for name in CASES]
)
def test_an_epoch_is_faster_than_in_plain_pytorch(
    name: str, packs: Path, tmp_path: Path, benchmark: pytest.FixtureRequest
) -> None:
    torch.set_num_threads(THREADS)
    keep_freed_memory()
    samples, goal = CASES[name]
    ours = list(_our_epochs(_task(name, packs, tmp_path, samples)[0]))
    with _plain_seconds(name, packs, tmp_path / "plain") as plain:
        plain(), ours.pop()()  # warms both up
        ratios = [plain() / _seconds(epoch) for epoch in ours]
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.pedantic(lambda: None, rounds=1)
    print(name, [round(ratio, 2) for ratio in ratios])
    assert statistics.median(ratios) >= goal, ratios


def _has_bf16() -> bool:
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not _has_bf16(), reason="bf16 was chosen for processors that compute in it (avx512_bf16)")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "tiny_imagenet" else ()) for name in CASES]
)
def test_the_chosen_number_format_is_the_faster_one(
    name: str, packs: Path, tmp_path: Path, benchmark: pytest.FixtureRequest
) -> None:
    torch.set_num_threads(THREADS)
    task, _ = _task(name, packs, tmp_path, CASES[name][0])
    formats = {
        dtype: list(_our_epochs(replace(task, recipe=replace(task.recipe, dtype=dtype), workspace=_apart(task, dtype))))
        for dtype in DTYPES
    }
    for epochs in formats.values():
        epochs.pop()()  # warms up
    (other,) = set(DTYPES) - {task.recipe.dtype}
    pairs = zip(formats[other], formats[task.recipe.dtype], strict=True)
    ratios = [_seconds(slower) / _seconds(chosen) for slower, chosen in pairs]
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.extra_info["chosen"] = task.recipe.dtype
    benchmark.pedantic(lambda: None, rounds=1)
    assert statistics.median(ratios) >= 1 - NOISE, ratios


def _apart(task: Task, name: str) -> Workspace:
    """A workspace of its own, so that one format's checkpoints are not taken for the other's."""
    return replace(task.workspace, folder=task.workspace.folder / name)


@pytest.mark.parametrize("name", ["keyword_spotting", "anomaly_detection", "visual_wake_words", "tiny_imagenet"])
def test_a_prepared_pack_loads_in_ten_seconds(
    name: str, packs: Path, tmp_path: Path, benchmark: pytest.FixtureRequest
) -> None:
    plan = _task(name, packs, tmp_path, 100)[1]  # decodes once
    seconds = _seconds(lambda: plan.benchmark.source().load(tmp_path / "artefacts" / "data"))
    benchmark.extra_info["seconds"] = seconds
    benchmark.pedantic(lambda: None, rounds=1)
    assert seconds <= 10
