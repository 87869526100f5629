"""Configuration: its values and their schema, presets, sweeps, and the plan that each job becomes."""

from pathlib import Path

CONF = Path(__file__).parent / "conf"
"""The folder of the built-in values: one YAML file for each benchmark, method, device, preset and experiment."""
