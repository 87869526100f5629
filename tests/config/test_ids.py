"""Golden ids: a run's id changes only where somebody means it to.

An option that is added, null by default, must not change the id of any run, or nothing that was recorded would be
known again. Where a result really changes, raise the method's or the benchmark's `version` and copy the table that the
failure prints.
"""

import pytest
from omegaconf import DictConfig
from tasks import job

import suite.benchmarks.anomaly_detection
import suite.benchmarks.base
from suite.config.catalogue import catalogue
from suite.config.plan import make_plan

GOLDEN = {}


def choices(group: str) -> list[str]:
    return [entry.name for entry in catalogue() if entry.group == group]


class NoData:
    """Stands for every benchmark's data, so that no id depends on what lies on this machine."""

    def fingerprint(self) -> str:
        return "data"


@pytest.fixture
def ids(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for benchmark in (suite.benchmarks.base.Classification, suite.benchmarks.anomaly_detection.AnomalyDetection):
        monkeypatch.setattr(benchmark, "source", lambda self: NoData())

    def run_id(*overrides: str) -> str:
        config: DictConfig = job("compute=cpu", "budget.weights=50%", *overrides, preset="short")
        return make_plan(config).id

    methods = {f"method={name}": run_id(f"method={name}") for name in choices("method")}
    benchmarks = {f"benchmark={name}": run_id(f"benchmark={name}") for name in choices("benchmark")}
    return methods | benchmarks | {f"space={name}": run_id(f"space={name}") for name in ("choices", "both")}


def test_every_method_and_benchmark_keeps_its_id(ids: dict[str, str]) -> None:
    table = "".join(f'    "{key}": "{value}",\n' for key, value in ids.items())
    assert ids == GOLDEN, f"ids changed; if that is meant, this is the new table:\n\nGOLDEN = {{\n{table}}}\n"


def test_the_default_method_and_benchmark_are_one_run(ids: dict[str, str]) -> None:
    assert ids["method=duccio"] == ids["benchmark=digits"]
    assert len(set(ids.values())) == len(ids) - 1
