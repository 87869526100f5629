"""A device written as YAML is read back as the same device."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from suite import SuiteError
from suite.config.build import build
from suite.hardware.calibration.device_file import check_device_name, device_yaml, format_errors
from suite.hardware.latency import KernelLibrary

positive = st.floats(1e-3, 1e4).map(lambda x: float(f"{x:.5g}"))
words = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=40)


@given(board=words, clock=positive, power=st.none() | positive, ram=st.none() | st.integers(1, 9999), ratio=positive)
def test_what_is_written_is_read(board: str, clock: float, power: float | None, ram: int | None, ratio: float) -> None:
    device = KernelLibrary(
        name="mine",
        board=board,
        software="some: kernels #1",
        source="measured",
        clock_mhz=clock,
        power_mw=power,
        ram_kib=ram,
        cycles_per_mac=ratio,
        conv_output=20,
        depthwise=ratio,
        linear=1.0,
    )
    text = device_yaml(device, "about\nit")
    assert text.startswith("# about it\n")
    assert len(text.splitlines()) <= 15
    assert build(OmegaConf.create(text), "device") == device


def test_errors_are_signed_per_cent() -> None:
    assert format_errors([0.0221, -0.0051, -0.048]) == "+2.2/-0.5/-4.8 %"


@pytest.mark.parametrize("name", ["", "1a", "a b", "a-b", "../a", "ä"])
def test_names_that_are_no_words_are_refused(name: str) -> None:
    with pytest.raises(SuiteError, match="--name="):
        check_device_name(name, "--name")
