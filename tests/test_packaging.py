"""The built wheel works on its own: configuration, templates and both packages are inside."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_a_run_and_a_report_from_the_wheel_alone(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    work = tmp_path / "work"
    work.mkdir()
    # -P keeps the current folder, and PYTHONSAFEPATH the checkout's, from standing in for the wheel
    environment = os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    for verb in (["list"], ["run", "preset=smoke", "budget.weights=50%"], ["report", "default"]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", _MAIN, *verb], cwd=work, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    assert (work / "results" / "default" / "report" / "index.html").exists()


_MAIN = """
import os, sys
import suite
assert suite.__file__.startswith(os.environ["PYTHONPATH"]), suite.__file__
from suite.cli.main import main
sys.exit(main())
"""
