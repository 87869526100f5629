"""The command line end to end, in a folder of its own."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from suite.cli.main import VERBS, main
from suite.cli.progress import sweep_progress

SMOKE = ["preset=smoke", "threads=1"]


@pytest.fixture
def suite_(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: main(list(arguments))


def _records(folder: Path) -> list[dict]:
    return [json.loads(p.read_text()) for p in sorted(folder.glob("runs/*/record.json"))]


def test_sweep_report_and_status(suite_: Callable, tmp_path: Path, capsys: pytest.CaptureFixture, caplog) -> None:
    caplog.set_level("INFO")
    sweep = [
        "-m",
        *SMOKE,
        "method=duccio_projected,hand_tuned",
        "budget={weights:25%,latency:50%},{weights:50%,ram:50%}",
        "name=e",
    ]
    assert suite_("run", *sweep) == 0
    records = _records(tmp_path / "results" / "e")
    assert len(records) == 4
    assert {(r["method"], r["budget"]) for r in records} == {
        (m, b)
        for m in ("duccio_projected", "hand_tuned")
        for b in ("weights 25% + latency 50%", "weights 50% + ram 50%")
    }
    assert all(r["feasible"] == (r["method"] == "duccio_projected") for r in records)
    assert "4 runs: 4 run now" in caplog.text
    lines = [r.getMessage() for r in caplog.records if "standard trainings" in r.getMessage()]
    assert all("(float), " in line for line in lines)
    assert sum(", fits, " in line for line in lines) == 2  # budget and board hold
    assert sum(", violates by " in line and " %, " in line for line in lines) == 2

    caplog.clear()
    before = _files(tmp_path)
    assert suite_("run", *sweep) == 0
    assert "4 already done; nothing was trained" in caplog.text
    assert _files(tmp_path) == before, "a call with nothing to do works on read-only results"

    assert suite_("status", "e") == 0
    assert "4 of 4 runs done" in capsys.readouterr().out
    assert suite_("report", "results/e") == 0
    out = capsys.readouterr().out
    page = tmp_path / "results" / "e" / "report" / "index.html"
    assert str(page) in out
    assert page.stat().st_size > 10_000
    assert not (tmp_path / "multirun.yaml").exists()


def _files(folder: Path) -> dict[Path, int]:
    """When each file and folder below was last written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["budget.weights=25 apples"], "apples"),
        (["budget.weights=-3kB"], "positive"),
        (["budget.weights=10B"], "smallest network"),
        (["budget.weights=5%", "budget.latency=1us"], "budget.latency"),
        (["device=gap8", "budget.latency=5ms"], "no clock"),
        (["device=cortex_m4_cmsisnn", "device.law=${law:helium}"], "law:helium: no such law. Choices: cmsisnn"),
        (
            ["device=cortex_m4_cmsisnn", "device.exporter=onnx"],
            "device.exporter=onnx: choices are litert_torch, tensorflow",
        ),
        (["device=cortex_m4_cmsisnn", "budget.latency=1us"], "smallest network"),
        (["benchmark=image_classification", "benchmark.data.pack=missing.npz"], "missing.npz"),
        (
            ["benchmark=image_classification", "benchmark.data.folder=nowhere", "benchmark.data.download=false"],
            "nowhere",
        ),
        (["results_dir=/proc/nowhere"], "results_dir"),
        (["name=../escape"], "name="),
        (["benchmark.network._target_=torch.nn.LSTM", "~benchmark.network.classes"], "benchmark.network"),
        (["method.trials=3"], "method.trials"),
        (["methodd=duccio"], "methodd"),
        (["method=magic"], "magic"),
        (["seed=many"], "seed"),
        (["preset=huge"], "huge"),
    ],
)
def test_bad_input_ends_with_code_2_one_screen_and_nothing_written(
    arguments: list[str], named: str, suite_: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert suite_("run", *SMOKE, *arguments) == 2
    error = capsys.readouterr().err
    assert named in error
    assert "Traceback" not in error
    assert len(error.splitlines()) < 40
    assert not list(tmp_path.glob("results/*/runs/*/record.json"))


@pytest.mark.parametrize(
    ("name", "setting"),
    [("pack.npz", "benchmark.data.pack=pack.npz"), ("cifar-10-python.tar.gz", "benchmark.data.folder=.")],
)
def test_damaged_data_is_named_before_training(
    name: str, setting: str, suite_: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 cut short")
    assert suite_("run", "-m", *SMOKE, "benchmark=image_classification", setting, "seed=0,1") == 2
    error = capsys.readouterr().err
    assert name in error
    assert "Traceback" not in error
    assert not list(tmp_path.glob("results/*/runs/*/record.json"))


def test_a_sweep_with_one_bad_job_trains_nothing(
    suite_: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert suite_("run", "-m", *SMOKE, "budget.weights=50%,10B") == 2
    assert "smallest network" in capsys.readouterr().err
    assert not list(tmp_path.glob("results/*/runs/*/record.json"))


def test_a_failing_method_is_recorded_and_the_exit_code_says_so(suite_: Callable, tmp_path: Path, caplog) -> None:
    caplog.set_level("INFO")
    bad = ["recipe.warmup.optimiser=sgd,adamw", "recipe.warmup.lr=1e20"]
    assert suite_("run", "-m", *SMOKE, "method=hand_tuned", *bad) == 1
    records = _records(tmp_path / "results" / "default")
    assert len(records) == 2
    assert "Diverged" in next(r["error"] for r in records if r["status"] == "failed")
    caplog.clear()
    assert suite_("run", "-m", *SMOKE, "method=hand_tuned", *bad) == 1
    assert "retry_failed=true" in caplog.text


def test_hydras_own_options_work(suite_: Callable, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert suite_("run", "--cfg", "job") == 0
    assert "preset:\n  name: short" in capsys.readouterr().out
    assert suite_("run", "--help") == 0
    text = capsys.readouterr().out
    assert "benchmark: anomaly_detection, digits, image_classification" in text
    assert "suite run -m" in text
    assert not (tmp_path / "results").exists()


def test_a_search_on_counted_kernels_records_the_law_and_fits(suite_: Callable, tmp_path: Path) -> None:
    device = ["device=cortex_m4_cmsisnn", "budget.latency=50%"]
    assert suite_("run", *SMOKE, *device) == 0
    (record,) = _records(tmp_path / "results" / "default")
    assert record["device"] == "cortex_m4_cmsisnn"
    assert record["feasible"]
    assert record["config"]["device"]["law"]["conv"]["h*c2"] == 185
    assert record["config"]["device"]["cycles_per_instruction"] == 1.43


def test_the_run_that_a_user_starts_with_has_a_report(suite_: Callable, tmp_path: Path) -> None:
    """Without a budget: nothing is limited."""
    assert suite_("run", *SMOKE) == 0
    assert suite_("report") == 0
    assert (tmp_path / "results" / "default" / "report" / "index.html").is_file()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"a: [1\n b: :\n", "{path}: not a YAML file"),
        (b"\xff\xfe\x00", "{path}: not a YAML file"),
        (b"- a\n", "{group}=['a']: expected a mapping"),
    ],
)
@pytest.mark.parametrize("group", ["device", "method", "benchmark"])
def test_a_file_of_ones_own_that_describes_nothing_is_named(
    group: str, content: bytes, named: str, suite_: Callable, capsys: pytest.CaptureFixture
) -> None:
    path = Path("mine") / group / "bad.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert suite_("run", "--config-dir", "mine", f"{group}=bad", *SMOKE) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: " + named.format(path=path, group=group))
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture) -> None:
    try:
        code = main([verb, "--help"])
    except SystemExit as stop:
        code = stop.code
    assert code == 0
    assert f"suite {verb}" in capsys.readouterr().out


