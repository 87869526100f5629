"""Golden latencies and energies of the measured boards, for MLPerf Tiny's four reference networks."""

from dataclasses import dataclass

import pytest
from checkout import CONF
from devices import device
from mlperf_tiny import layer_lists, read_table, total_cost

from suite.hardware.latency import KernelLibrary


@dataclass(frozen=True)
class Board:
    """Facts of a board under MLPerf Tiny, and where its results stand: repository and folder of a round."""

    clock_mhz: float
    power_mw: float | None  # median of energy / latency over the networks; None where no energy was measured
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
MEASUREMENTS = {(row["board"], row["network"]): row for row in read_table("board_measurements.csv")}
WITH_ENERGY = [key for key, row in MEASUREMENTS.items() if row["measured_uj"]]


def _predict(board: str, network: str, metric: str) -> float:
    """Seconds or joules of a reference network on a built-in board."""
    live = network == "vww01" and BOARDS[board].skips_dead_channels
    return total_cost(device(board), layer_lists()["vww01_live" if live else network], metric)


def test_each_board_is_measured_with_the_four_networks_and_no_board_lacks_its_measurements() -> None:
    assert set(MEASUREMENTS) == {(board, network) for board in BOARDS for network in NETWORKS}
    built_in = {path.stem for path in (CONF / "device").glob("*.yaml")}
    assert built_in == {*BOARDS, "gap8"}


@pytest.mark.parametrize(("board", "network"), MEASUREMENTS)
def test_latency_equals_the_fitted_prediction(board: str, network: str) -> None:
    row = MEASUREMENTS[board, network]
    assert device(board).units["latency"] == "s"
    milliseconds = _predict(board, network, "latency") * 1e3
    assert milliseconds == pytest.approx(float(row["predicted_ms"]), rel=1e-3)
    error = 100 * (milliseconds / float(row["measured_ms"]) - 1)
    assert error == pytest.approx(float(row["latency_error_pct"]), abs=0.06)


@pytest.mark.parametrize(("board", "network"), WITH_ENERGY)
def test_energy_has_the_fitted_error(board: str, network: str) -> None:
    row, power = MEASUREMENTS[board, network], BOARDS[board].power_mw
    assert power is not None
    error = 100 * (_predict(board, network, "energy") * 1e6 / float(row["measured_uj"]) - 1)
    assert error == pytest.approx(float(row["energy_error_pct"]), abs=0.06 + 0.5 / power)  # power in hundredths of a mW


@pytest.mark.parametrize("name", BOARDS)
def test_energy_exists_where_it_was_measured(name: str) -> None:
    assert ("energy" in device(name).units) == (BOARDS[name].power_mw is not None)
    assert any(board == name for board, _ in WITH_ENERGY) == (BOARDS[name].power_mw is not None)


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
    errors = "/".join(f"{float(MEASUREMENTS[name, network]['latency_error_pct']):+.1f}" for network in NETWORKS)
    text = (CONF / "device" / f"{name}.yaml").read_text()
    assert text.splitlines()[0].endswith(f": {errors} %")


def test_boards_of_one_kernel_library_share_their_ratios() -> None:
    families = [
        ("nucleo_l4r5zi", "nucleo_h7a3zi", "nucleo_u575zi"),
        ("nucleo_l4r5zi_cmsisnn", "nrf5340dk"),
        ("nucleo_l4r5zi_xcube9", "nucleo_u385rg"),
    ]
    for family in families:
        boards = [device(name).device for name in family]
        assert len({(b.conv_output, b.depthwise, b.linear) for b in boards if isinstance(b, KernelLibrary)}) == 1
