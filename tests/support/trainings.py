"""Runs of the reference network alone, of several presets and lengths, as an experiment on convergence has them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from synthetic import make_record

from suite.records.record import RunRecord

NETWORK = {"_target_": "suite.models.ds_cnn.DSCNN", "classes": 12}
SETTINGS: dict[str, dict[str, Any]] = {
    "full": {"batch": 128, "warmup": {"optimiser": "adamw", "schedule": "cosine", "lr": 2e-3}},
    "paper": {"batch": 100, "warmup": {"optimiser": "adam", "schedule": "exponential", "lr": 5e-4}},
    "short": {"batch": 64, "warmup": {"optimiser": "adam", "schedule": "cosine", "lr": 1e-3}},
}
EXAMPLES = 10_000
"""Training examples of the benchmark."""


def make_training(
    preset: str,
    epochs: int,
    seed: int,
    validation: float,
    test: float = 0.9,
    *,
    benchmark: str = "keyword_spotting",
    recipe: Mapping[str, Any] | None = None,
    network: Mapping[str, Any] = NETWORK,
    options: Mapping[str, Any] | None = None,
    **changes: Any,
) -> RunRecord:
    """One finished run of `hand_tuned`; `preset` is its label, such as "full (changed)"."""
    by_error = benchmark == "anomaly_detection"
    settings = SETTINGS[preset.split()[0]] | (recipe or {})
    config = {
        "benchmark": {"name": benchmark, "chance": 0.1, "network": network},
        "method": {"class": "HandTuned", "length": "standard", "version": 1},
        "recipe": {"epochs": epochs, **settings},
        "seed": seed,
        "targets": {},
        "threads": 1,
        "compute": "cpu",
    }
    fields = {
        "id": hashlib.sha256(json.dumps([config, changes], sort_keys=True).encode()).hexdigest()[:16],
        "config": config,
        "options": {"length": "standard", "cost_limit": None} | (options or {}),
        "scores": {"test": test, "validation": validation},
        "score_name": "auc" if by_error else "accuracy",
        "selection_name": "negative_error" if by_error else "accuracy",
        "meter": {"total": {"training_samples": EXAMPLES * epochs, "wall_s": 4.0 * epochs, "cpu_s": 5.0 * epochs}},
    }
    keys = {"method": "hand_tuned", "variant": {"length": "standard"}, "budget": {}, "benchmark": benchmark}
    return make_record(**(keys | {"preset": preset, "seed": seed} | fields | changes))


def make_trainings(
    preset: str, epochs: int, validation: Sequence[float], test: Sequence[float] = (), **keys: Any
) -> list[RunRecord]:
    """Runs with these validation and test scores for seeds 0, 1, ..."""
    tests = test or [0.9] * len(validation)
    return [
        make_training(preset, epochs, seed, *scores, **keys)
        for seed, scores in enumerate(zip(validation, tests, strict=True))
    ]
