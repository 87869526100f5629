"""Golden ids: a run's id changes only where somebody means it to.

An option that is added, null by default, must not change the id of any run, or nothing that was recorded would be
known again. Where a result really changes, raise the method's or the benchmark's `version` and copy the table that the
failure prints.
"""

from collections.abc import Iterator

import pytest
from no_data import plan_without_data
from tasks import job

from suite.config import numerics
from suite.config.catalogue import catalogue
from suite.config.plan import make_plan

GOLDEN = {
    "method=duccio": "71a18ce7eaa803b7",
    "method=duccio_layerwise": "08030413340c81b9",
    "method=duccio_projected": "f41dff5987306d20",
    "method=duccio_scripts": "bc0021fe3be53d41",
    "method=gp_single": "f6f76bfbc090f193",
    "method=grow": "5aab51adc6c83104",
    "method=hand_tuned": "3f511d4b9343e396",
    "method=nsga2": "56d9294d90eef04a",
    "method=nsga3": "d1a81a0b909bf84d",
    "method=prune_by_gradient": "191fb5a0a02dfcc5",
    "method=prune_to_budget": "24d65cf82f86dd52",
    "method=race": "4e9afc403e68cfe4",
    "method=random": "7b2df839c8059495",
    "method=random_search": "6b1e9ff21f1dd45e",
    "method=taper": "17bf35972d3dbf5a",
    "method=tpe": "5db6b99819a7dee6",
    "method=tpe_single": "f5c2a827d3c5d9ac",
    "method=two_budget_scaling": "03e7702a6679226a",
    "method=unconstrained_dnas": "fcc8bcddea706b15",
    "method=width_scaling": "e3688408a2575b35",
    "benchmark=anomaly_detection": "adfb578b0046decd",
    "benchmark=digits": "f41dff5987306d20",
    "benchmark=image_classification": "e250c01fd81e47cc",
    "benchmark=keyword_spotting": "90628e9be3489e9d",
    "benchmark=tiny_imagenet": "2d6c92989d33a5f1",
    "benchmark=visual_wake_words": "ac7061377721e0f6",
    "space=choices": "d6c4a3f751268b0d",
    "space=both": "500eabd59c598110",
}


def choices(group: str) -> list[str]:
    return [entry.name for entry in catalogue() if entry.group == group]


@pytest.fixture(scope="module")
def ids() -> Iterator[dict[str, str]]:
    """The id of each choice, in place of the default one, on one thread with seed 0."""
    chosen = [f"{group}={name}" for group in ("method", "benchmark") for name in choices(group)]
    with pytest.MonkeyPatch.context() as patched:
        plan_without_data(patched)
        patched.setattr(numerics, "gains_by_bf16", lambda compute: True)  # as on the machine that the table is of
        yield {
            choice: make_plan(job("compute=cpu", "seed=0", "budget.weights=50%", choice, preset="short")).id
            for choice in (*chosen, "space=choices", "space=both")
        }


def test_every_method_and_benchmark_keeps_its_id(ids: dict[str, str]) -> None:
    table = "".join(f'    "{key}": "{value}",\n' for key, value in ids.items())
    assert ids == GOLDEN, f"ids changed; if that is meant, this is the new table:\n\nGOLDEN = {{\n{table}}}\n"


def test_the_default_method_and_benchmark_are_one_run(ids: dict[str, str]) -> None:
    assert ids["method=duccio_projected"] == ids["benchmark=digits"]
    assert len(set(ids.values())) == len(ids) - 1
