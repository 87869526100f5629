"""DUCCIO over layer choices end to end on tiny data: passes, what is frozen, resuming, records."""

import json
from pathlib import Path

import pytest
import torch
from tasks import plan, task

from suite import SuiteError
from suite.deploy.load import load_network
from suite.dnas.branch_mixing import ChoiceRule
from suite.dnas.choice_search import ChoiceObjective
from suite.dnas.duccio import Duccio
from suite.dnas.one_shot import wrap
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.engine.harness import execute
from suite.records.store import Store
from suite.task.cost_limit import Lengths, lengths_within
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.reference_training import train_reference
from suite.task.training import Phase, fit

BUDGET = ("budget.weights=60%", "budget.latency=50%")
TINY = ("recipe.train_samples=64", "recipe.eval_samples=40", "recipe.epochs=1")


def _objective(folder: Path, rule: ChoiceRule, space: str = "choices"):
    of, made = task(folder, f"space={space}", *BUDGET, *TINY)
    mixed = wrap(of, of.new_supernet(), rule)
    penalty = Penalty(PenaltyRule(), made.budget.targets, 1)
    penalty.start(1.0, of.choices.uniform_costs)
    return of, mixed, ChoiceObjective(of, mixed, penalty, made.budget, feasible_first=True, compaction=True)


def _pass_changes(folder: Path, rule: ChoiceRule, split: str, space: str = "both") -> set[str]:
    """What a pass over `split` moved, by kind, after a full epoch that gave the optimiser momentum."""
    of, mixed, objective = _objective(folder, rule, space)
    fit(of, mixed, Meter(1.0), Phase("search", of.recipe.search, 1), objective=objective, macs=mixed.macs)
    optimiser = of.recipe.search.build(mixed, objective.parameter_groups())
    changed: set[str] = set()
    for name in ("train", "validation", split):  # two that fill the optimiser's moments, then the one that counts
        objective.begin_pass(name, 0)
        before = {k: v.detach().clone() for k, v in mixed.named_parameters()}
        x = of.preprocess(of.train.x[:32])
        loss = of.loss(mixed.train()(x), x, of.train.y[:32])
        penalty = objective.penalty(0.9)
        optimiser.zero_grad(set_to_none=True)
        (loss if penalty is None else loss + penalty).backward()
        optimiser.step()
        changed = {k for k, v in mixed.named_parameters() if not torch.equal(v, before[k])}
    return {"logits" if "logits" in k else "masks" if "alpha" in k else "weights" for k in changed}


def test_alternating_passes_move_only_their_own_parameters(tmp_path: Path) -> None:
    """In the public code the frozen group keeps zero gradients, so that Adam's momentum still moves it."""
    rule = ChoiceRule()
    assert _pass_changes(tmp_path / "a", rule, "train") == {"weights", "masks"}
    assert _pass_changes(tmp_path / "b", rule, "validation") == {"logits"}


def test_joint_optimisation_moves_everything_on_the_training_data(tmp_path: Path) -> None:
    rule = ChoiceRule(optimisation="joint")
    assert _pass_changes(tmp_path, rule, "train") == {"weights", "masks", "logits"}
    assert _objective(tmp_path, rule)[2].passes() == ("train",)


def test_the_warm_up_trains_all_branches_and_is_charged_for_them(tmp_path: Path) -> None:
    of, _ = task(tmp_path, "space=choices", *TINY)
    meter = Meter(of.standard_macs)
    warm = train_reference(of, meter, 1)
    assert meter.phases["warmup"].macs == 3 * of.choices.all_branches_macs * len(of.train)
    start = of.new_supernet().state_dict()
    moved = {k for k, v in warm.network.state_dict().items() if not torch.equal(v, start[k])}
    assert {k for k, _ in warm.network.named_parameters()} <= moved


@pytest.mark.parametrize("space", ["choices", "both"])
@pytest.mark.parametrize("sampling", ["gumbel_hard", "softmax"])
def test_the_result_fits_and_is_recorded_with_its_branches(tmp_path: Path, space: str, sampling: str) -> None:
    made = plan(f"space={space}", f"method.choices.sampling={sampling}", *BUDGET, *TINY)
    store = Store(tmp_path, "test")
    record = execute(made, store, Progress())
    assert record.status == "done", record.error
    assert record.feasible
    assert record.method == "duccio_projected"
    assert record.variant == {"space": space} | ({"choices.sampling": "softmax"} if sampling == "softmax" else {})
    folder = store.run_folder(made.id)
    architecture = json.loads((folder / "architecture.json").read_text())
    assert set(architecture["choices"]) == {p.name for p in made.task.choices.positions}
    network = load_network(folder)
    assert made.task.hardware.measure(network, (1, 8, 8)) == record.costs


def test_methods_without_a_search_take_no_notice_of_the_space() -> None:
    assert plan("method=width_scaling", "space=choices").id == plan("method=width_scaling").id
    assert plan("space=choices").id != plan("space=both").id != plan().id


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["space=paths"], "space=paths: choices are masks, choices, both"),
        (["space=choices", "method=random_search"], "space=choices: method random_search searches masks only"),
        (["space=choices", "network=networks.OwnNetwork"], "only the benchmark's own has a supernet"),
        (["space=choices", "budget.weights=1%"], "below the smallest network of this space"),
        (["method.choices.sampling=hard"], "choices.sampling=hard: choices are gumbel_hard"),
    ],
)
def test_bad_spaces_are_refused_before_anything_is_trained(overrides: list[str], message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        plan(*overrides)


def test_a_resumed_search_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = _searched(tmp_path / "whole", 3)
    _searched(tmp_path / "cut", 3, stop_after=2)
    assert _searched(tmp_path / "cut", 3) == whole


class _Killed(Exception):
    pass


def _searched(folder: Path, epochs: int, stop_after: int | None = None) -> list[object]:
    of, made = task(folder, "space=both", *BUDGET, *TINY, "recipe.mask_lr=0.3")
    mixed = wrap(of, of.new_supernet(), ChoiceRule(sampling="gumbel_hard", drop_below=0.2))
    penalty = Penalty(PenaltyRule(), made.budget.targets, epochs)
    penalty.start(1.0, of.choices.uniform_costs)
    objective = ChoiceObjective(of, mixed, penalty, made.budget, feasible_first=True, compaction=True)
    if stop_after is not None:
        inner = objective.begin_pass

        def begin(split: str, epoch: int) -> None:
            if epoch == stop_after:
                raise _Killed
            inner(split, epoch)

        objective.begin_pass = begin  # type: ignore[method-assign]
    meter = Meter(of.standard_macs)
    try:
        result = fit(of, mixed, meter, Phase("search", of.recipe.search, epochs), objective=objective, macs=mixed.macs)
    except _Killed:
        return []
    return [result.rows, mixed.sampler.logits.tolist(), mixed.sampler.alive.tolist(), meter.phases["search"].macs]


def test_a_cost_limit_counts_all_branches(tmp_path: Path) -> None:
    of, made = task(tmp_path, "space=choices", *BUDGET, *TINY)
    with pytest.raises(ValueError, match=r"cost_limit=3: not one epoch .* at least"):
        lengths_within(of, 3, Lengths(1, 1, 1))
    meter = Meter(of.standard_macs)
    Duccio(cost_limit=16).search(of, made.budget, meter)
    assert 8 < meter.total().macs / of.standard_macs <= 16
