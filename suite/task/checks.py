"""Checks of settings: each raises ValueError with key, value and what is allowed."""

import math
from typing import Any


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse what is not among `choices`."""
    if value not in choices:
        raise ValueError(f"{name}={value}: choices are {', '.join(choices)}")


def is_positive(value: Any) -> bool:
    """Whether it is a positive, finite number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def check_positive(name: str, value: Any) -> None:
    """Refuse what is not a positive, finite number."""
    if not is_positive(value):
        raise ValueError(f"{name}={value}: must be a positive number")
