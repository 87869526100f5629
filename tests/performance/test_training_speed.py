"""Training of the reference networks: samples a second, and where the time of a step goes.

The recipe is the default preset's, in the machine's number format (`recipe.dtype=auto`); examples are random. Figures
without goals, for the record.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from random_packs import random_pack
from speed_figures import RecordFigure
from speed_tasks import EpochTrainer, speed_task
from step_profile import step_shares

from suite.engine.allocator import keep_freed_memory

BENCHMARKS = ("image_classification", "keyword_spotting", "visual_wake_words", "anomaly_detection")
ROUNDS = 3


def _trainer(name: str, folder: Path, batches: int, *overrides: str) -> EpochTrainer:
    pack = folder / f"{name}.npz"
    samples = random_pack(name, pack, batches)
    recipe = (f"recipe.train_samples={samples}", "recipe.dtype=auto")
    return EpochTrainer(speed_task(name, pack, folder, *recipe, *overrides)[0])


def _train(trainer: EpochTrainer, benchmark: Any) -> tuple[int, float, float]:
    """(samples, wall seconds, CPU seconds) of ROUNDS epochs, after one to warm up."""
    trainer()
    before = trainer.usage
    benchmark.pedantic(trainer, rounds=ROUNDS)
    after = trainer.usage
    samples = after.training_samples - before.training_samples
    return samples, after.wall_s - before.wall_s, after.cpu_s - before.cpu_s


@pytest.mark.record
@pytest.mark.parametrize("name", BENCHMARKS)
def test_training_on_one_core_and_where_its_time_goes(
    name: str, tmp_path: Path, benchmark: Any, figure: RecordFigure
) -> None:
    """Samples by the second of processor time; shares of the self CPU time of PyTorch's operations."""
    keep_freed_memory()
    trainer = _trainer(name, tmp_path, 20, "compute=cpu", "threads=1")
    samples, _, seconds = _train(trainer, benchmark)
    figure(f"training in {trainer.task.recipe.dtype}", samples / seconds, "samples/s")
    for kind, share in step_shares(trainer).items():
        if share > 0:
            figure(kind, 100 * share, "%")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [*BENCHMARKS, "tiny_imagenet"])
def test_training_on_a_gpu(name: str, tmp_path: Path, benchmark: Any, figure: RecordFigure) -> None:
    trainer = _trainer(name, tmp_path, 100, "compute=cuda")
    samples, seconds, _ = _train(trainer, benchmark)
    what = f"training in {trainer.task.recipe.dtype} on {torch.cuda.get_device_name()}"
    figure(what, samples / seconds, "samples/s")
