"""The limit on cost: one unit for all methods, never exceeded, refused before training where it is too small."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from checkout import CONF
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, open_dict
from tasks import plan, task

from suite.config.plan import make_plan
from suite.config.sweep import expand
from suite.task.cost_limit import (
    Lengths,
    check_cost_limit,
    epoch_macs,
    epochs_within,
    expected_macs,
    lengths_within,
    macs_left,
    search_epoch_macs,
    strength_loss_macs,
    training_macs,
    validation_macs,
)
from suite.task.evaluation import evaluate
from suite.task.meter import Meter
from suite.task.optimisation import Optimisation
from suite.task.task import Task
from suite.task.training import Phase, fit


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Task:
    """320 training and 100 validation samples."""
    return task(tmp_path_factory.mktemp("task"))[0]


def _meter(task: Task) -> Meter:
    return Meter(task.standard_macs)


def test_an_epoch_costs_what_the_meter_is_charged(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    network, meter = of.new_network(), _meter(of)
    macs = of.space.reference_costs["macs"]
    fit(of, network, meter, Phase("warmup", of.recipe.warmup, 2))
    assert meter.total().macs == 2 * epoch_macs(of, macs)
    evaluate(of, network, of.validation, meter, macs)
    assert meter.total().macs == 2 * epoch_macs(of, macs) + validation_macs(of, macs)


def test_golden_number_of_epochs(smoke: Task) -> None:
    """An epoch of the seed is 1060 of its forward passes (3 x 320 + 100), a standard training 1920, the end 100."""
    macs = smoke.space.reference_costs["macs"]
    network, plain = smoke.new_network(), Optimisation()
    assert smoke.standard_macs == 1920 * macs
    assert epochs_within(smoke, _meter(smoke), network, plain, 1160 / 1920) == 1
    assert epochs_within(smoke, _meter(smoke), network, plain, 3) == 5
    assert epochs_within(smoke, _meter(smoke), network, plain, 12) == 21
    assert epochs_within(smoke, _meter(smoke), network, plain, 12, 7) == 7
    assert epochs_within(smoke, _meter(smoke), network, plain, 500 / 1920, at_least=0) == 0


def test_golden_costs_of_a_search_of_layer_choices(tmp_path: Path) -> None:
    """Its branches are trained on the validation data too, in a second pass; one network at a time is not."""
    of, _ = task(tmp_path, "space=choices")
    assert of.choices is not None
    branches, largest = of.choices.all_branches_macs, of.choices.largest_macs
    assert branches > largest
    assert search_epoch_macs(of) == (3 * 320 + 100 + 3 * 100) * branches
    lengths = Lengths(warmup=1, search=4, finetune=6)
    end = 3 * 1060 * largest + 100 * largest
    assert expected_macs(of, lengths) == pytest.approx(4 * search_epoch_macs(of) + end)
    assert expected_macs(of, lengths, one_shot=False) == pytest.approx(4 * 1060 * largest + end)


@pytest.mark.parametrize(("loss", "passes"), [("plain", 1), ("training", 0)])
def test_the_loss_of_eq_13_costs_a_pass_over_the_training_data_where_it_is_measured(
    loss: str, passes: int, tmp_path: Path
) -> None:
    of, _ = task(tmp_path, f"recipe.strength_loss={loss}")
    assert strength_loss_macs(of) == passes * 320 * of.space.reference_costs["macs"]


def test_what_was_spent_is_not_there_again(smoke: Task) -> None:
    macs, meter = smoke.space.reference_costs["macs"], _meter(smoke)
    meter.charge_training("warmup", macs, 640)
    assert macs_left(smoke, meter, 3) == 2 * smoke.standard_macs
    assert epochs_within(smoke, meter, smoke.new_network(), smoke.recipe.finetune, 3) == 3


@given(limit=st.floats(0.61, 1000), sizes=st.sampled_from([None, (4, 8), (3, 5, 8)]))
def test_one_epoch_more_would_exceed_the_limit(smoke: Task, limit: float, sizes: Sequence[int] | None) -> None:
    network, macs = smoke.new_network(), smoke.space.reference_costs["macs"]
    settings = Optimisation(sizes=sizes)
    epochs = epochs_within(smoke, _meter(smoke), network, settings, limit)
    least, most = (training_macs(smoke, network, macs, settings, n) for n in (epochs, epochs + 1))
    assert least <= limit * smoke.standard_macs - validation_macs(smoke, macs) < most


@pytest.mark.parametrize("epochs", [1, 2, 7])
def test_epochs_on_smaller_images_cost_what_the_meter_is_charged(epochs: int, tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    network, meter, settings = of.new_network(), _meter(of), Optimisation(sizes=(4, 8))
    macs = of.space.reference_costs["macs"]
    fit(of, network, meter, Phase("warmup", settings, epochs))
    assert meter.total().macs == pytest.approx(training_macs(of, network, macs, settings, epochs), rel=1e-6)
    assert (meter.total().macs < epochs * epoch_macs(of, macs)) == (epochs > 1)


def _least(message: str) -> float:
    found = re.search(r"at least ([0-9.e+-]+)", message)
    assert found is not None, message
    return float(found[1])


@given(spent=st.floats(0, 1000))
def test_the_smallest_limit_that_is_named_suffices_and_less_does_not(smoke: Task, spent: float) -> None:
    meter = _meter(smoke)
    meter.charge_evaluation(spent * smoke.space.reference_costs["macs"], 1)

    def within(limit: float) -> int:
        return epochs_within(smoke, meter, smoke.new_network(), smoke.recipe.finetune, limit)

    with pytest.raises(ValueError, match=r"method\.cost_limit=1e-06") as refused:
        within(1e-6)
    least = _least(str(refused.value))
    assert within(least) == 1
    with pytest.raises(ValueError, match="at least"):
        within(0.998 * least)


lengths = st.builds(Lengths, st.integers(1, 200), st.integers(0, 200), st.integers(1, 200))


@given(designed=lengths, extra=st.floats(1, 100), searches=st.integers(1, 5))
def test_shortened_lengths_leave_an_epoch_of_fine_tuning_whatever_is_found(
    smoke: Task, designed: Lengths, extra: float, searches: int
) -> None:
    macs = smoke.space.reference_costs["macs"]
    epoch, judging = epoch_macs(smoke, macs), validation_macs(smoke, macs)
    limit = extra * _least_for(smoke, designed, searches)
    got = lengths_within(smoke, limit, designed, searches=searches)
    spent = (got.warmup + searches * (got.search + 1)) * epoch + searches * judging
    assert spent <= limit * smoke.standard_macs
    assert min(got.warmup, got.finetune) >= 1
    assert (got.search >= 1) == (designed.search >= 1)
    assert all(a <= b for a, b in zip(vars(got).values(), vars(designed).values(), strict=True))
    whole = designed.warmup * epoch + searches * expected_macs(smoke, designed)
    assert (got == designed) == (whole <= limit * smoke.standard_macs)


def _least_for(smoke: Task, designed: Lengths, searches: int) -> float:
    with pytest.raises(ValueError, match=r"method\.cost_limit=0\.001") as refused:
        lengths_within(smoke, 0.001, designed, searches=searches)
    return _least(str(refused.value))


def test_golden_lengths(smoke: Task) -> None:
    """A limit of three standard trainings is 5.4 epochs of the seed; 15 + 15 + 15 / 2 need 37.5 of them."""
    assert lengths_within(smoke, None, Lengths(15, 15, 15)) == Lengths(15, 15, 15)
    assert lengths_within(smoke, 30, Lengths(15, 15, 15)) == Lengths(15, 15, 15)
    assert lengths_within(smoke, 3, Lengths(2, 2, 2)) == Lengths(2, 2, 2)
    assert lengths_within(smoke, 3, Lengths(15, 15, 15)) == Lengths(2, 2, 2)
    assert lengths_within(smoke, 10, Lengths(10, 5, 20)) == Lengths(7, 3, 15)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match=r"method\.cost_limit=.*positive.*null"):
        check_cost_limit(limit)


def test_null_and_positive_limits_are_allowed() -> None:
    check_cost_limit(None)
    check_cost_limit(0.5)


def test_a_setting_that_is_null_is_as_if_it_were_not_there() -> None:
    """So that a new option, null by default, changes no id."""
    GlobalHydra.instance().clear()
    with initialize_config_module("suite.config.conf", version_base="1.3"):
        config = compose("config", ["preset=smoke", "threads=1"])
    assert config.method.cost_limit is None
    with_null = make_plan(config).id
    with open_dict(config):
        del config.method["cost_limit"]
    assert make_plan(config).id == with_null == plan().id
    assert plan("method.cost_limit=3").id != with_null


PROJECTED = {"duccio", "unconstrained_dnas", "taper", "prune_to_budget", "nsga2", "tpe_single", "gp_single", "random"}
PROJECTED |= {"width_scaling", "two_budget_scaling"}


def _jobs(experiment: str, *overrides: str) -> list[DictConfig]:
    """One seed's jobs of three."""
    params = yaml.safe_load((CONF / "experiment" / f"{experiment}.yaml").read_text())["hydra"]
    assert params["sweeper"]["params"]["seed"] == "0,1,2"
    return list(expand([f"+experiment={experiment}", "seed=0", *overrides]) or [])


