"""Checks of settings: each raises ValueError with key, value and what is allowed."""

import math


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse what is not among `choices`."""
    if value not in choices:
        raise ValueError(f"{name}={value}: choices are {', '.join(choices)}")


def check_positive(name: str, value: float) -> None:
    """Refuse what is not a positive, finite number."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}={value}: must be a positive number")


def check_share(name: str, value: float | None) -> None:
    """Refuse what is neither null nor a share in [0, 1)."""
    if value is not None and not 0 <= value < 1:
        raise ValueError(f"{name}={value}: must be at least 0 and less than 1, or null")
