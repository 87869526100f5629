"""Which run a person means: folders, ids, the best of an experiment, and what is refused."""

import dataclasses
from pathlib import Path

import pytest
from experiments import archived, experiment
from synthetic import make_record

from suite import SuiteError
from suite.deploy.find_run import find_run


def _experiment(folder: Path, name: str = "example"):  # type: ignore[no-untyped-def]
    runs = [
        dataclasses.replace(make_record(seed=0), id="aa00", scores={"validation": 0.7, "test": 0.9}, feasible=True),
        dataclasses.replace(make_record(seed=1), id="aa11", scores={"validation": 0.8, "test": 0.6}, feasible=True),
        dataclasses.replace(make_record(seed=2), id="bb22", scores={"validation": 0.9, "test": 0.9}, feasible=False),
        dataclasses.replace(make_record(seed=3), id="cc33", status="failed", error="no luck"),
    ]
    return experiment(folder, *runs, name=name)


def test_a_run_is_found_by_folder_id_and_first_digits(tmp_path: Path) -> None:
    store = _experiment(tmp_path)
    for text in (str(store.run_folder("bb22")), "bb22", "bb"):
        found = find_run(text, tmp_path)
        assert (found.record.id, found.folder.resolve()) == ("bb22", store.run_folder("bb22").resolve())


def test_the_best_run_is_the_one_within_its_budget_with_the_best_validation_score(tmp_path: Path) -> None:
    store = _experiment(tmp_path)
    for text in ("example", str(store.folder)):
        assert find_run(text, tmp_path, best=True).record.id == "aa11"


@pytest.mark.parametrize(
    ("text", "best", "message"),
    [
        ("aa", False, r"2 runs in .* begin so: example/runs/aa00, example/runs/aa11"),
        ("zz", False, "no such run"),
        ("*", False, "no such run"),
        ("", False, "no such run"),
        ("cc33", False, r"run cc33 of experiment example failed \(no luck\)"),
        ("nowhere", True, "no experiment with runs"),
    ],
)
def test_what_is_no_run_is_refused(text: str, best: bool, message: str, tmp_path: Path) -> None:
    _experiment(tmp_path)
    with pytest.raises(SuiteError, match=message):
        find_run(text, tmp_path, best=best)


def test_archived_runs_are_found(tmp_path: Path) -> None:
    archived(_experiment(tmp_path))
    assert find_run("bb22", tmp_path).record.id == "bb22"
    assert find_run("example", tmp_path, best=True).record.id == "aa11"


def test_an_experiment_needs_best(tmp_path: Path) -> None:
    store = _experiment(tmp_path)
    for text in ("example", str(store.folder)):
        with pytest.raises(SuiteError, match="an experiment; name one of its runs, or add --best"):
            find_run(text, tmp_path)


def test_a_folder_of_that_name_does_not_hide_an_experiment_or_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _experiment(tmp_path / "results")
    for name in ("example", "bb22"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_run("example", Path("results"), best=True).record.id == "aa11"
    assert find_run("bb22", Path("results")).record.id == "bb22"


def test_the_folder_one_stands_in_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _experiment(tmp_path)
    monkeypatch.chdir(store.run_folder("aa00"))
    assert find_run(".", tmp_path).record.id == "aa00"


def test_several_benchmarks_have_no_best(tmp_path: Path) -> None:
    runs = [
        dataclasses.replace(make_record(), id=f"a{i}", benchmark=name) for i, name in enumerate(("digits", "sounds"))
    ]
    experiment(tmp_path, *runs)
    with pytest.raises(SuiteError, match=r"several benchmarks \(digits, sounds\)"):
        find_run("example", tmp_path, best=True)


def test_no_run_within_its_budget_has_no_best(tmp_path: Path) -> None:
    experiment(tmp_path, dataclasses.replace(make_record(), feasible=False))
    with pytest.raises(SuiteError, match="no finished run of it is within its budget"):
        find_run("example", tmp_path, best=True)
