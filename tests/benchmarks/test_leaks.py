"""Data never leaks: splits of the real packs are disjoint, and no method can reach the test split."""

import dataclasses
import gc
import hashlib
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tasks
import torch
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from suite.config.plan import Plan, make_plan
from suite.engine.harness import execute, load_data, make_task
from suite.records.store import Store
from suite.space.budget import Budget
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.task import Candidate, SearchResult, Task, Workspace

SPLITS = ("train", "validation", "test")


def _groups(pack: Path, key: str, group_of: Callable[[str], str]) -> list[set[str]]:
    """The groups that occur in training, validation and test."""
    with np.load(pack) as arrays:
        split, names = arrays["split"], arrays[key]
    return [{group_of(str(name)) for name in names[split == code]} for code in range(3)]


def _assert_disjoint(groups: list[set[str]]) -> None:
    assert all(groups)
    for i, one in enumerate(groups):
        for other in groups[i + 1 :]:
            assert not one & other


def test_keyword_spotting_is_disjoint_by_speaker(packs: Path) -> None:
    groups = _groups(packs / "keyword_spotting.npz", "clip", lambda name: name.split("_nohash_")[0])
    spoken = [{g for g in part if len(g) == 8 and set(g) <= set("0123456789abcdef")} for part in groups]
    assert sum(map(len, spoken)) > 1000
    _assert_disjoint(spoken)


def test_toycar_is_disjoint_by_clip(packs: Path) -> None:
    groups = _groups(packs / "anomaly_detection.npz", "filename", str)
    _assert_disjoint(groups)
    with np.load(packs / "anomaly_detection.npz") as arrays:
        x, split, y = arrays["x"], arrays["split"], arrays["y"]
    contents = [{hashlib.sha256(clip.tobytes()).hexdigest() for clip in x[split == code]} for code in range(3)]
    _assert_disjoint(contents)
    assert not y[split < 2].any(), "training and validation clips are all normal"


def test_visual_wake_words_is_disjoint_by_photograph(packs: Path) -> None:
    _assert_disjoint(_groups(packs / "visual_wake_words.npz", "group", str))


def _plan(benchmark: str, packs: Path) -> Plan:
    GlobalHydra.instance().clear()
    pack = packs / f"{benchmark}.npz"
    with initialize_config_module("suite.config.conf", version_base="1.3"):
        overrides = [f"benchmark={benchmark}", "preset=smoke", "threads=1", f"benchmark.data.pack={pack}"]
        return make_plan(compose("config", overrides))


@pytest.mark.parametrize("name", ["keyword_spotting", "anomaly_detection"])
def test_no_example_is_in_two_splits(name: str, packs: Path, tmp_path: Path) -> None:
    data = load_data(_plan(name, packs).benchmark, Store(tmp_path, "test"))
    seen = [{x.numpy().tobytes() for x in getattr(data, part).x[::7]} for part in SPLITS]
    whole = [{x.numpy().tobytes() for x in getattr(data, part).x} for part in SPLITS]
    for i, sample in enumerate(seen):
        for j, other in enumerate(whole):
            assert i == j or len(sample & other) <= 0.001 * len(sample)


def _reachable(root: object) -> Iterator[object]:
    """Everything that attributes, closures and containers of `root` lead to; not the modules' globals."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, types.ModuleType | type):
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, types.FunctionType):
            waiting += [item.__closure__, item.__defaults__, item.__kwdefaults__]
        else:
            waiting += gc.get_referents(item)


def _tensors(root: object) -> list[torch.Tensor]:
    return [item for item in _reachable(root) if isinstance(item, torch.Tensor)]


def test_a_task_leads_to_training_and_validation_data_but_not_to_test_data(tmp_path: Path) -> None:
    plan, store = tasks.plan(), Store(tmp_path, "test")
    data = load_data(plan.benchmark, store)
    adapted = dataclasses.replace(plan, benchmark=plan.benchmark.fit_preprocessing(data))
    task = make_task(adapted, data, Workspace(store.run_folder(plan.id), store), Progress())
    rows = {x.numpy().tobytes() for x in data.test.x}
    found = _tensors(task)
    assert any(x is task.train.x for x in found), "the walk must find what is there"
    assert any(x is task.validation.x for x in found)
    for tensor in found:
        assert tensor.untyped_storage().data_ptr() != data.test.x.untyped_storage().data_ptr()
        if tensor.shape[1:] == data.test.x.shape[1:] and tensor.dtype == data.test.x.dtype:
            assert not rows & {x.numpy().tobytes() for x in tensor}


class _Spy:
    """A method that looks for the test split from everything it is handed."""

    version = 1
    name = "spy"

    def __init__(self, test: torch.Tensor) -> None:
        self.address = test.untyped_storage().data_ptr()
        self.found: list[Any] | None = None

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        handed = _tensors([task, budget, meter])
        self.found = [x for x in handed if x.untyped_storage().data_ptr() == self.address]
        return SearchResult([Candidate(task.new_network())])


def test_no_method_can_reach_test_data_during_a_run(tmp_path: Path) -> None:
    plan, store = tasks.plan(), Store(tmp_path, "test")
    spy = _Spy(load_data(plan.benchmark, store).test.x)
    record = execute(dataclasses.replace(plan, method=spy), store, Progress())  # type: ignore[arg-type]
    assert record.status == "done", record.error
    assert spy.found == []
