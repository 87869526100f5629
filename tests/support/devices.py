"""The built-in devices, by name."""

import yaml
from checkout import CONF

from suite.config.build import build
from suite.hardware.costs import HardwareModel


def device(name: str) -> HardwareModel:
    """A built-in device by name."""
    node = yaml.safe_load((CONF / "device" / f"{name}.yaml").read_text())
    return HardwareModel(build(node, "device"))
