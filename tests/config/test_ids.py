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
    "method=duccio": "4a3ba6767866c904",
    "method=duccio_layerwise": "4ff4a84698959764",
    "method=hand_tuned": "eacfb2919abe86ef",
    "method=nsga2": "dcb973693c7ae6b7",
    "method=nsga3": "22c0cccc26bae9be",
    "method=prune_to_budget": "cf57938da182643e",
    "method=random": "8cb742fb9fcb03fa",
    "method=random_search": "f17a74061075fad9",
    "method=taper": "a19eab7d3aee0f71",
    "method=tpe": "48ae8449e52d6ec3",
    "method=unconstrained_dnas": "4229b52891b6b1b6",
    "method=width_scaling": "b05cef81bffb86ec",
    "benchmark=anomaly_detection": "cd4fc6214c96cfcc",
    "benchmark=digits": "4a3ba6767866c904",
    "benchmark=image_classification": "4def9cf211f94de9",
    "benchmark=keyword_spotting": "96b89260ad594535",
    "benchmark=tiny_imagenet": "e6caee342fd8e94c",
    "benchmark=visual_wake_words": "f661c15879cf9b10",
    "space=choices": "7f0a10adeb5c470c",
    "space=both": "5a322a915e2263db",
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
