"""DUCCIO end to end on tiny data: what it returns, keeps, and charges."""

import re
from pathlib import Path

import pytest
import torch
from tasks import plan, task, without_examples

from suite.dnas.duccio import Duccio
from suite.dnas.duccio_layerwise import DuccioLayerwise
from suite.dnas.penalty import PenaltyRule
from suite.models.same_conv import SameConv2d
from suite.task.meter import Meter
from suite.task.recipe import Optimisation
from suite.task.reference_training import train_reference

BUDGET = ("budget.weights=25%", "budget.latency=50%")


def _search(folder: Path, method: Duccio | DuccioLayerwise, *overrides: str):
    of, plan = task(folder, *overrides)
    meter = Meter(of.standard_macs)
    return of, plan.budget, method.search(of, plan.budget, meter), meter


@pytest.mark.parametrize("projection", ["repair", "refill"])
def test_the_result_fits_exactly_even_where_the_search_never_got_there(tmp_path: Path, projection: str) -> None:
    of, budget, result, _ = _search(tmp_path, Duccio(projection=projection), *BUDGET)
    costs = of.hardware.measure(result.candidates[0].network, of.input_shape)
    assert budget.fits(costs)
    assert result.search_costs is not None
    assert not budget.fits(result.search_costs), "two epochs cannot close a mask: the projection must have done it"


def test_without_a_projection_the_search_s_network_is_returned(tmp_path: Path) -> None:
    of, budget, result, _ = _search(tmp_path, Duccio(), *BUDGET)
    costs = of.hardware.measure(result.candidates[0].network, of.input_shape)
    assert costs == result.search_costs
    assert not budget.fits(costs)


def test_a_strong_penalty_closes_masks_within_the_search(tmp_path: Path) -> None:
    fast = ("recipe.mask_lr=0.2", "recipe.epochs=4")
    _, budget, result, _ = _search(tmp_path, Duccio(penalty=PenaltyRule(schedule="constant")), *BUDGET, *fast)
    assert budget.fits(result.search_costs)
    rows = [row for row in result.history if row["phase"] == "search"]
    assert rows[0]["strength/weights"] == rows[-1]["strength/weights"] > 0
    assert rows[-1]["cost/weights"] < rows[0]["cost/weights"] or rows[0]["cost/weights"] <= budget.targets["weights"]


def test_feasible_checkpoints_come_first(tmp_path: Path) -> None:
    """The public code keeps the best accuracy whether it fits or not."""
    fast = ("recipe.mask_lr=0.05", "recipe.epochs=6")
    of, budget, result, _ = _search(tmp_path, Duccio(projection="repair"), *BUDGET, *fast)
    rows = [row for row in result.history if row["phase"] == "search"]
    feasible = [r for r in rows if budget.fits({m: r[f"cost/{m}"] for m in of.hardware.units})]
    assert feasible, "the setting must reach feasibility for this test to say anything"
    assert max(r["score"] for r in rows) > max(r["score"] for r in feasible), "a better infeasible epoch must exist"
    best = max(feasible, key=lambda r: r["score"])
    costs = of.hardware.measure(result.candidates[0].network, of.input_shape)
    assert costs["weights"] == best["cost/weights"]


