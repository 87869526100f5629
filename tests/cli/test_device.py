"""`suite device` end to end: show, fit, tables, and what it says of bad input."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import CONF
from mlperf_tiny import PUBLISHED_DEVICES
from rich.console import Console

from suite.cli.device import device_view
from suite.cli.main import main
from suite.config.devices import load_device
from suite.hardware.latency import KernelLibrary

MEASURED = "network,latency_ms\nresnet8,226.9\nds_cnn,75.0533\nmobilenet_v1,230.489\nautoencoder,7.57867\n"
WORK = "macs_conv,conv_outputs,macs_depthwise,macs_linear,latency_ms\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Callable[..., str]:
    """Run `suite device ...` in an empty folder: its output, or with `code=2` its error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, code: int = 0) -> str:
        assert main(["device", *arguments]) == code
        printed = capsys.readouterr()
        return printed.err if code else printed.out

    return call


def _write(text: str, name: str = "mine.csv") -> str:
    Path(name).write_text(text)
    return name


def test_show_prints_facts_errors_and_domain(run: Callable[..., str]) -> None:
    out = run("show", "nucleo_h7a3zi")
    for text in ("NUCLEO-H7A3ZI-Q, Cortex-M7", "280 MHz", "1184 KiB", "155.35 mW", "tiny_results_v1.0", "+53.2"):
        assert text in out
    assert "left out: mean 3.4 %, largest 5.6 %" in out
    assert "error: mean 9.0 %, largest 34.0 %, Spearman 0.9896" in out  # of the check on 24 networks
    assert "Trusted from 0.2 to 300 million MACs" in out
    assert "power x latency" in out


@pytest.mark.parametrize("path", sorted((CONF / "device").glob("*.yaml")), ids=lambda path: path.stem)
def test_show_works_for_every_device(path: Path, run: Callable[..., str]) -> None:
    out = run("show", path.stem)
    assert out.startswith(path.stem)
    systems = PUBLISHED_DEVICES.systems
    assert ("left out" in out) == any(path.stem in system.devices for system in systems)
    measured = any(path.stem in (*system.devices, *system.checks) for system in systems)
    assert ("No published measurement belongs to this device" in out) == (not measured)


@pytest.mark.parametrize("name", ["nucleo_h7a3zi", "cortex_m33_cmsisnn"])
def test_show_cuts_no_value_at_80_columns(name: str) -> None:
    text = []
    for width in (80, 200):
        console = Console(width=width, file=io.StringIO(), record=True)
        console.print(device_view(load_device(name), PUBLISHED_DEVICES))
        text.append(console.export_text())
    assert max(map(len, text[0].splitlines())) <= 80
    assert text[0].split() == text[1].split()


def test_show_has_energies_beside_the_latencies(run: Callable[..., str]) -> None:
    rows = [line.split() for line in run("show", "nucleo_h7a3zi").splitlines()]
    assert any(row[:1] == ["kws01"] and row[-1] == "-1.7" for row in rows)


def test_fit_overwrites_no_file(run: Callable[..., str]) -> None:
    path = Path("own.yaml")
    path.write_text("precious")
    assert "--out=own.yaml: exists and is not overwritten" in run("fit", _write(MEASURED), "--out", str(path), code=2)
    assert path.read_text() == "precious"


def test_show_counts_the_coefficients_of_a_law(run: Callable[..., str]) -> None:
    assert "103 coefficients of 11 kernels" in run("show", "cortex_m4_cmsisnn")


@pytest.mark.parametrize(
    ("name", "board", "errors"),
    [
        ("cortex_m4_cmsisnn", "NUCLEO-L4R5ZI, 120 MHz", ("+0.8", "-1.8", "+1.2", "-1.1")),
        ("cortex_m33_cmsisnn", "nRF5340 DK, 128 MHz", ("+0.1", "+3.8", "+6.0", "+9.6")),
    ],
)
def test_show_compares_counted_instructions_with_networks_that_nothing_was_fitted_on(
    name: str, board: str, errors: tuple[str, ...], run: Callable[..., str]
) -> None:
    out = run("show", name)
    assert f"{board}, microTVM + CMSIS-NN (a check, nothing was fitted on it)" in out
    for network, error in zip(("ic01", "kws01", "vww01", "ad01"), errors, strict=True):
        (line,) = (line for line in out.splitlines() if line.strip().startswith(network))
        assert error in line.split()
    assert "exporter: tensorflow" in out


