"""The shipped law is what the published counts give, and it reproduces those that were not fitted."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from checkout import PUBLISHED, ROOT

from suite import SuiteError
from suite.hardware.calibration.instruction_fit import (
    TERMS,
    CountedLayer,
    PathFit,
    fit_law,
    format_law,
    read_counts,
    split_rows,
)
from suite.hardware.instruction_law import PATHS

COUNTS = PUBLISHED / "devices" / "cmsisnn_counts.csv"
LAW = ROOT / "suite" / "config" / "laws" / "cmsisnn.yaml"
MEAN_ERRORS = {
    "conv": 0.6, "conv1x1": 1.0, "dw3x3": 0.9, "dw": 0.9, "dw_mult4": 0.4, "dw_generic": 0.4, "fc": 1.0, "fcpc": 0.7,
    "avgpool": 0.01, "maxpool": 1.3, "add": 0.02,
}  # fmt: skip
"""Percent, on rows that were not fitted."""


@pytest.fixture(scope="module")
def rows() -> list[CountedLayer]:
    return read_counts(COUNTS)


@pytest.fixture(scope="module")
def fits(rows: list[CountedLayer]) -> dict[str, PathFit]:
    return fit_law(rows)


def test_every_counted_layer_is_read(rows: list[CountedLayer]) -> None:
    assert len(rows) == 3969
    assert {row.path for row in rows} == set(PATHS) == set(TERMS)


@pytest.mark.parametrize("path", PATHS)
def test_half_of_the_rows_are_fitted_and_no_row_is_both_fitted_and_tested(path: str, rows: list[CountedLayer]) -> None:
    fitted, tested = split_rows(rows, path)
    assert len(fitted) - len(tested) in (0, 1)
    assert len(fitted) + len(tested) == sum(row.path == path for row in rows)
    assert not {id(row) for row in fitted} & {id(row) for row in tested}


@pytest.mark.parametrize("path", PATHS)
def test_every_shipped_coefficient_is_the_fitted_one(path: str, fits: dict[str, PathFit]) -> None:
    assert yaml.safe_load(LAW.read_text())[path] == fits[path].coefficients


@pytest.mark.parametrize("path", PATHS)
def test_the_law_reproduces_counts_that_were_not_fitted(path: str, fits: dict[str, PathFit]) -> None:
    assert 100 * fits[path].mean_error <= MEAN_ERRORS[path]
    assert 100 * fits[path].max_error <= 12


def test_the_shipped_file_is_what_the_command_prints(fits: dict[str, PathFit]) -> None:
    command = [sys.executable, "-m", "suite.hardware.calibration.instruction_fit", str(COUNTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == format_law(fits)
    assert LAW.read_text().endswith("\n" + done.stdout)


def test_the_readme_states_the_errors_of_the_fit(fits: dict[str, PathFit]) -> None:
    text = " ".join((COUNTS.parent / "README.md").read_text().split())
    for path in ("conv", "conv1x1", "dw3x3", "dw", "fc", "fcpc", "maxpool"):
        assert f"{100 * fits[path].mean_error:.1f} / {100 * fits[path].max_error:.1f} %" in text, path


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "kind,in_h\nconv,x\n", None])
def test_a_file_that_is_no_table_of_counts_is_refused(text: str | None, tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SuiteError, match=r"counts\.csv"):
        read_counts(path)
