"""Configuration: its values and their schema, presets, sweeps, and the plan that each job becomes."""

from importlib import resources
from pathlib import Path

CONF = Path(str(resources.files("suite.config") / "conf"))
"""The folder of the built-in values: one YAML file for each benchmark, method, device, preset and experiment."""
