"""The harness: believes nothing, isolates failures, writes honest records."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from tasks import plan

from suite import SuiteError
from suite.config.plan import Plan
from suite.data.base import Split
from suite.deploy.load import load_network
from suite.engine.candidates import EvaluatedCandidate, choose_candidate
from suite.engine.harness import RunningElsewhere, execute
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.page.run_data import describe_network
from suite.space.budget import Budget, Constraint
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.splits import load_data, subset
from suite.task.task import Candidate, SearchResult, Task
from suite.task.training import Phase, fit


def _execute(made: Plan, folder: Path) -> RunRecord:
    return execute(made, Store(folder, "test"), Progress())


@dataclass(frozen=True)
class Proposes:
    """Returns thinned, briefly trained networks of the given widths' shares."""

    version: ClassVar[int] = 1
    shares: tuple[float, ...] = (1.0,)
    name: str = "proposes"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        candidates = []
        for share in self.shares:
            shape = zip(task.space.full, task.space.groups.frozen, strict=True)
            widths = [n if frozen else max(1, int(share * n)) for n, frozen in shape]
            network = task.space.thin(task.new_network(), widths)
            fit(task, network, meter, Phase("search", task.recipe.warmup, 1, label=str(share)))
            candidates.append(Candidate(network, str(share)))
        return SearchResult(candidates)


@dataclass(frozen=True)
class Raises:
    version: ClassVar[int] = 1
    name: str = "raises"

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        raise ZeroDivisionError("out of luck")


def test_a_record_says_why_a_latency_is_an_extrapolation(tmp_path: Path) -> None:
    record = _execute(plan("method=width_scaling", "budget.macs=150k"), tmp_path)
    assert record.extrapolated == (f"{record.costs['macs']:,.0f} MACs are fewer than 200,000",)


def test_a_record_holds_what_the_harness_measured(tmp_path: Path) -> None:
    made = plan("budget.weights=25%")
    record = _execute(made, tmp_path)
    assert record.status == "done"
    assert record.feasible
    assert set(record.costs) == set(made.task.hardware.units)
    assert record.costs["weights"] <= record.targets["weights"]
    assert set(record.scores) == {"validation", "test"}
    assert record.meter["standard_trainings"]["warmup"] == pytest.approx(1)
    folder = tmp_path / "test" / "runs" / made.id
    assert {p.name for p in folder.iterdir()} >= {
        "record.json", "history.parquet", "predictions.npz", "architecture.json", "weights.pt"
    }  # fmt: skip
    content = (folder / "architecture.json").read_bytes()
    assert describe_network(content, record)["network"]["peak"] == record.costs["ram"] == record.board["head"]
    architecture = json.loads(content)
    assert sum(node["flash"] for node in architecture["operators"]) == record.costs["flash"]
    assert sum(node["flash"] for node in architecture["reference_operators"]) == record.reference_costs["flash"]
    history = pd.read_parquet(folder / "history.parquet")
    assert history.phase.unique().tolist() == ["warmup", "search", "finetune"]
    assert not (folder / "checkpoints").exists()


def test_a_recorded_network_can_be_loaded_and_predicts_as_recorded(tmp_path: Path) -> None:
    made = plan("budget.weights=25%")
    _execute(made, tmp_path)
    folder = tmp_path / "test" / "runs" / made.id
    network = load_network(folder)
    test = subset(load_data(made.benchmark, Store(tmp_path, "test")).test, made.task.recipe.eval_samples)
    recorded = np.load(folder / "predictions.npz")
    assert recorded["target"].tolist() == test.y.tolist()
    assert network(made.benchmark.preprocess(test.x)).argmax(1).tolist() == recorded["predicted"].tolist()
    (folder / "weights.pt").unlink()
    with pytest.raises(SuiteError, match=r"weights\.pt"):
        load_network(folder)


def test_a_finished_run_is_never_repeated(tmp_path: Path) -> None:
    made = plan("method=random_search", "method.trials=1")
    first = _execute(made, tmp_path)
    assert _execute(replace(made, method=Raises()), tmp_path) == first


def test_the_best_feasible_candidate_is_chosen(tmp_path: Path) -> None:
    made = replace(plan("budget.weights=50%"), method=Proposes((1.0, 0.6, 0.1)))
    record = _execute(made, tmp_path)
    assert record.feasible
    assert [c["feasible"] for c in record.candidates] == [False, True, True]
    chosen = max((c for c in record.candidates if c["feasible"]), key=lambda c: c["validation"])
    assert record.costs == chosen["costs"]
    assert record.scores["validation"] == chosen["validation"]


def test_the_least_violating_candidate_where_none_fits(tmp_path: Path) -> None:
    made = replace(plan("budget.weights=5%"), method=Proposes((1.0, 0.6)))
    record = _execute(made, tmp_path)
    assert not record.feasible
    assert record.costs == record.candidates[1]["costs"]
    assert record.violations["weights"] == pytest.approx(record.costs["weights"] / record.targets["weights"] - 1)


def test_a_candidate_whose_score_is_nan_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import suite.engine.candidates as candidates

    scores = iter([math.nan, 0.1, 0.2])
    monkeypatch.setattr(candidates, "evaluate", lambda *_: next(scores))
    record = _execute(replace(plan(), method=Proposes((1.0, 0.6, 0.5))), tmp_path)
    assert record.costs == record.candidates[2]["costs"]
    assert record.scores["validation"] == 0.2


