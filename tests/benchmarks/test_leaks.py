"""The splits of the real packs are disjoint."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from suite.config.plan import Plan, make_plan
from suite.engine.harness import load_data
from suite.records.store import Store

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