@pytest.mark.parametrize("method", [Duccio(), DuccioLayerwise(levels=(3000, 9000), tolerance=0.6)])
def test_each_phase_is_trained_with_its_own_optimiser(
    method: Duccio | DuccioLayerwise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[float] = []
    build = Optimisation.build
    monkeypatch.setattr(Optimisation, "build", lambda self, *args: built.append(self.lr) or build(self, *args))
    rates = ("recipe.warmup.lr=0.001", "recipe.search.lr=0.002", "recipe.finetune.lr=0.003", "recipe.epochs=1")
    _search(tmp_path, method, *BUDGET, *rates)
    assert built == [0.001, 0.002, 0.003] + ([] if isinstance(method, Duccio) else [0.002, 0.003])


def test_strengths_are_set_from_the_loss_of_the_last_warm_up_epoch(tmp_path: Path) -> None:
    """Eq. 13: lambda_i = L / (C_i - T_i), L the training loss at the end of the warm-up."""
    rule = PenaltyRule(schedule="constant", strength=1)
    of, budget, result, _ = _search(tmp_path, Duccio(penalty=rule), "budget.weights=25%")
    losses = [row["loss"] for row in result.history if row["phase"] == "warmup"]
    assert losses[0] > 1.01 * losses[-1], "the epochs must differ for this test to say anything"
    row = next(row for row in result.history if row["phase"] == "search")
    excess = of.space.reference_costs["weights"] - budget.targets["weights"]
    assert row["strength/weights"] == pytest.approx(losses[-1] / excess)


@pytest.mark.parametrize("space", ["masks", "choices"])
def test_a_limit_that_is_too_small_is_refused_before_anything_is_trained(space: str, tmp_path: Path) -> None:
    of, plan = task(tmp_path, *BUDGET, f"space={space}")
    of = without_examples(of)
    with pytest.raises(ValueError, match=r"method\.cost_limit=0\.1: not one epoch of each phase fits") as refused:
        Duccio(cost_limit=0.1).check(of, plan.budget)
    least = float(re.search(r"at least ([0-9.]+)", str(refused.value))[1])
    Duccio(cost_limit=least).check(of, plan.budget)
    Duccio().check(of, plan.budget)


def test_phases_are_charged_apart(tmp_path: Path) -> None:
    _, _, _, meter = _search(tmp_path, Duccio(projection="refill"), *BUDGET)
    shares = meter.report()["standard_trainings"]
    assert shares["warmup"] == pytest.approx(1.0)
    assert shares["search"] == pytest.approx(1.0)
    assert 0 < shares["finetune"] <= 0.5
    assert meter.shared["reference training"]["macs"] > 0


def test_two_budgets_share_one_warmup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import suite.task.reference_training as module

    calls = []
    original = module.fit
    monkeypatch.setattr(module, "fit", lambda *a, **options: calls.append(1) or original(*a, **options))
    first = _search(tmp_path, Duccio(), "budget.weights=25%")
    second = _search(tmp_path, Duccio(), "budget.weights=50%")
    assert len(calls) == 1
    assert first[2].artefacts == second[2].artefacts
    assert first[3].phases["warmup"].macs == second[3].phases["warmup"].macs > 0


def test_another_recipe_or_seed_has_its_own_warmup(tmp_path: Path) -> None:
    artefacts = set()
    for more in ([], ["seed=1"], ["recipe.batch=64"], ["recipe.epochs=1"]):
        of, _ = task(tmp_path, *more)
        artefacts.add(train_reference(of, Meter(of.standard_macs), of.recipe.epochs).artefact)
    assert len(artefacts) == 4


def test_an_empty_budget_searches_nothing_away(tmp_path: Path) -> None:
    of, _, result, _ = _search(tmp_path, Duccio())
    assert of.hardware.measure(result.candidates[0].network, of.input_shape) == of.space.reference_costs


def test_ram_is_met_by_the_projection(tmp_path: Path) -> None:
    of, budget, result, _ = _search(tmp_path, Duccio(projection="refill"), "budget.ram=50%", "budget.weights=80%")
    assert budget.fits(of.hardware.measure(result.candidates[0].network, of.input_shape))


def test_the_returned_network_is_plain(tmp_path: Path) -> None:
    of, _, result, _ = _search(tmp_path, Duccio(), *BUDGET)
    network = result.candidates[0].network
    assert {type(m) for m in network.modules() if not list(m.children())} <= {
        torch.nn.Conv2d, SameConv2d, torch.nn.BatchNorm2d, torch.nn.Linear, torch.nn.AdaptiveAvgPool2d,
        torch.nn.Identity,
    }  # fmt: skip
    assert network(torch.zeros(2, *of.input_shape)).shape == (2, 10)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"method\.projection"):
        Duccio(projection="maybe")


def test_a_limit_keeps_warm_up_and_search_and_gives_the_rest_to_fine_tuning(tmp_path: Path) -> None:
    of, _, free, _ = _search(tmp_path / "free", Duccio(), *BUDGET)
    _, _, limited, meter = _search(tmp_path / "limited", Duccio(cost_limit=4), *BUDGET)
    before, after = ([row["phase"] for row in result.history] for result in (free, limited))
    assert after[:4] == before[:4] == ["warmup"] * 2 + ["search"] * 2
    assert after.count("finetune") > before.count("finetune") == 2
    assert free.search_costs == limited.search_costs
    macs = of.hardware.measure(limited.candidates[0].network, of.input_shape)["macs"]
    epoch, last = macs * (3 * 320 + 100), macs * 100
    assert meter.total().macs + last <= 4 * of.standard_macs < meter.total().macs + last + epoch