def test_a_score_that_is_no_number_is_never_chosen_over_one_that_is() -> None:
    """Wherever it stands in the list; among networks that do not fit, the least violation decides as ever."""
    budget = Budget((Constraint("weights", 10.0, "10B"),))

    def chosen(*scores_and_weights: tuple[float, float]) -> int:
        candidates = [
            EvaluatedCandidate(Candidate(torch.nn.Identity(), str(i)), {"weights": weights}, score)
            for i, (score, weights) in enumerate(scores_and_weights)
        ]
        return candidates.index(choose_candidate(budget, candidates))

    nan = math.nan
    assert chosen((nan, 5), (0.1, 5), (0.3, 5)) == 2
    assert chosen((0.1, 5), (nan, 5), (0.3, 5)) == 2
    assert chosen((0.3, 5), (0.1, 5), (nan, 5)) == 0
    assert chosen((nan, 5), (0.9, 11)) == 0
    assert chosen((nan, 12), (0.1, 11), (0.9, 13)) == 1
    assert chosen((nan, 11), (0.1, 11)) == 1
    assert chosen((nan, 5), (nan, 5)) in (0, 1)


def test_candidates_are_scored_on_validation_data_and_the_chosen_one_on_test_data(tmp_path: Path) -> None:
    networks: list[torch.nn.Module] = []

    class Remembers(Proposes):
        def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
            result = super().search(task, budget, meter)
            networks.extend(candidate.network for candidate in result.candidates)
            return result

    made = replace(plan("budget.weights=50%"), method=Remembers((0.6, 0.4, 0.2)))
    record = _execute(made, tmp_path)
    data = load_data(made.benchmark, Store(tmp_path, "test"))
    cut = made.task.recipe.eval_samples
    validation, test = subset(data.validation, cut), subset(data.test, cut)

    def score(network: torch.nn.Module, split: Split) -> float:
        with torch.no_grad():
            return made.benchmark.selection_score(network.eval()(made.benchmark.preprocess(split.x)), split)

    on_validation, on_test = ([score(network, split) for network in networks] for split in (validation, test))
    assert on_validation != on_test, "or this test could not tell one from the other"
    assert [c["validation"] for c in record.candidates] == on_validation
    best = max(range(3), key=lambda i: on_validation[i])
    assert record.scores == {"validation": on_validation[best], "test": on_test[best]}


def test_a_method_that_raises_is_a_row_not_an_end(tmp_path: Path) -> None:
    made = replace(plan(), method=Raises())
    record = _execute(made, tmp_path)
    assert record.status == "failed"
    assert record.error == "ZeroDivisionError: out of luck"
    assert Store(tmp_path, "test").records() == [record]


def test_a_failed_runs_checkpoints_stay_and_what_was_half_written_goes(tmp_path: Path) -> None:
    made = replace(plan(), method=Raises())
    folder = Store(tmp_path, "test").run_folder(made.id)
    (folder / "checkpoints").mkdir(parents=True)
    kept, torn = folder / "checkpoints" / "search.pt", [folder / "a.tmp", folder / "checkpoints" / "b.tmp"]
    for path in (kept, *torn):
        path.write_bytes(b"x")
    assert _execute(made, tmp_path).status == "failed"
    assert [path.exists() for path in (kept, *torn)] == [True, False, False]


@dataclass(frozen=True)
class BreaksTheGpu:
    """Raises what a faulty kernel does; `later`, where it is noticed after another error."""

    version: ClassVar[int] = 1
    name: str = "breaks"
    later: bool = False

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        error = torch.AcceleratorError("CUDA error: misaligned address\nCompile with TORCH_USE_CUDA_DSA")

        def report() -> dict[str, object]:
            raise error

        if self.later:
            meter.report = report  # type: ignore[method-assign]
            raise RuntimeError("unable to find an engine")
        raise error


@pytest.mark.parametrize("later", [False, True])
def test_an_error_of_the_gpu_ends_the_call_and_is_no_methods_failure(later: bool, tmp_path: Path) -> None:
    made = replace(plan(), method=BreaksTheGpu(later=later))
    said = r"^digits \| breaks .*: the GPU failed \(CUDA error: misaligned address\); the same command continues"
    with pytest.raises(SuiteError, match=said):
        _execute(made, tmp_path)
    assert Store(tmp_path, "test").records() == []


def test_a_method_without_candidates_fails(tmp_path: Path) -> None:
    record = _execute(replace(plan(), method=Proposes(())), tmp_path)
    assert record.status == "failed"
    assert "no candidate" in (record.error or "")


def test_a_lying_method_gains_nothing(tmp_path: Path) -> None:
    """search_costs is a method's own figure: it never becomes the record's costs."""

    class Lies(Proposes):
        def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
            honest = super().search(task, budget, meter)
            return replace(honest, search_costs=dict.fromkeys(task.hardware.units, 1.0))

    record = _execute(replace(plan("budget.weights=50%"), method=Lies((1.0,))), tmp_path)
    assert record.costs["weights"] == record.reference_costs["weights"]
    assert not record.feasible


def test_a_run_in_progress_is_left_alone(tmp_path: Path) -> None:
    made = plan()
    store = Store(tmp_path, "test")
    with store.lock(store.run_folder(made.id)), pytest.raises(RunningElsewhere):
        execute(made, store, Progress())