def test_show_says_that_no_network_checks_the_cortex_m7(run: Callable[..., str]) -> None:
    out = run("show", "cortex_m7_cmsisnn")
    assert "No published measurement belongs to this device: its errors are unknown." in out


def test_show_says_that_cycles_without_a_clock_are_relative(run: Callable[..., str]) -> None:
    assert "only ratios of its cycles mean anything" in run("show", "gap8")


def test_four_networks_with_ratios_of_a_device_give_its_coefficients_again(run: Callable[..., str]) -> None:
    out = run("fit", _write(MEASURED), "--like", "nucleo_l4r5zi", "--out", "own/device/my_board.yaml")
    assert "ratios: those of nucleo_l4r5zi: 4 rows support a scale only" in out
    assert "suite run --config-dir own device=my_board" in out
    mine, shipped = load_device("my_board", Path("own")), load_device("nucleo_l4r5zi")
    assert isinstance(mine, KernelLibrary)
    assert isinstance(shipped, KernelLibrary)
    for key in ("cycles_per_mac", "conv_output", "depthwise", "linear", "clock_mhz"):
        assert getattr(mine, key) == pytest.approx(getattr(shipped, key), rel=1e-4), key
    text = Path("own/device/my_board.yaml").read_text()
    assert len(text.splitlines()) <= 15
    assert text.splitlines()[0] == "# my_board; errors on 4 networks: +2.2/-0.5/-4.8/+3.3 %"
    assert "my_board" in run("show", "my_board", "--config-dir", "own")


def test_a_fitted_device_can_limit_a_run(run: Callable[..., str], tmp_path: Path) -> None:
    run(
        "fit",
        _write(MEASURED),
        "--power-mw",
        "40",
        "--ram-kib",
        "64",
        "--flash-kib",
        "256",
        "--out",
        "own/device/my_board.yaml",
    )
    fitted = load_device("my_board", Path("own"))
    assert isinstance(fitted, KernelLibrary)
    assert (fitted.power_mw, fitted.ram_kib, fitted.flash_kib) == (40, 64, 256)
    settings = ["preset=smoke", "threads=1", "method=hand_tuned", "budget.energy=60%"]
    assert main(["run", "--config-dir", "own", "device=my_board", *settings]) == 0
    assert list(tmp_path.glob("results/default/runs/*/record.json"))


def test_rows_of_work_and_energy_are_printed_as_a_device(run: Callable[..., str]) -> None:
    text = "macs_conv,conv_outputs,macs_depthwise,macs_linear,latency_ms,energy_uj\n" + "1e6,5e4,0,0,20,600\n"
    out = run("fit", _write(text), "--clock-mhz", "100")
    assert "name: mine" in out
    assert "cycles_per_mac: 1\n" in out
    assert "power_mw: 30\n" in out
    assert "clock_mhz: 100\n" in out
    assert "those of nucleo_l4r5zi_cmsisnn (the default; name another with --like)" in out
    assert "one measurement: no network to leave out" in out
    assert "1 row supports a scale only" in out
    assert "  0.0 " in out
    assert "-0.0" not in out


def test_networks_may_be_runs(run: Callable[..., str], tmp_path: Path) -> None:
    assert main(["run", "preset=smoke", "threads=1", "method=hand_tuned", "budget.weights=60%"]) == 0
    (folder,) = (path.parent for path in tmp_path.glob("results/default/runs/*/architecture.json"))
    by_folder = run("fit", _write(f"network,latency_ms\n{folder},3.5\n"))
    by_file = run("fit", _write(f"network,latency_ms\n{folder / 'architecture.json'},3.5\n"))
    assert by_folder.splitlines()[-10:] == by_file.splitlines()[-10:]


