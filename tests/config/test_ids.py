"""Golden ids: a run's id changes only where somebody means it to.

An option that is added, null by default, must not change the id of any run, or nothing that was recorded would be
known again. Where a result really changes, raise the method's or the benchmark's `version` and copy the table that the
failure prints.
"""

from collections.abc import Iterator

import pytest
from tasks import job

from suite.benchmarks.anomaly_detection import AnomalyDetection
from suite.benchmarks.base import Classification
from suite.config.catalogue import catalogue
from suite.config.plan import make_plan

GOLDEN = {
    "method=duccio": "e58f3f61f78fe3f0",
    "method=duccio_layerwise": "6657f2f8683085bf",
    "method=hand_tuned": "e3068e53dd3604fc",
    "method=nsga2": "71394570ef8a7b84",
    "method=nsga3": "479bf9cfbefc995f",
    "method=prune_to_budget": "202745678425f2b1",
    "method=random": "038e8d5e62f15060",
    "method=random_search": "f64447608c5df41b",
    "method=taper": "535dcb06808edb85",
    "method=tpe": "3b02289743321de7",
    "method=unconstrained_dnas": "c7f1129aa2b54025",
    "method=width_scaling": "1d241553219a0d46",
    "benchmark=anomaly_detection": "94ceb850d7d5846a",
    "benchmark=digits": "e58f3f61f78fe3f0",
    "benchmark=image_classification": "45df023ccedadff5",
    "benchmark=keyword_spotting": "353864d6f3bd78f5",
    "benchmark=tiny_imagenet": "5143842e63d5782b",
    "benchmark=visual_wake_words": "5cafc6f7b1b84baa",
    "space=choices": "0ec6f472f21479d7",
    "space=both": "d1ba6c83b8110756",
}


def choices(group: str) -> list[str]:
    return [entry.name for entry in catalogue() if entry.group == group]


class NoData:
    """Stands for every benchmark's data, so that no id depends on what lies on this machine."""

    def fingerprint(self) -> str:
        return "data"


@pytest.fixture(scope="module")
def ids() -> Iterator[dict[str, str]]:
    """The id of each choice, in place of the default one, on one thread with seed 0."""
    chosen = [f"{group}={name}" for group in ("method", "benchmark") for name in choices(group)]
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("SUITE_DATA_DIR", raising=False)
        for benchmark in (Classification, AnomalyDetection):
            patched.setattr(benchmark, "source", lambda self: NoData())
        yield {
            choice: make_plan(job("compute=cpu", "seed=0", "budget.weights=50%", choice, preset="short")).id
            for choice in (*chosen, "space=choices", "space=both")
        }


def test_every_method_and_benchmark_keeps_its_id(ids: dict[str, str]) -> None:
    table = "".join(f'    "{key}": "{value}",\n' for key, value in ids.items())
    assert ids == GOLDEN, f"ids changed; if that is meant, this is the new table:\n\nGOLDEN = {{\n{table}}}\n"


def test_the_default_method_and_benchmark_are_one_run(ids: dict[str, str]) -> None:
    assert ids["method=duccio"] == ids["benchmark=digits"]
    assert len(set(ids.values())) == len(ids) - 1
