"""A benchmark's data in memory, and the part of it that a recipe uses."""

import torch

from suite import SuiteError
from suite.benchmarks.base import Benchmark
from suite.data.base import Data, Split
from suite.records.store import Store

_SUBSET_SEED = 20231011
_LOADED: dict[str, Data] = {}


def load_data(benchmark: Benchmark, store: Store) -> Data:
    """Load the benchmark's data, cached in memory for the next run of this process.

    Raises:
        SuiteError: the data is missing or damaged, or its examples are not of the benchmark's shape.
    """
    source = benchmark.source()
    key = source.fingerprint()
    if key not in _LOADED:
        _LOADED.clear()  # one data set at a time: some fill a good part of the memory
        _LOADED[key] = source.load(store.root / "artefacts" / "data")
    data = _LOADED[key]
    shape = tuple(benchmark.fit_preprocessing(data).preprocess(data.train.x[:2]).shape[1:])
    if shape != tuple(benchmark.input_shape):
        raise SuiteError(
            f"benchmark.input_shape={list(benchmark.input_shape)}: the data of {benchmark.name} has examples of shape "
            f"{list(shape)}"
        )
    return data


def subset(split: Split, samples: int | None) -> Split:
    """The same `samples` examples for every method and random seed, drawn once; all of them where None."""
    if samples is None or samples >= len(split):
        return split
    return split.take(torch.randperm(len(split), generator=torch.Generator().manual_seed(_SUBSET_SEED))[:samples])