def test_a_torn_record_is_named_and_set_aside_and_its_run_done_again(
    suite_: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = ["run", *SMOKE, "method=hand_tuned", "recipe.epochs=1"]
    assert suite_(*run) == 0
    (path,) = (tmp_path / "results" / "default").glob("runs/*/record.json")
    path.write_text("{torn")
    assert suite_(*run) == 0
    assert f"{path.relative_to(tmp_path)}: torn, or no JSON" in caplog.text
    assert path.with_name("record.json.damaged").read_text() == "{torn"
    assert json.loads(path.read_text())["status"] == "done"


def test_verbs_that_only_read_wait_for_no_torch(tmp_path: Path) -> None:
    code = "import sys; from suite.cli.main import main; main(['status', 'nothing']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True).returncode == 0


def test_unknown_verbs_and_folders(suite_: Callable, capsys: pytest.CaptureFixture) -> None:
    assert suite_("train") == 2
    assert "run, deploy, show, diff, status, report, export, archive, merge" in capsys.readouterr().err
    assert suite_("report", "nothing") == 2
    assert "nothing" in capsys.readouterr().err
    assert suite_() == 0
    assert suite_("--version") == 0


def test_list_and_data(suite_: Callable, capsys: pytest.CaptureFixture) -> None:
    assert suite_("list") == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("digits", "duccio", "gap8", "paper", "quickstart"))
    assert suite_("data") == 0
    out = capsys.readouterr().out
    assert "bundled with scikit-learn" in out
    assert "image_classification" in out


def test_module_and_console_script_are_the_same() -> None:
    for command in ([sys.executable, "-m", "suite.cli"], [str(Path(sys.executable).with_name("suite"))]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, env=os.environ)
        assert done.stdout.startswith("suite ")


def test_runs_in_parallel_processes_give_the_same_records(
    suite_: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("suite.cli.run.sweep_progress", lambda: sweep_progress(60.0))
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = ["-m", *SMOKE, "budget.weights=50%", "seed=0,1", "recipe.epochs=1"]
    assert suite_("run", *sweep, "name=serial") == 0
    assert "runs have ended" not in caplog.text  # the process said so itself
    # a root of its own, so that warm-ups are not shared with the serial runs
    parallel = ["results_dir=other", "name=parallel", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    assert suite_("run", *sweep, *parallel) == 0
    assert re.search(r"2 of 2 runs have ended; about 0 min left", caplog.text)  # faster than a look: said at the end
    serial, other = _records(tmp_path / "results" / "serial"), _records(tmp_path / "other" / "parallel")
    assert [(r["id"], r["scores"], r["costs"]) for r in serial] == [(r["id"], r["scores"], r["costs"]) for r in other]
    assert len(serial) == 2
