"""The studies of recipes under results/recipes: made with seeds of no claim, and what `preset=full` has is theirs."""

import json
from typing import Any

import pandas as pd
import pytest
import yaml
from checkout import RESULTS

from suite.config import CONF
from suite.engine.recipe_study import SEED, TRIALS

STUDIES = sorted(path.parent.name for path in (RESULTS / "recipes").glob(f"*/{TRIALS}"))
CHOSEN = [name for name in STUDIES if name != "anomaly_detection_adamw"]
"""Studies whose constants `full` has; AdamW's was followed by one of Muon."""

BEST = 5


def test_three_benchmarks_were_studied() -> None:
    assert {"anomaly_detection", "keyword_spotting", "visual_wake_words"} <= set(CHOSEN)


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_from_committed_code_and_has_seeds_of_its_own(name: str) -> None:
    note = json.loads((RESULTS / "recipes" / name / "study.json").read_text())
    assert note["clean"] is True
    assert min(note["seeds"]) >= SEED
    assert not any(part in json.dumps(note) for part in ("/home/", "/root/", "/work/", "/tmp/"))


@pytest.mark.parametrize("name", CHOSEN)
def test_full_has_constants_within_the_span_of_the_best_trials(name: str) -> None:
    best = pd.read_csv(RESULTS / "recipes" / name / TRIALS).head(BEST)
    assert (best["state"] == "complete").all()
    assert best["score"].is_monotonic_decreasing
    benchmark = yaml.safe_load((CONF / "benchmark" / f"{name}.yaml").read_text())
    recipe = benchmark["recipe"] | benchmark["presets"]["full"]
    constants = {key: value for key, value in best.items() if "." in key}
    assert len(constants) >= 5
    for key, tried in constants.items():
        value = _at(recipe, key.removeprefix("benchmark.presets.full.").removeprefix("recipe."))
        if pd.api.types.is_float_dtype(tried):
            assert tried.min() <= float(value) <= tried.max(), key
        else:
            assert str(value).replace(" ", "") in set(tried.astype(str)), key


def _at(node: Any, path: str) -> Any:
    for part in path.split("."):
        node = node[part]
    return node
