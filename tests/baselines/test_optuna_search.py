"""The Optuna methods on digits: within the budget and the limit, the same again, whatever happens to a trial."""

import math
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from optuna.trial import FrozenTrial, TrialState
from optuna_runs import BUDGET, comparable, run, run_folder, same, stored_trials
from tasks import plan, task

import baselines.optuna_domain as optuna_domain
import baselines.optuna_search as optuna_search
import baselines.optuna_trials as optuna_trials
import suite.dnas.one_shot as one_shot
import suite.task.evaluation as evaluation
from baselines.optuna_budget import TrialBudget
from baselines.optuna_file import StudyFile
from suite import SuiteError
from suite.space.budget import Budget
from suite.task.meter import Meter
from suite.task.task import SearchResult, Task
from suite.task.training import Diverged, Fit

METHODS = ("nsga2", "nsga3", "tpe", "tpe_single", "gp_single", "random")


@pytest.mark.parametrize("method", METHODS)
class TestContract:
    def test_fits_and_stays_within_the_limit(self, method: str, tmp_path: Path) -> None:
        made = plan(f"method={method}", "method.finetune_best=2", *BUDGET)
        record = run(made, tmp_path)
        assert record.status == "done", record.error
        assert record.feasible
        spent = record.meter["standard_trainings"]
        assert spent["warmup"] == pytest.approx(1)
        assert spent["search"] > 0
        assert spent["finetune"] > 0
        assert 2.3 < spent["total"] <= 3, "all that the limit can pay for, and no more"
        history = pd.read_parquet(run_folder(made, tmp_path) / "history.parquet")
        assert history.phase.unique().tolist() == ["warmup", "search", "finetune"]
        trials = stored_trials(run_folder(made, tmp_path), 1 if method.endswith("_single") else 3)
        trained = [t for t in trials if t.user_attrs["trial_state"] == "trained"]
        assert record.meter["phases"]["search"]["networks"] == len(trained) >= 4
        assert history[history.trial_state == "trained"].label.nunique() == len(trained)
        assert record.meter["phases"]["finetune"]["networks"] == len(record.candidates) == 2
        best_scores = sorted((t.values[0] for t in trained), reverse=True)[:2]
        by_name = {f"trial-{t.number}": t for t in trained}
        chosen = [by_name[c["name"]] for c in record.candidates]
        assert [t.values[0] for t in chosen] == best_scores, "of trials with equal scores either may come first"
        for candidate, trial in zip(record.candidates, chosen, strict=True):
            assert candidate["costs"] == trial.user_attrs["costs"], (
                "exact costs before training are those measured after"
            )

    def test_the_same_seed_gives_the_same_record(self, method: str, tmp_path: Path) -> None:
        made = plan(f"method={method}", "method.trials=6", *BUDGET)
        results = [comparable(run(made, tmp_path / n), run_folder(made, tmp_path / n)) for n in ("a", "b")]
        assert same(*results)

    def test_without_a_budget_the_score_is_all(self, method: str, tmp_path: Path) -> None:
        made = plan(f"method={method}", "method.trials=6", "method.cost_limit=null")
        record = run(made, tmp_path)
        assert record.status == "done", record.error
        trials = stored_trials(run_folder(made, tmp_path), objectives=1)
        assert len(trials) == 6
        assert {tuple(t.constraints) for t in trials} == {()}


@pytest.mark.parametrize("limit", [1.2, 1.7, 2.5])
@pytest.mark.parametrize("weights", ["inherited", "scratch"])
def test_no_limit_is_ever_exceeded(limit: float, weights: str, tmp_path: Path) -> None:
    made = plan(
        "method=random", f"method.cost_limit={limit}", f"method.weights={weights}", "method.finetune_best=2",
        "recipe.epochs=4", "recipe.train_samples=100", "recipe.eval_samples=50", "recipe.finetune_epochs=3",
    )  # fmt: skip
    record = run(made, tmp_path)
    assert record.status == "done", record.error
    assert 0.5 * limit < record.meter["standard_trainings"]["total"] <= limit
    assert (record.meter["standard_trainings"]["warmup"] > 0) == (weights == "inherited")


def test_a_limit_that_is_too_small_is_refused_before_training(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"method\.cost_limit=0\.5"):
        run(plan("method=nsga2", "method.cost_limit=0.5"), tmp_path)


def test_a_network_that_does_not_fit_is_not_trained_and_gets_the_worst_score(tmp_path: Path) -> None:
    made = plan("method=random", "method.trials=12", "budget.weights=25%")
    record = run(made, tmp_path)
    trials = stored_trials(run_folder(made, tmp_path), objectives=2)
    infeasible = [t for t in trials if t.user_attrs["trial_state"] == "infeasible"]
    trained = [t for t in trials if t.user_attrs["trial_state"] == "trained"]
    assert min(len(infeasible), len(trained)) >= 2
    assert record.meter["phases"]["search"]["networks"] == len(trained)
    for trial in infeasible:
        assert trial.constraints["weights"] > 0
        assert trial.values[0] <= min([t.values[0] for t in trained if t.number < trial.number], default=1)
        assert trial.user_attrs["costs"]["weights"] > record.targets["weights"]
        assert trial.values[1] == trial.user_attrs["costs"]["weights"] / record.reference_costs["weights"]
        assert trial.user_attrs["milliseconds"] > 0
    for trial in trained:
        relative = trial.user_attrs["costs"]["weights"] / record.targets["weights"]
        assert trial.constraints == {"weights": pytest.approx(relative - 1)}
        assert trial.constraints["weights"] <= 0, "how much room there is says more than that there is some"
    history = pd.read_parquet(run_folder(made, tmp_path) / "history.parquet")
    rows = history[history.trial_state == "infeasible"]
    assert rows.label.tolist() == [f"trial-{t.number}" for t in infeasible]
    assert (rows["cost/weights"] > record.targets["weights"]).all()