def test_a_small_limit_shortens_warm_up_and_search_in_proportion(tmp_path: Path) -> None:
    lengths = ("recipe.epochs=6", "recipe.search_epochs=4", "recipe.finetune_epochs=4")
    _, _, result, meter = _search(tmp_path, Duccio(cost_limit=1.2), *BUDGET, *lengths)
    phases = [row["phase"] for row in result.history]
    assert (phases.count("warmup"), phases.count("search")) == (3, 2)
    assert meter.report()["standard_trainings"]["total"] <= 1.2


def test_by_default_it_is_the_papers_method(tmp_path: Path) -> None:
    """Hinge, ramp, Eq. 13 as it stands, the best validation score of the last quarter, and no projection."""
    assert Duccio() == plan("method=duccio").method
    assert Duccio().penalty == PenaltyRule("hinge", "ramp", "eq13")
    fast = ("recipe.mask_lr=0.05", "recipe.epochs=8")
    of, _, result, _ = _search(tmp_path, Duccio(), *BUDGET, *fast)
    late = [row for row in result.history if row["phase"] == "search"][6:]
    best = max(late, key=lambda row: row["score"])
    costs = of.hardware.measure(result.candidates[0].network, of.input_shape)
    assert {metric: best[f"cost/{metric}"] for metric in costs} == costs


@pytest.mark.parametrize("name", ["duccio_projected", "duccio_scripts"])
def test_every_deviation_from_the_paper_is_named(name: str) -> None:
    made = plan(f"method={name}", nodes={"recipe.script_strengths": {"weights": 5.0}})
    same = {"penalty.strength": "scripts"} if name == "duccio_scripts" else {}
    assert made.variant == same, "duccio_projected has a name of its own"
    assert made.method.projection == ("refill" if name == "duccio_projected" else "none")


def test_the_scripts_strengths_need_a_recipe_that_has_them(tmp_path: Path) -> None:
    of, made = task(tmp_path, *BUDGET)
    with pytest.raises(ValueError, match=r"penalty\.strength=scripts.*preset=paper"):
        Duccio(penalty=PenaltyRule(strength="scripts")).check(of, made.budget)


def test_a_checkpoint_may_be_chosen_alike_with_a_projection_and_without(tmp_path: Path) -> None:
    fast = ("recipe.mask_lr=0.05", "recipe.epochs=8")
    arms = {
        projection: _search(tmp_path / projection, Duccio(projection=projection, checkpoint="late"), *BUDGET, *fast)
        for projection in ("none", "refill")
    }
    scores = [[row["score"] for row in arm[2].history if row["phase"] == "search"] for arm in arms.values()]
    assert scores[0] == scores[1], "one search"
    assert arms["refill"][1].fits(
        arms["refill"][0].hardware.measure(arms["refill"][2].candidates[0].network, (1, 8, 8))
    )
    assert Duccio(checkpoint="late") == Duccio()
    assert Duccio(projection="refill", checkpoint="feasible") == Duccio(projection="refill")
    with pytest.raises(ValueError, match=r"method\.checkpoint=best: choices are late, feasible, null"):
        Duccio(checkpoint="best")


def test_strengths_that_do_not_match_limits_or_space_are_refused_before_training(tmp_path: Path) -> None:
    strengths = {"recipe.script_strengths": {"weights": 5.0, "latency": 5.0}}
    of, made = task(tmp_path, *BUDGET, nodes=strengths)
    Duccio(penalty=PenaltyRule(strength="scripts")).check(of, made.budget)
    with pytest.raises(ValueError, match="macs is not limited"):
        Duccio(penalty=PenaltyRule(strength={"macs": 10})).check(of, made.budget)
    of, made = task(tmp_path, *BUDGET, "space=choices", nodes=strengths)
    with pytest.raises(ValueError, match="needs space=masks"):
        Duccio(penalty=PenaltyRule(strength="scripts")).check(of, made.budget)


@pytest.mark.parametrize(
    ("options", "feasible_first"),
    [
        ({}, False),
        ({"checkpoint": "feasible"}, True),
        ({"projection": "repair"}, True),
        ({"projection": "refill", "checkpoint": "late"}, False),
    ],
)
def test_the_checkpoint_rule_is_the_papers_unless_the_network_is_projected(
    options: dict[str, str], feasible_first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import suite.dnas.duccio as module

    rules = []
    original = module.search
    monkeypatch.setattr(module, "search", lambda *a, **k: rules.append(k["feasible_first"]) or original(*a, **k))
    _search(tmp_path, Duccio(**options), *BUDGET, "recipe.epochs=1")
    assert rules == [feasible_first]
