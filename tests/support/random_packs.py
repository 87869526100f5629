"""Packs of random examples in the shape, number and type that a benchmark's real ones have: for speed alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from checkout import CONF
from numpy.typing import NDArray
from omegaconf import OmegaConf

FRAMES, BANDS = 200, 128  # of a clip of anomaly detection
OTHERS = 40  # examples for validation and test


def random_pack(name: str, path: Path, batches: int) -> int:
    """Write a pack of benchmark `name` with `batches` full batches to train on; the number of training examples."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / "benchmark" / f"{name}.yaml"))
    samples = batches * node["recipe"]["batch"]
    anomalies = name == "anomaly_detection"
    train = -(-samples // (FRAMES - node["frames"] + 1)) if anomalies else samples  # an example is a window of a clip
    x = _examples(name, train + OTHERS, node)
    split = np.r_[np.zeros(train, int), 1 + np.arange(OTHERS) % 2]
    classes = 1 if anomalies else node["network"]["classes"]
    meta = {"format": "pack-1", "benchmark": name, "title": "random", "source": "random", "licence": "none"}
    if not anomalies:
        meta["classes"] = [str(label) for label in range(classes)]
    np.savez(path, x=x, y=np.arange(len(x)) % classes, split=split, meta=np.array(json.dumps(meta)))
    return samples


def _examples(name: str, count: int, node: Any) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if name == "keyword_spotting":  # MFCCs
        return rng.standard_normal((count, *node["input_shape"][1:]), dtype=np.float32)
    shape = (FRAMES, BANDS) if name == "anomaly_detection" else node["input_shape"]
    return rng.integers(0, 256, (count, *shape), dtype=np.uint8)