def test_inherited_weights_are_the_most_important_channels_of_the_warm_up(tmp_path: Path) -> None:
    of, made = task(tmp_path, "method=random", *BUDGET)
    warmed_up = of.new_network()
    domain = optuna_domain.domain_of(of, 8)
    trial_budget = TrialBudget(of, Meter(of.standard_macs), None, 1, 1, 1)
    evaluator = optuna_trials.TrialEvaluator(of, made.budget, trial_budget.meter, domain, trial_budget, warmed_up)
    group = of.space.free[0]
    widths = tuple(3 if g == group else n for g, n in enumerate(of.space.full))
    network = evaluator.subnetwork("trial-0", optuna_domain.Architecture(widths)).build()
    name = of.space.groups.names[group]
    importance = optuna_domain.channel_importance(warmed_up, of.space.network, of.space.groups)[group]
    chosen = importance.topk(3).indices.sort().values
    assert torch.equal(network.get_submodule(name).weight, warmed_up.get_submodule(name).weight[chosen])


@pytest.mark.parametrize("seed", [0, 1])
def test_a_projection_does_not_exceed_the_limit_nor_starve_a_network(seed: int, tmp_path: Path) -> None:
    """Refill doubles the MACs of some networks: what it makes of them is what fine-tuning is reserved for."""
    limits = ("method.finetune_best=4", "method.cost_limit=3", "budget.weights=50%", f"seed={seed}")
    epochs = {}
    for projection in ("none", "refill"):
        made = plan("method=random", f"method.projection={projection}", *limits)
        record = run(made, tmp_path / projection)
        assert record.status == "done", record.error
        assert record.meter["standard_trainings"]["total"] <= 3
        history = pd.read_parquet(run_folder(made, tmp_path / projection) / "history.parquet")
        epochs[projection] = history[history.phase == "finetune"].groupby("label").size()
    assert set(epochs["refill"]) == set(epochs["none"]) == {2}, "all as long as the recipe says"


def test_fine_tuning_leaves_room_for_the_harness_own_pass_of_every_network(tmp_path: Path) -> None:
    of, _ = task(tmp_path)
    macs = [1e5, 3e5]
    each = sum(3 * m * len(of.train) + m * len(of.validation) for m in macs)
    passes = sum(m * len(of.validation) for m in macs)
    for room, epochs in ((2 * each + passes, 2), (2 * each + 0.9 * passes, 1), (0.5 * each, 0), (9 * each, 4)):
        limit = (room + 1) / of.standard_macs
        assert TrialBudget(of, Meter(of.standard_macs), limit, 1, 4, 2).affordable_finetuning(macs) == epochs


