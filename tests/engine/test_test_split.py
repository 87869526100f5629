"""The test split is read once a run, by the harness alone, and nothing is chosen by it.

Every run is done twice, on data that differ in nothing but the test split. What must then agree is all that a record
keeps but the test scores. The check is itself tested: it has to fail for three harnesses and methods that cheat.
"""

import gc
import json
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from tasks import plan
from torch import Tensor, nn

import baselines.optuna_trials
from suite.config.plan import Plan
from suite.data.base import Data, Split
from suite.engine import harness
from suite.engine.candidates import EvaluatedCandidate
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.records.tensors import load_tensors
from suite.space.budget import Budget
from suite.task import evaluation, training
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.task import Candidate, SearchResult, Task, Workspace
from suite.task.training import Fit

Score = Callable[[nn.Module], float]
Leak = Callable[[pytest.MonkeyPatch, Score], None]
OPTUNA = ["method=nsga2", "method.cost_limit=null", "method.trials=6"]
METHODS = {
    "duccio": ["method=duccio"],
    "unconstrained_dnas": ["method=unconstrained_dnas", "method.strengths=2"],
    "nsga2": OPTUNA,
    "random_search": ["method=random_search", "method.trials=2"],
}


def small_plan(*overrides: str) -> Plan:
    return plan("budget.weights=50%", "recipe.train_samples=160", *overrides)


def digits(made: Plan, folder: Path) -> Data:
    return harness.load_data(made.benchmark, Store(folder, "data"))


def with_wrong_test_labels(data: Data) -> Data:
    """The same training and validation data; each test image with every label but its own.

    The better a network is on the true labels, the worse it is on these: whoever chooses by them chooses otherwise.
    """
    wrong = [(data.test.y + step) % len(data.classes) for step in range(1, len(data.classes))]
    return replace(data, test=Split(data.test.x.repeat(len(wrong), 1, 1, 1), torch.cat(wrong)))


class WatchedData(Data):
    """Counts how often its test split is asked for."""

    reads: int

    def __getattribute__(self, name: str) -> Any:
        if name == "test":
            object.__setattr__(self, "reads", getattr(self, "reads", 0) + 1)
        return super().__getattribute__(name)


def rows(x: Tensor) -> set[bytes]:
    return {example.numpy().tobytes() for example in x}


def execute_on(
    data: Data, made: Plan, folder: Path, leak: Leak | None = None
) -> tuple[RunRecord, Store, dict[str, int]]:
    """One run on `data`, by a harness or a method that cheats where a leak is given; how it read the test split."""
    watched, known, reads = WatchedData(*(getattr(data, f.name) for f in fields(data))), rows(data.test.x), []
    predict_split = evaluation.predict_split

    def counted(task: Task, network: nn.Module, split: Split, *more: Any) -> Tensor:
        reads.append(rows(split.x) <= known)
        return predict_split(task, network, split, *more)

    @torch.no_grad()
    def score(network: nn.Module) -> float:
        """Mean probability of the labels: like accuracy, but without ties."""
        outputs = network.eval()(made.benchmark.preprocess(data.test.x))
        return float(outputs.double().softmax(1).gather(1, data.test.y[:, None]).mean())

    store = Store(folder, "test")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(harness, "load_data", lambda benchmark, store: watched)
        for module in (harness, evaluation):
            patched.setattr(module, "predict_split", counted)
        if leak is not None:
            leak(patched, score)
        record = harness.execute(made, store, Progress())
    assert record.status == "done", record.error
    return record, store, {"accesses": watched.reads, "passes": sum(reads)}


def without_clocks(node: Any) -> Any:
    """A meter's report without what differs from run to run: seconds and bytes."""
    if not isinstance(node, dict):
        return node
    return {k: without_clocks(v) for k, v in node.items() if not k.endswith("_s") and k != "peak_memory_bytes"}


def parts_without_test_scores(record: RunRecord, store: Store) -> dict[str, Any]:
    """Whatever of a run may not depend on the test split, by name, in a form that `==` compares."""
    folder = store.run_folder(record.id)
    parts = asdict(record)
    for name in ("finished", "environment"):
        del parts[name]
    parts["scores"] = parts["scores"]["validation"]
    parts["meter"] = without_clocks(parts["meter"])
    parts["history"] = pd.read_parquet(folder / "history.parquet").to_csv()
    parts["architecture"] = json.loads((folder / "architecture.json").read_text())
    parts["weights"] = {name: t.numpy().tobytes() for name, t in load_tensors(folder / "weights.pt").items()}
    return parts


