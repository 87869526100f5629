"""Libraries that only deployment needs, and what to install where they are missing."""

from collections.abc import Mapping
from importlib.util import find_spec

from suite import SuiteError

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "deploy": ("litert_torch", "ai_edge_quantizer", "ai_edge_litert", "tflite_micro"),
    "onnx": ("onnx", "onnxscript"),
}
"""Extra of pyproject.toml -> the modules that it brings."""

INSTALL = "pip install -c .ci/constraints-deploy.txt -e '.[{extra}]'"
"""How to install an extra in a checkout; both stand beside the core's versions, 2.3 GB in all."""


def missing_modules(extra: str) -> list[str]:
    """The modules of an extra that are not installed."""
    return [module for module in EXTRAS[extra] if find_spec(module) is None]


def require_extra(extra: str, purpose: str) -> None:
    """Refuse to go on without an extra.

    Raises:
        SuiteError: naming what is missing and the line that installs it.
    """
    if missing := missing_modules(extra):
        install = INSTALL.format(extra=extra)
        raise SuiteError(f"{purpose} needs {', '.join(missing)}, which are not installed: {install}")