class TestTrouble:
    """What goes wrong in a trial stays in it."""

    def _search(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[str, Fit], Fit], *overrides: str
    ) -> tuple[SearchResult, list[FrozenTrial], Budget, Task, Meter]:
        of, made = task(folder, "method=nsga2", "method.trials=6", *overrides)
        plain = optuna_trials.fit

        def fit(task: Task, network: torch.nn.Module, meter: Meter, phase: Any, **options: Any) -> Fit:
            return trouble(phase.label, plain(task, network, meter, phase, **options))

        for module in (optuna_trials, one_shot):
            monkeypatch.setattr(module, "fit", fit)
        meter = Meter(of.standard_macs)
        result = made.method.search(of, made.budget, meter)
        with closing(StudyFile(of.workspace.folder / "study.db", [])) as file:
            return result, file.finished_trials(), made.budget, of, meter

    def test_divergence_is_the_worst_score_with_its_reason(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def trouble(label: str, done: Fit) -> Fit:
            if label in ("trial-1", "trial-3"):
                raise Diverged(f"{label}: training loss is nan in epoch 0")
            if label == "trial-2":
                done.best_score = math.nan
            return done

        result, trials, *_ = self._search(tmp_path, monkeypatch, trouble)
        states = [t.user_attrs["trial_state"] for t in trials]
        assert states == ["trained", "diverged", "diverged", "diverged", "trained", "trained"]
        assert {t.state for t in trials} == {TrialState.COMPLETE}
        assert trials[1].user_attrs["reason"] == "trial-1: training loss is nan in epoch 0"
        assert trials[2].user_attrs["reason"] == "validation score is nan"
        assert all(trials[i].values[0] <= min(t.values[0] for t in trials[:1]) for i in (1, 2, 3))
        assert result.candidates[0].name in ("trial-0", "trial-4", "trial-5")

    def test_an_error_fails_its_trial(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def trouble(label: str, done: Fit) -> Fit:
            if label == "trial-1":
                raise MemoryError("no room")
            return done

        result, trials, *_ = self._search(tmp_path, monkeypatch, trouble)
        assert [t.state for t in trials].count(TrialState.FAIL) == 1
        assert trials[1].user_attrs["reason"] == "MemoryError: no room"
        assert len(result.candidates) == 1

    def test_without_one_success_the_smallest_network_is_trained(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def trouble(label: str, done: Fit) -> Fit:
            if label.startswith("trial"):
                raise MemoryError("no room")
            return done

        result, trials, budget, of, meter = self._search(tmp_path, monkeypatch, trouble, *BUDGET)
        assert "trained" not in [t.user_attrs["trial_state"] for t in trials]
        (candidate,) = result.candidates
        costs = of.hardware.measure(candidate.network, of.input_shape)
        assert candidate.name == "smallest"
        assert costs == of.space.exact(of.space.smallest)
        assert budget.fits(costs)
        assert [row["phase"] for row in result.history][-1] == "finetune"
        assert meter.total().macs <= 3 * of.standard_macs

    def test_where_fine_tuning_diverges_the_network_of_the_trial_is_returned(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def trouble(label: str, done: Fit) -> Fit:
            if label.startswith("finetune"):
                raise Diverged("nan")
            return done

        result, trials, _, of, _ = self._search(tmp_path, monkeypatch, trouble)
        (candidate,) = result.candidates
        score = max(t.values[0] for t in trials)
        assert evaluation.evaluate(of, candidate.network, of.validation, Meter(1.0), 1.0) == score

    def test_an_infeasible_region_ends_at_the_smallest_network(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """All but the smallest networks exceed the budget and the limit is never spent: proposals are counted."""
        monkeypatch.setattr(optuna_search, "MAX_IDLE_TRIALS", 25)
        of, made = task(tmp_path, "method=random", "budget.weights=0.4%")
        result = made.method.search(of, made.budget, Meter(of.standard_macs))
        with closing(StudyFile(of.workspace.folder / "study.db", [])) as file:
            trials = file.finished_trials()
        assert {t.user_attrs["trial_state"] for t in trials} == {"infeasible"}
        assert len(trials) == 25
        assert [c.name for c in result.candidates] == ["smallest"]
        assert "ended early, since none of the last 25 networks was trained (25 infeasible)" in caplog.text
        assert "over its limit: weights in 25" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("method.sampler=cma", "method.sampler=cma: choices are nsga2, nsga3, tpe, gp, random"),
        ("method.weights=stolen", "method.weights=stolen: choices are inherited, scratch"),
        ("method.trials=0", "method.trials=0: must be at least 1"),
        ("method.levels=1", "method.levels=1: must be at least 2"),
        ("method.finetune_best=0", "method.finetune_best=0: must be at least 1"),
        ("method.proxy_epochs=0", "method.proxy_epochs=0: must be at least 1"),
        ("method.cost_limit=-1", "method.cost_limit=-1"),
        ("method.cost_limit=null", "one of them must end the search"),
    ],
)
def test_bad_options_are_refused(change: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        plan("method=nsga2", change)


class TestLayerChoices:
    """The paper's supernets, as far as a sampler sees them."""

    TINY = (
        "recipe.epochs=1",
        "recipe.train_samples=64",
        "recipe.eval_samples=40",
    )

    @pytest.mark.parametrize("space", ["choices", "both"])
    @pytest.mark.parametrize("weights", ["inherited", "scratch"])
    def test_a_search_returns_branches_that_fit(self, tmp_path: Path, space: str, weights: str) -> None:
        tiny = (*self.TINY, "method.cost_limit=null", f"method.weights={weights}", "method.trials=6", f"space={space}")
        of, made = task(tmp_path, "method=nsga2", *tiny, "budget.weights=60%")
        result = made.method.search(of, made.budget, Meter(of.standard_macs))
        (candidate,) = result.candidates
        assert set(candidate.choices) == {p.name for p in of.choices.positions}
        assert made.budget.fits(of.hardware.measure(candidate.network, of.input_shape))

    @pytest.mark.parametrize("space", ["choices", "both"])
    def test_an_architectures_costs_are_those_of_its_network(self, tmp_path: Path, space: str) -> None:
        of, _ = task(tmp_path, f"space={space}", *self.TINY)
        domain = optuna_domain.domain_of(of, 4)
        rng = torch.Generator().manual_seed(0)
        warm = of.new_supernet()
        for source in (None, warm, warm):
            levels = {k: int(torch.randint(n, (), generator=rng)) for k, n in domain.level_counts.items()}
            architecture = domain.decode(levels)
            network = domain.subnetwork(architecture, "x", source).build()
            assert of.hardware.measure(network, of.input_shape) == domain.exact_costs(architecture)
        assert len(domain.level_counts) == 7 + (
            0 if space == "choices" else len(of.choices.groups.sizes) - sum(of.choices.groups.frozen)
        )
