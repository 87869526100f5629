"""How runs are named for people. Labels are made from a record's fields when something is printed, and never read."""

from collections.abc import Mapping
from typing import Any


def method_label(method: str, variant: Mapping[str, Any]) -> str:
    """The method and what differs from its default.

    >>> method_label("duccio", {"projection": "refill", "penalty.shape": "abs"})
    'duccio (projection=refill, penalty.shape=abs)'
    """
    if not variant:
        return method
    return f"{method} ({', '.join(f'{key}={option_text(value)}' for key, value in variant.items())})"


def run_label(benchmark: str, method: str, variant: Mapping[str, Any], budget: str, seed: int) -> str:
    """One line that names a run: "digits | duccio (projection=refill) | weights 25% | seed 0"."""
    return f"{benchmark} | {method_label(method, variant)} | {budget} | seed {seed}"


def option_text(value: Any) -> str:
    """An option's value as in YAML: null, true, 0.5; numbers of a list with slashes between them."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "/".join(map(option_text, value))
    return str(value)
