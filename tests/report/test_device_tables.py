"""The recorded tables of device models are what the command writes."""

from pathlib import Path

import pandas as pd
import pytest
from checkout import PUBLISHED, RESULTS, ROOT
from mlperf_tiny import PUBLISHED_DEVICES

from suite.config.devices import load_devices
from suite.hardware.calibration.work import Work
from suite.report.device_tables import device_tables

RECORDED = RESULTS / "devices"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("devices")
    for table in device_tables(load_devices(), PUBLISHED_DEVICES):
        table.write(folder)
    return folder


def test_recorded_tables_are_byte_for_byte_those_of_the_command(written: Path) -> None:
    names = sorted(path.name for path in written.iterdir())
    assert names == sorted(path.name for path in RECORDED.iterdir() if path.name != "README.md")
    for name in names:
        assert (written / name).read_bytes() == (RECORDED / name).read_bytes(), f"{name}: run `suite device tables`"


def test_no_coefficient_differs_from_the_one_fitted_again() -> None:
    table = pd.read_csv(RECORDED / "coefficients.csv")
    pd.testing.assert_series_equal(table["shipped"], table["refitted"], check_names=False)


def test_the_model_beats_macs_on_each_device_where_networks_are_left_out() -> None:
    table = pd.read_csv(RECORDED / "mlperf_tiny.csv")
    means = table.groupby("device")[["left out %", "MACs error %"]].agg(lambda column: column.abs().mean())
    assert (means["left out %"] < means["MACs error %"]).all()


def test_single_layers_are_aggregates() -> None:
    """The records of the measurements have no licence: a row stands for many layers."""
    assert pd.read_csv(RECORDED / "single_layers.csv")["layers"].min() >= 20


def test_figures_of_the_documentation_are_those_of_the_tables() -> None:
    page = (ROOT / "docs" / "devices.md").read_text().replace("\n", " ")
    formula, macs = (line.removeprefix("- ") for line in (RECORDED / "stm32h747.md").read_text().splitlines()[-2:])
    for line, format_ in ((formula, "mean error {}, median {}, largest {}, Spearman {}"), (macs, "{}, {}, {}, {}")):
        words = line.replace(",", "").split()
        values = [f"{words[words.index(key) + 1]} %" for key in ("mean", "median", "largest")]
        assert format_.format(*values, words[words.index("Spearman") + 1]) in page
    sizes = [Work.of(n.layers).macs for system in PUBLISHED_DEVICES.systems for n in system.networks]
    assert f"has {min(sizes):,}, the largest {max(sizes):,}" in page


def test_rows_stated_in_the_readme_are_those_of_the_tables() -> None:
    page = (PUBLISHED / "README.md").read_text()
    for path in PUBLISHED_DEVICES.folder.glob("*.csv"):
        assert f"| `{path.name}` | {len(PUBLISHED_DEVICES.rows(path.name))} |" in page
    assert f"on {sum(system.fitted for system in PUBLISHED_DEVICES.systems)} systems" in page
    layers: dict[str, set[tuple[str, int]]] = {"conv": set(), "addi": set()}
    for row in PUBLISHED_DEVICES.rows("single_layers.csv"):
        layers[row["what"][:4]].add((row["board"] + row["what"], int(row["layers"])))
    convolutions, additions = (sum(count for _, count in rows) for rows in layers.values())
    assert f"{convolutions:,} single convolutions and {additions} additions" in page
