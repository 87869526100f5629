"""A recipe refuses what it could not train with, naming the key."""

from typing import Any

import pytest

from suite.task.recipe import Recipe


@pytest.mark.parametrize(
    ("strengths", "named"),
    [
        (5, "script_strengths=5: a mapping"),
        ({"weigths": 3.0}, "no metric is called weigths, choices are weights"),
        ({"weights": "abc"}, r"script_strengths\.weights=abc"),
        ({"weights": True}, r"script_strengths\.weights=True"),
        ({"weights": -1.0}, r"script_strengths\.weights=-1"),
    ],
)
def test_strengths_that_mean_nothing_are_refused(strengths: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Recipe(epochs=1, batch=2, script_strengths=strengths)


def test_strengths_by_metric_are_taken() -> None:
    assert Recipe(epochs=1, batch=2, script_strengths={"weights": 13.9, "macs": 140}).script_strengths
