"""What a release holds: built, installed into an empty environment, used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_run_and_a_report_from_the_built_packages_alone(tmp_path: Path) -> None:
    # the wheel is built from the source archive, so that a file that is missing from either is missed
    _call([sys.executable, "-m", "build", "--outdir", str(tmp_path), str(ROOT)], tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    assert list(tmp_path.glob("*.tar.gz"))
    python, work = tmp_path / "venv" / "bin" / "python", tmp_path / "work"
    work.mkdir()
    _call([sys.executable, "-m", "venv", str(tmp_path / "venv")], tmp_path)
    _call([str(python), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)], tmp_path)
    where = "import suite, baselines; print(suite.__file__, baselines.__file__)"
    assert _call([str(python), "-c", where], work).count(str(tmp_path / "venv")) == 2
    for verb in (["list"], ["run", "preset=smoke", "budget.weights=50%"], ["report", "default"]):
        _call([str(python.with_name("suite")), *verb], work)
    assert (work / "results" / "default" / "report" / "index.html").exists()


def _call(command: list[str], folder: Path) -> str:
    """What the command prints; it sees neither the checkout nor this environment's packages."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
