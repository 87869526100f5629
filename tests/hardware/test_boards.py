"""The measured boards: facts and coefficients of their files against the published measurements."""

import re
from dataclasses import dataclass

import pytest
from checkout import CONF
from devices import device
from mlperf_tiny import PUBLISHED_DEVICES, total_cost
from tasks import plan

from suite import SuiteError
from suite.hardware.calibration.coefficients import fit_coefficients
from suite.hardware.calibration.device_file import format_errors
from suite.hardware.calibration.validation import Comparison, compare
from suite.hardware.latency import KernelLibrary


@dataclass(frozen=True)
class Board:
    """Facts of a board under MLPerf Tiny, and where its results stand: repository and folder of a round."""

    clock_mhz: float
    power_mw: float | None  # None where no energy was measured
    ram_kib: int
    flash_kib: int
    software: str
    results: str
    skips_dead_channels: bool = False  # later tools leave out filters of zeros, of which vww01 has many


BOARDS = {
    "nucleo_l4r5zi": Board(
        120, 44.77, 640, 2048, "X-CUBE-AI 7.3.0 int8",
        "mlcommons/tiny_results_v1.0 closed/STMicroelectronics/results/NUCLEO_L4R5ZI",
    ),
    "nucleo_l4r5zi_cmsisnn": Board(
        120, 51.92, 640, 2048, "microTVM + CMSIS-NN int8 (open source)",
        "mlcommons/tiny_results_v1.0 closed/OctoML/results/microtvm_cmsis_nn/NUCLEO_L4R5ZI",
    ),
    "nucleo_h7a3zi": Board(
        280, 155.35, 1184, 2048, "X-CUBE-AI 7.3.0 int8",
        "mlcommons/tiny_results_v1.0 closed/STMicroelectronics/results/NUCLEO-H7A3ZI-Q",
    ),
    "nucleo_u575zi": Board(
        160, 25.51, 768, 2048, "X-CUBE-AI 7.3.0 int8",
        "mlcommons/tiny_results_v1.0 closed/STMicroelectronics/results/NUCLEO-U575ZI-Q",
    ),
    "nrf5340dk": Board(
        128, None, 512, 1024, "microTVM + CMSIS-NN int8 (open source)",
        "mlcommons/tiny_results_v1.0 closed/OctoML/results/microtvm_cmsis_nn/NRF5340-DK",
    ),
    "nucleo_u385rg": Board(
        96, 5.38, 256, 1024, "X-CUBE-AI 10.2 int8",
        "mlcommons/tiny_results_v1.3 closed/STMicroelectronics/results/NUCLEO_U385RG_Q",
        skips_dead_channels=True,
    ),
    "nucleo_l4r5zi_xcube9": Board(
        120, 41.63, 640, 2048, "X-CUBE-AI 9.0 int8",
        "mlcommons/tiny_results_v1.2 closed/STMicroelectronics/results/NUCLEO_L4R5ZI",
        skips_dead_channels=True,
    ),
    "disco_f746ng": Board(
        216, None, 320, 1024, "Bosch HALE 1.0 int8",
        "mlcommons/tiny_results_v1.1 closed/bosch/results/DISCO_F746NG",
    ),
    "nucleo_g0b1re": Board(
        64, None, 144, 512, "Bosch HALE 1.0.175 int8",
        "mlcommons/tiny_results_v1.2 closed/bosch/results/NUCLEO_G0B1RE_int8",
    ),
}  # fmt: skip
NETWORKS = ("ic01", "kws01", "vww01", "ad01")
SYSTEMS = {name: system for system in PUBLISHED_DEVICES.systems if system.fitted for name in system.devices}


def _comparisons(name: str) -> list[Comparison]:
    return compare(device(name).device, SYSTEMS[name], PUBLISHED_DEVICES.systems)


def test_each_board_is_measured_with_the_four_networks() -> None:
    assert {name: tuple(n.name for n in system.networks) for name, system in SYSTEMS.items()} == dict.fromkeys(
        BOARDS, NETWORKS
    )


@pytest.mark.parametrize("name", BOARDS)
def test_the_shipped_coefficients_are_those_fitted_on_the_published_measurements(name: str) -> None:
    board = device(name).device
    fitted = fit_coefficients(SYSTEMS[name], PUBLISHED_DEVICES.systems)
    assert {key: getattr(board, key) for key in fitted} == fitted


@pytest.mark.parametrize("name", BOARDS)
def test_costs_of_a_layer_list_are_the_predictions(name: str) -> None:
    for network, comparison in zip(SYSTEMS[name].networks, _comparisons(name), strict=True):
        seconds = total_cost(device(name), network.layers, "latency")
        assert seconds * 1e3 == pytest.approx(comparison.predicted_ms, rel=1e-9)
        if comparison.predicted_uj:
            joules = total_cost(device(name), network.layers, "energy")
            assert joules * 1e6 == pytest.approx(comparison.predicted_uj, rel=1e-9)


@pytest.mark.parametrize("name", BOARDS)
def test_a_board_whose_tool_skips_dead_channels_is_fitted_on_the_live_layers(name: str) -> None:
    live = PUBLISHED_DEVICES.layers("mlperf_tiny")["vww01_live" if BOARDS[name].skips_dead_channels else "vww01"]
    assert SYSTEMS[name].networks[2].layers == live


@pytest.mark.parametrize("name", BOARDS)
def test_energy_exists_where_it_was_measured(name: str) -> None:
    assert ("energy" in device(name).units) == (BOARDS[name].power_mw is not None)
    assert any(n.energy_uj for n in SYSTEMS[name].networks) == (BOARDS[name].power_mw is not None)


@pytest.mark.parametrize("name", BOARDS)
def test_facts_of_a_board_are_those_of_its_results(name: str) -> None:
    board, expected = device(name).device, BOARDS[name]
    assert isinstance(board, KernelLibrary)
    assert board.name == name
    for key in ("clock_mhz", "power_mw", "ram_kib", "flash_kib", "software"):
        assert getattr(board, key) == getattr(expected, key), key
    assert board.source == f"fitted on {expected.results}"


@pytest.mark.parametrize("name", BOARDS)
def test_the_first_line_of_a_boards_file_states_its_errors(name: str) -> None:
    errors = format_errors([comparison.error for comparison in _comparisons(name)])
    text = (CONF / "device" / f"{name}.yaml").read_text()
    assert text.splitlines()[0].endswith(f": {errors}")


@pytest.mark.parametrize("name", BOARDS)
def test_measurements_of_a_board_are_from_its_results(name: str) -> None:
    repository, folder = BOARDS[name].results.split()
    assert SYSTEMS[name].clock_mhz == BOARDS[name].clock_mhz
    for network in SYSTEMS[name].networks:
        source, commit, file = network.source.split()
        assert source == repository
        assert len(commit) == 7
        assert file.startswith(f"{folder}/{network.name[:2]}")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("device.clock_mhz=nan", "device.clock_mhz=nan: must be positive, or null where unknown"),
        ("device.ram_kib=0", "device.ram_kib=0: must be positive"),
        ("device.cycles_per_mac=0", "device.cycles_per_mac=0.0: must be more than 0"),
        ("device.depthwise=-1", "device.depthwise=-1.0: must be 0 or more"),
        ("device.linear=inf", "device.linear=inf: must be 0 or more"),
        ("~device.linear", "missing 1 required keyword-only argument: 'linear'"),
    ],
)
def test_a_malformed_device_is_refused(override: str, message: str) -> None:
    with pytest.raises(SuiteError, match=re.escape(message)):
        plan(override)
