"""The built-in devices, by name."""

from checkout import CONF
from omegaconf import OmegaConf

from suite.config.build import build
from suite.hardware.costs import HardwareModel


def device(name: str) -> HardwareModel:
    """A built-in device by name."""
    return HardwareModel(build(OmegaConf.load(CONF / "device" / f"{name}.yaml"), "device"))
