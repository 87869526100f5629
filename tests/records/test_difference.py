"""`suite diff`: two runs side by side where they differ, and nowhere else."""

import dataclasses
from pathlib import Path

import pytest
from synthetic import make_record

from suite.cli.main import main
from suite.records.difference import difference
from suite.records.store import Store


def test_values_that_differ_are_paired_by_section_and_key() -> None:
    first = make_record(scores={"test": float("nan"), "validation": 0.5}, environment={"python": "3.11", "threads": 1})
    second = dataclasses.replace(
        first,
        config={**first.config, "seed": 7, "more": {"key": [1]}},
        scores={"test": float("nan"), "validation": 0.25},
        environment={"python": "3.12", "threads": 1},
    )
    assert difference(first, second) == {
        "configuration": {"more.key": ("-", [1]), "seed": (0, 7)},
        "environment": {"python": ("3.11", "3.12")},
        "result": {"scores.validation": (0.5, 0.25)},
    }
    assert difference(first, first) == {"configuration": {}, "environment": {}, "result": {}}


def test_the_command_prints_them_and_its_exit_code_tells_whether_results_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path, "example")
    runs = [make_record(seed=seed, scores={"test": 0.5, "validation": 0.5}, costs={}) for seed in range(2)]
    for record in runs:
        store.write(dataclasses.replace(record, meter={}, widths={}))
    ids = [record.id for record in runs]
    assert main(["diff", *ids, "--results-dir", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "result: the same" in printed
    assert ["seed", "0", "1"] in [line.split() for line in printed.splitlines()]
    store.write(dataclasses.replace(runs[1], meter={}, widths={}, scores={"test": 0.75}))
    assert main(["diff", *ids, "--results-dir", str(tmp_path)]) == 1
    assert ["scores.test", "0.5", "0.75"] in [line.split() for line in capsys.readouterr().out.splitlines()]
