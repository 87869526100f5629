"""A fitted device as the YAML file that `device=` reads."""

import re
from collections.abc import Sequence

from omegaconf import OmegaConf

from suite import SuiteError
from suite.hardware.latency import KernelLibrary

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def check_device_name(name: str, key: str) -> None:
    """Refuse a name that cannot be a file's name and a word of the command line.

    Raises:
        SuiteError: it holds something else than letters, digits and underscores, or begins with no letter.
    """
    if not _NAME.fullmatch(name):
        raise SuiteError(
            f"{key}={name!r}: a device's name is letters, digits and underscores, and begins with a letter"
        )


def format_error(error: float) -> str:
    """A fraction as per cent with its sign, and without one where it is zero: "+2.2", "-0.5", "0.0"."""
    text = f"{100 * error:+.1f}"
    return text[1:] if float(text) == 0 else text


def format_errors(errors: Sequence[float]) -> str:
    """Errors as a device's file states them, fractions as per cent: "+2.2/-0.5/-4.8/+3.3 %"."""
    return "/".join(map(format_error, errors)) + " %"


def device_yaml(device: KernelLibrary, about: str) -> str:
    """The file's text: a line of comment and the device's keys, those that are unknown left out; at most 15 lines."""
    known = {key: value for key, value in vars(device).items() if value is not None}
    for key, value in known.items():
        if isinstance(value, float) and value.is_integer():
            known[key] = int(value)
    node = {"_target_": f"{KernelLibrary.__module__}.{KernelLibrary.__qualname__}", **known}
    return f"# {' '.join(about.split())}\n{OmegaConf.to_yaml(node)}"
