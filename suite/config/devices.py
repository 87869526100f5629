"""Devices by the names of their YAML files, the built-in ones and the user's."""

from pathlib import Path

from suite import SuiteError
from suite.config.build import build
from suite.config.catalogue import catalogue
from suite.hardware.latency import Device


def load_devices(config_dir: Path | None = None) -> dict[str, Device]:
    """All devices, by name.

    Raises:
        SuiteError: `config_dir` is no folder, or one of its files describes no device.
    """
    entries = [entry for entry in catalogue(config_dir) if entry.group == "device"]
    return {entry.name: build(entry.node, "device") for entry in entries}


def load_device(name: str, config_dir: Path | None = None) -> Device:
    """One device.

    Raises:
        SuiteError: there is none of that name, or its file describes no device.
    """
    entries = {entry.name: entry for entry in catalogue(config_dir) if entry.group == "device"}
    if name not in entries:
        raise SuiteError(f"device={name}: no such device. Choices: {', '.join(entries)}")
    device: Device = build(entries[name].node, "device")
    return device
