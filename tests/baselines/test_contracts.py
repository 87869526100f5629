"""What every method owes: it fits, pays for what it does, repeats itself, and keeps to a limit on its cost."""

from pathlib import Path

import pytest
from tasks import plan

from suite import SuiteError
from suite.engine.harness import execute
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.progress import Progress

BUDGET = ("budget.weights=25%", "budget.latency=50%")
SMALL = {
    "unconstrained_dnas": ("method.strengths=3",),
    "duccio_layerwise": ("method.levels=[3000]", "method.tolerance=1"),
}
FITTING = ("duccio_projected", "taper", "prune_to_budget", "width_scaling", "two_budget_scaling", "grow", "race")
METHODS = (*FITTING, "duccio", "unconstrained_dnas", "hand_tuned")
PROJECTED = (
    *("duccio", "unconstrained_dnas", "taper", "prune_to_budget"),
    *("width_scaling", "two_budget_scaling", "nsga2", "tpe_single"),
)
"""Methods that return a network before its final training."""
UNLIMITED = ("duccio_layerwise",)
"""Methods without a limit on their cost."""
BOUNDED = ("taper",)
"""Methods that leave a generous limit unused, because they never train longer than a whole search."""


def _run(folder: Path, method: str, *overrides: str) -> RunRecord:
    made = plan(f"method={method}", *SMALL.get(method, ()), *BUDGET, *overrides)
    return execute(made, Store(folder, "test"), Progress())


@pytest.mark.parametrize("method", [*METHODS, *UNLIMITED])
def test_the_result_is_charged_and_the_same_again(method: str, tmp_path: Path) -> None:
    first, second = (_run(tmp_path / name, method) for name in ("a", "b"))
    assert first.status == "done", first.error
    assert first.meter["total"]["macs"] > 0
    assert first.meter["total"]["networks"] > 0
    assert (first.scores, first.costs, first.candidates) == (second.scores, second.costs, second.candidates)
    assert first.meter["standard_trainings"] == second.meter["standard_trainings"]


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("method", FITTING)
def test_the_result_fits(method: str, limit: float | None, tmp_path: Path) -> None:
    record = _run(tmp_path, method, f"method.cost_limit={'null' if limit is None else limit}")
    assert record.feasible


@pytest.mark.parametrize("limit", [3, 3.7, 4.4])
@pytest.mark.parametrize("method", METHODS)
def test_a_limit_is_never_exceeded_and_not_left_unused(method: str, limit: float, tmp_path: Path) -> None:
    record = _run(tmp_path, method, f"method.cost_limit={limit}")
    assert record.status == "done", record.error
    spent = record.meter["standard_trainings"]["total"]
    assert spent <= limit
    if method in BOUNDED:
        return
    # one epoch of the reference network is 0.55 here; a sweep has a fixed number of equally long searches
    assert spent > limit - (1.5 if method == "unconstrained_dnas" else 0.56)


@pytest.mark.parametrize("method", METHODS)
def test_a_limit_that_is_too_small_is_refused_before_anything_is_trained(method: str, tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"method\.cost_limit=0\.001: .* at least"):
        _run(tmp_path, method, "method.cost_limit=0.001")
    assert not list((tmp_path / "artefacts").glob("*/*.pt"))


@pytest.mark.parametrize("method", PROJECTED)
def test_every_method_takes_the_same_projection(method: str, tmp_path: Path) -> None:
    """With refill the result fits, and no channel of any group would fit in addition."""
    made = plan(f"method={method}", *SMALL.get(method, ()), *BUDGET, "method.projection=refill")
    record = execute(made, Store(tmp_path, "test"), Progress())
    assert record.feasible, record.error
    space = made.task.space
    widths = [record.widths.get(name, size) for name, size in zip(space.groups.names, space.full, strict=True)]
    for group in space.free:
        if widths[group] < space.full[group]:
            wider = [width + (i == group) for i, width in enumerate(widths)]
            assert not made.budget.fits(space.exact(wider)), f"one more channel in {space.groups.names[group]} fits"
    with pytest.raises(SuiteError, match=r"method\.projection=maybe.*none, repair, refill"):
        plan(f"method={method}", *BUDGET, "method.projection=maybe")


@pytest.mark.parametrize("projection", ["none", "repair", "refill"])
def test_a_projection_costs_nothing_but_the_training_that_follows(projection: str, tmp_path: Path) -> None:
    """Warm-up and search are charged alike whatever the projection, and fine-tuning by the network's own MACs."""
    made = plan("method=duccio", *BUDGET, f"method.projection={projection}")
    record = execute(made, Store(tmp_path, "test"), Progress())
    phases = record.meter["phases"]
    reference = made.task.space.reference_costs["macs"]
    assert phases["warmup"]["macs"] == phases["search"]["macs"] == 3 * 2 * 320 * reference
    assert phases["finetune"]["macs"] == 3 * 2 * 320 * record.costs["macs"]
