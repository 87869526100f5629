"""The recorded tables of device models are what the command writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkout import PUBLISHED, RESULTS, ROOT
from devices import device
from mlperf_tiny import PUBLISHED_DEVICES

from suite.cli.main import main
from suite.config.devices import load_devices
from suite.hardware.calibration.coefficients import fit_coefficients
from suite.hardware.calibration.measurements import Work, latencies_ms
from suite.hardware.calibration.tables import systems_of
from suite.hardware.calibration.validation import predict_ms, with_cycles_of
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.latency import KernelLibrary

RECORDED = RESULTS / "devices"


def test_recorded_tables_are_byte_for_byte_those_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = tmp_path / "made"
    assert main(["device", "tables", "--out", str(written)]) == 0
    names = sorted(path.name for path in written.iterdir())
    assert {Path(line).name for line in capsys.readouterr().out.split()} == {n for n in names if n.endswith(".md")}
    assert names == sorted(path.name for path in RECORDED.iterdir() if path.name != "README.md")
    for name in names:
        assert (written / name).read_bytes() == (RECORDED / name).read_bytes(), f"{name}: run `suite device tables`"


def test_no_coefficient_differs_from_the_one_fitted_again() -> None:
    devices, systems = load_devices(), PUBLISHED_DEVICES.systems
    fitted = [(devices[name], s) for s in systems if s.fitted for name in s.devices if name in devices]
    libraries = [(d, fit_coefficients(s, systems)) for d, s in fitted if isinstance(d, KernelLibrary)]
    assert len(libraries) >= 5
    for library, coefficients in libraries:
        assert {key: getattr(library, key) for key in coefficients} == coefficients, library.name


def test_the_model_beats_macs_on_each_device_where_networks_are_left_out() -> None:
    table = pd.read_csv(RECORDED / "mlperf_tiny.csv")
    table["left out %"] = table["left out %"].fillna(table["error %"])  # where nothing was fitted on the networks
    means = table.groupby("device")[["left out %", "MACs error %"]].agg(lambda column: column.abs().mean())
    assert (means["left out %"] < means["MACs error %"]).all()


def test_devices_that_nothing_was_fitted_for_have_nothing_to_leave_out() -> None:
    table = pd.read_csv(RECORDED / "mlperf_tiny.csv").set_index("device")
    assert set(table.index[table["left out %"].isna()]) == {"cortex_m4_cmsisnn", "cortex_m33_cmsisnn"}
    assert list(table.loc["cortex_m4_cmsisnn", "error %"]) == [0.8, -1.8, 1.2, -1.1]
    assert list(table.loc["cortex_m33_cmsisnn", "error %"]) == [0.1, 3.8, 6.0, 9.6]


def test_single_layers_are_aggregates() -> None:
    """The records of the measurements have no licence: a row stands for many layers."""
    assert min(int(row["layers"]) for row in PUBLISHED_DEVICES.rows("single_layers.csv")) >= 20


def test_figures_of_the_documentation_are_those_of_the_tables() -> None:
    page = (ROOT / "docs" / "devices.md").read_text().replace("\n", " ")
    lines = (line.removeprefix("- ") for line in (RECORDED / "stm32h747.md").read_text().splitlines()[-3:])
    formats = ("mean error {}, median {}, largest {}, Spearman {}", "{}, {}, {} and {}", "{}, {}, {}, {}")
    for line, format_ in zip(lines, formats, strict=True):
        words = line.replace(",", "").split()
        values = [f"{words[words.index(key) + 1]} %" for key in ("mean", "median", "largest")]
        assert format_.format(*values, words[words.index("Spearman") + 1]) in page
    counted, fitted_on = device("cortex_m7_cmsisnn").device, systems_of("nucleo_h7a3zi", PUBLISHED_DEVICES.systems)[0]
    assert isinstance(counted, CountedKernels)
    ratios = np.array(predict_ms(with_cycles_of(counted, fitted_on), fitted_on)) / latencies_ms(fitted_on.networks)
    assert f"up to {100 * np.abs(ratios - 1).max():.0f} % wrong for the four themselves" in page
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
