"""Figures of speed: a number has its unit and its goal, the same in the table, in the file and in the verdict."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from checkout import ROOT
from machine import file_name, machine, processor
from pairs import Pairs, rounds_within
from random_packs import random_pack
from speed_figures import Figure, render, rows, words_of_test
from speed_tasks import EpochTrainer, speed_task
from step_profile import KINDS, step_shares


def _figure(value: float, unit: str, **goal: float) -> Figure:
    return Figure("A step is fast", "ds_cnn", "step", value, unit, 1, **goal)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.894, "x", "1.89x"),
        (0.0167, "x", "0.0167x"),
        (0.068, "s", "0.0680 s"),
        (1209.6, "samples/s", "1,210 samples/s"),
        (4.567, "%", "4.6 %"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, text: str) -> None:
    assert _figure(value, unit).text == text


def test_an_unknown_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="step: unit 'ns', choices are x, s, samples/s, %"):
        _figure(1.0, "ns")


def test_a_goal_is_met_at_its_limit_and_missed_beyond() -> None:
    assert _figure(1.6, "x", at_least=1.6).met
    assert not _figure(1.59, "x", at_least=1.6).met
    assert _figure(1.1, "x", at_most=1.1).met
    assert not _figure(1.11, "x", at_most=1.1).met
    assert _figure(99.0, "x").met


def test_a_missed_goal_is_marked_in_the_table() -> None:
    lines = render([_figure(2.0, "x", at_least=1.6), _figure(1.5, "x", at_least=1.6)]).splitlines()
    assert lines[0] == "A step is fast"
    assert [line.split() for line in lines[1:]] == [
        ["ds_cnn", "step", "2.00x", "at", "least", "1.6x"],
        ["ds_cnn", "step", "1.50x", "at", "least", "1.6x", "MISSED"],
    ]


def test_names_of_tests_become_words_and_parameters_a_case() -> None:
    assert words_of_test("test_a_step_is_fast[ds_cnn-128-fp32]") == ("A step is fast", "ds_cnn, 128, fp32")
    assert words_of_test("test_it_beats_plain_pytorch") == ("It beats plain PyTorch", "")


def test_pairs_are_compared_pair_by_pair() -> None:
    pairs = Pairs(reference=[1.0, 10.0, 3.0], tested=[0.5, 10.0, 1.0])
    assert (pairs.speed_up, pairs.cost) == (2.0, 0.5)
    assert (pairs.reference_seconds, pairs.tested_seconds) == (3.0, 1.0)


def test_rounds_stay_within_their_bounds() -> None:
    assert rounds_within(0.0, lambda: None) == 11
    assert rounds_within(60.0, lambda: None) == 100


@pytest.mark.parametrize(
    ("processor", "name"),
    [
        ("AMD EPYC", "amd_epyc"),
        ("Intel(R) Xeon(R) CPU @ 2.60GHz", "intel_xeon"),
        ("AMD Ryzen 7 5800X 8-Core Processor", "amd_ryzen_7_5800x_8_core"),
        ("", "unknown"),
    ],
)
def test_a_file_is_named_after_the_processor(processor: str, name: str) -> None:
    assert file_name(processor) == name


def test_a_row_holds_the_figure_and_the_machine() -> None:
    facts = machine()
    (row,) = rows([_figure(1.23456, "x", at_least=1.0)], facts).to_dict("records")
    assert row == {
        "test": "A step is fast",
        "case": "ds_cnn",
        "figure": "step",
        "value": 1.235,
        "unit": "x",
        "goal": "at least 1x",
        "threads": 1,
        **facts,
    }
    assert set(facts) == {"processor", "cores", "instruction_sets", "torch", "commit", "date"}


TOY = """
def test_it_is_fast(time_pairs, figure):
    pairs = time_pairs(lambda: sum(range(10)), lambda: sum(range(100_000)), rounds=3)
    figure("speed-up", pairs.speed_up, "x", at_least=2)


def test_it_is_slow(time_pairs, figure):
    pairs = time_pairs(lambda: sum(range(100_000)), lambda: sum(range(10)), rounds=3)
    figure("slowness", 1e-3 * int(pairs.cost > 1), "s", at_most=0)
"""


def test_figures_are_printed_and_written_and_a_missed_goal_fails_its_test(tmp_path: Path) -> None:
    (tmp_path / "test_toy.py").write_text(TOY)
    shutil.copy(ROOT / "tests" / "performance" / "conftest.py", tmp_path)
    options = ["--benchmark-only", "--benchmark-quiet", f"--record-figures={tmp_path / 'figures'}"]
    # without what xdist sets in its workers: pytest-benchmark refuses to measure there
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", str(tmp_path), f"--rootdir={tmp_path}", *options],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 1 passed" in done.stdout
    assert "AssertionError: slowness is 0.00100 s, its goal is at most 0 s" in done.stdout
    assert "It is fast\n" in done.stdout
    table = pd.read_csv(tmp_path / "figures" / f"{file_name(processor())}.csv")
    assert table["figure"].tolist() == ["speed-up", "slowness"]
    assert table["goal"].tolist() == ["at least 2x", "at most 0 s"]


@pytest.mark.parametrize(
    ("name", "has", "has_not"),
    [
        ("keyword_spotting", ["convolution, forward", "convolution, backward", "linear", "dropout"], []),
        ("anomaly_detection", ["linear"], ["convolution, forward", "convolution, backward", "dropout"]),
    ],
)
def test_a_profile_has_the_layers_that_the_network_has(
    name: str, has: list[str], has_not: list[str], tmp_path: Path
) -> None:
    samples = random_pack(name, tmp_path / "pack.npz", batches=2)
    task, _ = speed_task(name, tmp_path / "pack.npz", tmp_path, f"recipe.train_samples={samples}", "compute=cpu")
    shares = step_shares(EpochTrainer(task))
    assert list(shares) == list(KINDS)
    assert sum(shares.values()) == pytest.approx(1)
    common = ["batch norm", "ReLU", "loss", "optimiser", "batch and augmentation"]
    assert [kind for kind in (*has, *common) if shares[kind] == 0] == []
    assert [kind for kind in has_not if shares[kind] > 0] == []
