"""How wide figures are and in which type: IEEE's columns, or what a user asks for."""

import re
from dataclasses import dataclass

from matplotlib import font_manager

from suite import SuiteError, did_you_mean

COLUMNS = {"single": 3.5, "double": 7.16}
"""Width in inches of one and of two of IEEE's columns."""

FAMILY = "DejaVu Sans"
"""The usual font, which matplotlib brings along: the same letters on every machine."""

WIDE_SIZE, NARROW_SIZE = 8.5, 7.0
"""Usual sizes of type in points, in figures of two columns and of one."""

_NARROW_BELOW = 5.0
"""Width in inches below which panels stand below each other instead of side by side."""

_WIDTHS, _SIZES = (3.0, 14.0), (5.0, 24.0)
"""Smallest and largest width in inches, and size of type in points."""

_A4_HEIGHT = 297 / 25.4
_CHARACTER = 0.545
"""Mean width of a character in sizes of its type."""


@dataclass(frozen=True)
class FigureFormat:
    """Width of figures in inches, size of their type in points, and its family."""

    width: float = COLUMNS["double"]
    font_size: float = WIDE_SIZE
    family: str = FAMILY

    @classmethod
    def from_options(cls, width: str = "", font: str = "") -> "FigureFormat":
        """The format that the options `--width` and `--font` ask for; "" is the usual.

        >>> FigureFormat.from_options("88mm", "STIXGeneral 8").font_size
        8.0

        Raises:
            SuiteError: a width or a font that there is not.
        """
        inches = _parse_width(width) if width else COLUMNS["double"]
        family, size = _parse_font(font)
        return cls(inches, size or (NARROW_SIZE if inches < _NARROW_BELOW else WIDE_SIZE), family)

    @property
    def scale(self) -> float:
        """Size of the type over the usual one."""
        return self.font_size / WIDE_SIZE

    @property
    def narrow(self) -> bool:
        """Whether there is room for one panel in a line only."""
        return self.width / self.scale < _NARROW_BELOW

    @property
    def panels(self) -> int:
        """Panels in a line."""
        return 1 if self.narrow else 2

    @property
    def height(self) -> float:
        """Inches of what an A4 page has room for, at the usual size of type."""
        return _A4_HEIGHT / self.scale

    def characters(self, share: float = 1.0) -> int:
        """Characters in a line of text over so large a share of the width."""
        return int(share * self.width * 72 / (_CHARACTER * self.font_size))


DEFAULT_FORMAT = FigureFormat()


def _parse_width(text: str) -> float:
    """Inches of "single", "double", "120mm" or "4.7in"."""
    low, high = _WIDTHS
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(mm|in)", text)
    inches = float(match[1]) / (25.4 if match[2] == "mm" else 1) if match else COLUMNS.get(text, 0.0)
    if not low <= inches <= high:
        names = ", ".join(f"{name} ({width:g}in)" for name, width in COLUMNS.items())
        raise SuiteError(f"--width {text}: choices are {names}, or {low:g}in to {high:g}in as 4.7in or 120mm")
    return inches


def _parse_font(text: str) -> tuple[str, float | None]:
    """Family and size in points of "STIXGeneral 8", "STIXGeneral" or "8"; the usual family and None where not given."""
    match = re.fullmatch(r"(.*?) ?(\d+(?:\.\d+)?)?(?:pt)?", text)
    family, size = match.groups() if match else (text, None)
    low, high = _SIZES
    if size and not low <= float(size) <= high:
        raise SuiteError(f"--font {text}: a size is {low:g} to {high:g} points")
    installed = set(font_manager.get_font_names()) | {"serif", "sans-serif", "monospace"}
    if family and family not in installed:
        known = f"STIXGeneral and {FAMILY} always are"
        hint = did_you_mean(family, sorted(installed))
        raise SuiteError(f"--font {text}: {family} is not installed ({known}).{hint}")
    return family or FAMILY, float(size) if size else None