@pytest.mark.parametrize(
    ("part", "projections", "methods"),
    [("refill", {"refill"}, PROJECTED), ("none", {"none"}, PROJECTED), ("reference", {None}, {"hand_tuned"})],
)
def test_compare_gives_every_method_the_same_limit_and_projection(
    part: str, projections: set[str | None], methods: set[str]
) -> None:
    jobs = _jobs(f"compare/{part}", "benchmark=keyword_spotting", "preset=short")
    assert {job.name for job in jobs} == {"compare"}
    assert {job.method.name.replace("duccio_projected", "duccio") for job in jobs} == methods
    assert {job.method.get("projection") for job in jobs} == projections
    assert {(job.method.cost_limit, job.benchmark.name, job.preset.name) for job in jobs} == {
        (3, "keyword_spotting", "short")
    }
    changed = _jobs(f"compare/{part}", "method.cost_limit=2")
    assert {(job.method.cost_limit, job.benchmark.name, job.preset.name) for job in changed} == {(2, "digits", "brief")}


@pytest.mark.parametrize("part", ["keyword_spotting", "visual_wake_words"])
def test_projections_has_every_method_with_refill_and_without(part: str) -> None:
    jobs = [*_jobs(f"projections/{part}"), *_jobs(f"projections/{part}_duccio")]
    arms = {(job.method.name, job.method.get("importance"), job.method.projection) for job in jobs}
    assert len(jobs) == len(arms)
    assert {arm[:2] for arm in arms if arm[2] == "none"} == {arm[:2] for arm in arms if arm[2] == "refill"}
    assert {name for name, *_ in arms} == PROJECTED - {"random"}
    assert {(job.method.cost_limit, job.preset.name) for job in jobs} == {(3, "brief")}
