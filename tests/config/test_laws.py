"""Laws that devices share: their values are part of the configuration and of a run's id."""

from dataclasses import asdict
from pathlib import Path

import pytest
from devices import device
from omegaconf import OmegaConf
from tasks import plan

import suite.config.laws
from suite import SuiteError
from suite.config.build import build
from suite.config.laws import read_law
from suite.hardware.counted_kernels import CountedKernels


def test_a_device_holds_the_values_of_the_law_that_its_file_names() -> None:
    board = device("cortex_m7_cmsisnn").device
    assert isinstance(board, CountedKernels)
    assert asdict(board.law) == OmegaConf.to_container(read_law("cmsisnn"))


def test_a_law_that_is_not_there_is_named_with_the_choices() -> None:
    with pytest.raises(SuiteError, match=r"law:helium: no such law\. Choices: cmsisnn"):
        read_law("helium")
    with pytest.raises(SuiteError, match=r"device: .*law:helium: no such law\. Choices: cmsisnn"):
        build(OmegaConf.create({"_target_": "suite.hardware.latency.Gap8", "name": "${law:helium}"}), "device")


def test_another_coefficient_is_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plan("device=cortex_m4_cmsisnn").id
    law = Path(suite.config.laws.__file__).parent / "cmsisnn.yaml"
    (tmp_path / "cmsisnn.yaml").write_text(law.read_text().replace("h*c2: 185\n", "h*c2: 186\n"))
    monkeypatch.setattr(suite.config.laws, "_FOLDER", tmp_path)
    assert plan("device=cortex_m4_cmsisnn").id != before


def test_devices_of_one_law_are_other_runs() -> None:
    names = ("cortex_m4_cmsisnn", "cortex_m33_cmsisnn", "cortex_m7_cmsisnn")
    assert len({plan(f"device={name}").id for name in names}) == 3