def check_that_the_test_split_decides_nothing(made: Plan, folder: Path, leak: Leak | None = None) -> None:
    """Run twice, with different test splits.

    Raises:
        AssertionError: something but the test scores differs (named), or a test split was not read exactly once.
    """
    data = digits(made, folder)
    parts, predictions = [], []
    for name, variant in (("true", data), ("wrong", with_wrong_test_labels(data))):
        record, store, reads = execute_on(variant, made, folder / name, leak)
        assert reads == {"accesses": 1, "passes": 1}
        parts.append(parts_without_test_scores(record, store))
        predictions.append((store.run_folder(record.id) / "predictions.npz").read_bytes())
    assert predictions[0] != predictions[1], "both runs were given the same test split"
    assert parts[0].keys() == parts[1].keys()
    differing = [name for name in parts[0] if parts[0][name] != parts[1][name]]
    assert not differing, f"depends on the test split: {', '.join(differing)}"


@pytest.mark.parametrize("method", METHODS)
def test_another_test_split_changes_nothing_but_the_test_scores(method: str, tmp_path: Path) -> None:
    check_that_the_test_split_decides_nothing(small_plan(*METHODS[method]), tmp_path)


def choose_candidates_by_test_score(patched: pytest.MonkeyPatch, score: Score) -> None:
    def choose(budget: Budget, candidates: Sequence[EvaluatedCandidate]) -> EvaluatedCandidate:
        return max(candidates, key=lambda evaluated: score(evaluated.candidate.network))

    patched.setattr(harness, "choose_candidate", choose)


def choose_epochs_by_test_score(patched: pytest.MonkeyPatch, score: Score) -> None:
    """The history keeps the validation scores; only the rank of an epoch comes from the test split."""
    evaluate, networks = training.evaluate, []

    def remember(task: Task, network: nn.Module, *more: Any) -> float:
        networks[:] = [network]
        return evaluate(task, network, *more)

    patched.setattr(training, "evaluate", remember)
    patched.setattr(training, "nan_to_lowest", lambda validation_score: score(networks[0]))


def score_trials_on_test(patched: pytest.MonkeyPatch, score: Score) -> None:
    fit = baselines.optuna_trials.fit

    def fit_and_peek(task: Task, network: nn.Module, *more: Any, **options: Any) -> Fit:
        return replace(fit(task, network, *more, **options), best_score=score(network))

    patched.setattr(baselines.optuna_trials, "fit", fit_and_peek)


@pytest.mark.parametrize(
    ("leak", "overrides"),
    [
        (choose_candidates_by_test_score, METHODS["random_search"]),
        (choose_epochs_by_test_score, METHODS["random_search"]),
        (score_trials_on_test, OPTUNA),
    ],
    ids=["candidates", "epochs", "trials"],
)
def test_a_choice_by_test_score_is_found(leak: Leak, overrides: list[str], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"depends on the test split: .*weights"):
        check_that_the_test_split_decides_nothing(small_plan(*overrides), tmp_path, leak)


def _reachable(root: object) -> Iterator[object]:
    """Everything that attributes, closures and containers of `root` lead to; not the modules' globals."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, types.ModuleType | type):
            continue
        seen.add(id(item))
        yield item
        if isinstance(item, types.FunctionType):
            waiting += [item.__closure__, item.__defaults__, item.__kwdefaults__]
        else:
            waiting += gc.get_referents(item)


def _tensors(root: object) -> list[Tensor]:
    return [item for item in _reachable(root) if isinstance(item, Tensor)]


def test_a_task_leads_to_training_and_validation_data_but_not_to_test_data(tmp_path: Path) -> None:
    made, store = plan("recipe.train_samples=null"), Store(tmp_path, "test")
    data = digits(made, tmp_path)
    adapted = replace(made, benchmark=made.benchmark.fit_preprocessing(data))
    task = harness.make_task(adapted, data, Workspace(store.run_folder(made.id), store), Progress())
    known, found = rows(data.test.x), _tensors(task)
    assert any(x is task.train.x for x in found), "the walk must find what is there"
    assert any(x is task.validation.x for x in found)
    for tensor in found:
        assert tensor.untyped_storage().data_ptr() != data.test.x.untyped_storage().data_ptr()
        if tensor.shape[1:] == data.test.x.shape[1:] and tensor.dtype == data.test.x.dtype:
            assert not known & rows(tensor)


class _Spy:
    """A method that looks for the test split from everything it is handed."""

    version = 1
    name = "spy"

    def __init__(self, test: Tensor) -> None:
        self.address = test.untyped_storage().data_ptr()
        self.found: list[Tensor] | None = None

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        handed = _tensors([task, budget, meter])
        self.found = [x for x in handed if x.untyped_storage().data_ptr() == self.address]
        return SearchResult([Candidate(task.new_network())])


def test_no_method_can_reach_test_data_during_a_run(tmp_path: Path) -> None:
    made = plan()
    spy = _Spy(digits(made, tmp_path).test.x)
    record = harness.execute(replace(made, method=spy), Store(tmp_path, "test"), Progress())  # type: ignore[arg-type]
    assert record.status == "done", record.error
    assert spy.found == []
