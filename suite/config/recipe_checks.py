"""Whether a benchmark and its network can be trained as a recipe says."""

from collections.abc import Callable, Sequence

from torch import nn

from suite import SuiteError
from suite.benchmarks.base import Benchmark
from suite.data.augment import Affine
from suite.hardware.trace import trace
from suite.task.muon import untrainable
from suite.task.optimisation import Optimisation
from suite.task.recipe import Recipe


def check_recipe(recipe: Recipe, benchmark: Benchmark, network: Callable[[], nn.Module]) -> None:
    """Refuse what needs classes, images, their sizes, or a network without convolutions, where these are not given.

    Raises:
        SuiteError: naming key, value and what is possible.
    """
    augmentation, shape = getattr(benchmark, "augmentation", None), tuple(benchmark.input_shape)
    if isinstance(augmentation, Affine) and augmentation != Affine() and len(shape) != 3:
        raise SuiteError(f"recipe.augmentation={augmentation}: only for images (C, H, W), not for examples of {shape}")
    for name in ("warmup", "finetune"):
        settings: Optimisation = getattr(recipe, name)
        if settings.label_smoothing and not hasattr(benchmark, "smoothed_loss"):
            raise SuiteError(
                f"recipe.{name}.label_smoothing={settings.label_smoothing}: must be null, since benchmark "
                f"{benchmark.name} has no loss with smoothed labels"
            )
        if settings.optimiser == "muon" and (names := untrainable(network())):
            raise SuiteError(
                f"recipe.{name}.optimiser=muon: only for networks without convolutions; "
                f"{benchmark.name}'s has {names[0]}"
            )
        if settings.sizes:
            _check_sizes(f"recipe.{name}.sizes={list(settings.sizes)}", settings.sizes, benchmark, network)


def _check_sizes(setting: str, sizes: Sequence[int], benchmark: Benchmark, network: Callable[[], nn.Module]) -> None:
    shape = tuple(benchmark.input_shape)
    if len(shape) != 3 or shape[1] != shape[2]:
        raise SuiteError(f"{setting}: only for square images; an example of {benchmark.name} has shape {shape}")
    if sizes[-1] != shape[-1]:
        raise SuiteError(f"{setting}: the last must be the images' own size, {shape[-1]}")
    for size in sizes[:-1]:
        try:
            trace(network(), (shape[0], size, size))
        except SuiteError as error:
            raise SuiteError(f"{setting}: {error}") from error
