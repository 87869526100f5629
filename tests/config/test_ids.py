"""Golden ids: a run's id changes only where somebody means it to.

An option that is added, null by default, must not change the id of any run, or nothing that was recorded would be
known again. Where a result really changes, raise the method's or the benchmark's `version` and copy the table that the
failure prints.
"""

from collections.abc import Iterator

import pytest
from no_data import plan_without_data
from tasks import job

from suite.config.catalogue import catalogue
from suite.config.plan import make_plan

GOLDEN = {
    "method=duccio": "67a731c3dc8c43de",
    "method=duccio_layerwise": "7ad1984e16fafd6e",
    "method=hand_tuned": "8b4b085d63b2d335",
    "method=nsga2": "6254d6f722761eb7",
    "method=nsga3": "62e50178df0d13ef",
    "method=prune_to_budget": "bd6c7f002f3fc1a4",
    "method=random": "97aeed042eb5da35",
    "method=random_search": "5ed45f6a90741259",
    "method=taper": "65314fb37474c894",
    "method=tpe": "abd7e0c71d3455d1",
    "method=unconstrained_dnas": "d59edfa2bc46a8e6",
    "method=width_scaling": "9e0d3487aca64324",
    "benchmark=anomaly_detection": "94ceb850d7d5846a",
    "benchmark=digits": "67a731c3dc8c43de",
    "benchmark=image_classification": "14e5e31b181791a1",
    "benchmark=keyword_spotting": "cde6911f7a7e9987",
    "benchmark=tiny_imagenet": "83c2c989b34c6bdb",
    "benchmark=visual_wake_words": "1e57963c70424531",
    "space=choices": "a362af852d727e5a",
    "space=both": "a231a8c9328bfd45",
}


def choices(group: str) -> list[str]:
    return [entry.name for entry in catalogue() if entry.group == group]


@pytest.fixture(scope="module")
def ids() -> Iterator[dict[str, str]]:
    """The id of each choice, in place of the default one, on one thread with seed 0."""
    chosen = [f"{group}={name}" for group in ("method", "benchmark") for name in choices(group)]
    with pytest.MonkeyPatch.context() as patched:
        plan_without_data(patched)
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