def test_six_rows_with_ratios_of_their_own_are_fitted(run: Callable[..., str]) -> None:
    works = [(5, 1, 4), (9, 0, 2), (1, 7, 0), (3, 3, 3), (8, 2, 1), (2, 1, 9)]
    rows = [f"{c}e5,0,{d}e5,{f}e5,{(c + 4 * d + 2 * f) / 10}" for c, d, f in works]
    out = run("fit", _write(WORK + "\n".join(rows)), "--clock-mhz", "100")
    assert "ratios: fitted on the 6 rows" in out
    assert "depthwise: 4\n" in out
    assert "linear: 2\n" in out


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no column latency_ms, network"),
        ("network,latency_ms\n", "has no row"),
        ("network,latency\nresnet8,3\n", "unknown column 'latency'"),
        ("network,energy_uj\nresnet8,3\n", "no column latency_ms"),
        ("latency_ms\n3\n", "no column network"),
        ("macs_conv,macs_linear,latency_ms\n1,1,1\n", "no column conv_outputs, macs_depthwise"),
        ("network,latency_ms,latency_ms\nresnet8,3,3\n", "latency_ms stands there twice"),
        ("network,latency_ms\nresnet8,0\n", "mine.csv:2: latency_ms=0 must be positive"),
        ("network,latency_ms\nresnet8,1\nds_cnn,-2\n", "mine.csv:3: latency_ms=-2 must be positive"),
        ("network,latency_ms\nresnet8,nan\n", "latency_ms=nan must be positive and finite"),
        ("network,latency_ms\nresnet8,inf\n", "latency_ms=inf must be positive and finite"),
        ("network,latency_ms\nresnet8,fast\n", "latency_ms='fast' is not a number"),
        ("network,latency_ms\nresnet8\n", "latency_ms='' is not a number"),
        ("network,latency_ms\nresnet8,3,4\n", "more cells than the header"),
        ("network,latency_ms,energy_uj\nresnet8,3,-4\n", "energy_uj=-4 must be positive"),
        ("network,latency_ms\nresnet9,3\n", "network='resnet9': no such network. Choices: resnet8, ds_cnn"),
        ("network,latency_ms\n,3\n", "network='': no such network"),
        ("network,latency_ms\nmine.csv,3\n", "is not the architecture.json of a run"),
        (WORK + "1,1,1,-1,3\n", "macs_linear=-1 must be zero or positive"),
        (WORK + "0,0,0,0,3\n", "that is no network"),
    ],
)
def test_bad_measurements_are_named(text: str, named: str, run: Callable[..., str]) -> None:
    error = run("fit", _write(text), code=2)
    assert error.startswith("error: ")
    assert named in error
    assert len(error.splitlines()) == 1


def test_a_file_that_is_no_text_is_named(run: Callable[..., str]) -> None:
    Path("mine.csv").write_bytes(b"network,latency_ms\n\xff\xfe\x00,3\n")
    assert "mine.csv: is not a CSV file" in run("fit", "mine.csv", code=2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["show", "nucleo"], "device=nucleo: no such device. Choices: cortex_m33_cmsisnn"),
        (["show", "gap8", "--published", "nowhere"], "nowhere/mlperf_tiny.csv: no such table"),
        (["show", "gap8", "--config-dir", "nowhere"], "no such folder"),
        (["tables", "--published", "nowhere"], "no such table"),
        (["fit", "missing.csv"], "missing.csv: cannot be read"),
        (["fit", "mine.csv", "--like", "gap8"], "--like=gap8: no such device with ratios. Choices: disco_f746ng"),
        (["fit", "mine.csv", "--clock-mhz", "0"], "--clock-mhz=0.0: must be positive"),
        (["fit", "mine.csv", "--clock-mhz", "nan"], "--clock-mhz=nan: must be positive and finite"),
        (["fit", "mine.csv", "--ram-kib", "-1"], "--ram-kib=-1: must be positive"),
        (["fit", "mine.csv", "--power-mw", "inf"], "--power-mw=inf: must be positive and finite"),
        (["fit", "mine.csv", "--name", "a b"], "--name='a b'"),
        (["fit", "mine.csv", "--name", "a", "--out", "b.yaml"], "the file of this device is a.yaml"),
        (["fit", "mine.csv", "--out", "b.txt"], "ends in .yaml"),
        (["fit", "mine.csv", "--out", "/proc/nowhere/b.yaml"], "/proc/nowhere/b.yaml: cannot be written"),
    ],
)
def test_bad_arguments_are_named(arguments: list[str], named: str, run: Callable[..., str]) -> None:
    _write(MEASURED)
    assert named in run(*arguments, code=2)
