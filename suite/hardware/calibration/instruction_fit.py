"""The coefficients of the instruction law from counted instructions of single layers.

    python -m suite.hardware.calibration.instruction_fit results/published/devices/cmsisnn_counts.csv

prints the law as the file that the devices refer to, with the errors on rows that were not fitted.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from suite import SuiteError
from suite.hardware.instruction_terms import SYMBOLS, symbol_values
from suite.hardware.layers import Kind, Layer, LayerTable
from suite.models.same_conv import same_padding_2d

TERMS: Mapping[str, tuple[str, ...]] = {
    "conv": (
        *("call", "oh", "P", "P*kh", "P*T", "S*U", "P*K", "P*Kr", "h*c2", "h*c2*K4", "h*c2*Kr"),
        *("h*o", "h*o*K4", "h*o*Kr", "q*co", "q*co*K4", "q*co*Kr"),
    ),
    "conv1x1": (
        *("call", "N", "N*c2", "N*c2*K", "h*c2", "h*c2*K16", "h*c2*Kq", "h*c2*Kq>0", "h*c2*Kr", "h*c2*Kr>0"),
        *("q*c2", "q*c2*K16", "q*c2*Kq", "q*c2*Kq>0", "q*c2*Kr", "P*o", "P*o*K"),
    ),
    "dw3x3": ("call", "oh", "P", "P*c4", "R*c4", "S*c4", "P*r>0", "P*r", "S*r"),
    "dw": ("call", "oh", "P", "R", "S", "S*U", "S*c4", "xpad", "P*T*ci", "P*T*r", "P*ci"),
    "dw_mult4": ("call", "P", "P*ci", "P*co", "R*co", "S*co"),
    "dw_generic": ("call", "P", "P*ci", "P*co", "R*co", "S*co"),
    "fc": ("call", "c2>0", "c2", "c2*K4", "c2*K4>0", "c2*Kr", "o", "o*K4", "o*Kr", "o*Kr>0"),
    "fcpc": ("call", "c2>0", "c2", "c2*K4", "c2*K4>0", "c2*Kr", "o", "o*K4", "o*Kr", "o*Kr>0"),
    "avgpool": ("call", "oh", "P", "R", "S", "S*ci", "P*ci"),
    "maxpool": ("call", "oh", "R", "S-P", "S*c4", "S*r", "P*ci"),
    "add": ("call", "n4", "nr"),
}
"""What the instructions of each path are a sum of: loops, pairs, groups and leftovers of its source code."""

DIGITS = 4
"""Significant digits of a coefficient."""


_PATHS = {
    "convolve_s8": "conv",
    "convolve_1_x_n_s8>convolve_s8": "conv",
    "convolve_1x1_s8": "conv1x1",
    "convolve_1x1_s8_fast": "conv1x1",
    "depthwise_conv_3x3_s8": "dw3x3",
    "depthwise_conv_s8_opt": "dw",
    "depthwise_conv_s8>mult_4": "dw_mult4",
    "depthwise_conv_s8>generic": "dw_generic",
    "fully_connected_s8": "fc",
    "fully_connected_per_channel_s8": "fcpc",
    "avgpool_s8": "avgpool",
    "max_pool_s8": "maxpool",
    "elementwise_add_s8": "add",
}
_KINDS: dict[str, Kind] = {
    "conv": "conv",
    "dw": "depthwise",
    "fc": "linear",
    "fcpc": "linear",
    "avgpool": "average_pool",
    "maxpool": "max_pool",
    "add": "add",
}


@dataclass(frozen=True)
class CountedLayer:
    """A layer, the path that it took through the library (a field of `InstructionLaw`), and its instructions."""

    layer: Layer
    path: str
    instructions: int


def read_counts(path: Path) -> list[CountedLayer]:
    """All rows of the table, in its order.

    Raises:
        SuiteError: the file cannot be read, or is no such table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_read_row(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise SuiteError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SuiteError(f"{path}: not a table of instruction counts ({error!r})") from error


def _read_row(row: dict[str, str]) -> CountedLayer:
    pairs = [(int(row[f"{name}_h"]), int(row[f"{name}_w"])) for name in ("in", "out", "kernel", "stride")]
    in_size, size, kernel, stride = pairs
    layer = Layer(
        name=row["kernel_path"],
        kind=_KINDS[row["kind"]],
        inputs=(),
        channels=int(row["cout"]),
        size=size,
        in_channels=int(row["cin"]),
        in_size=in_size,
        kernel=kernel,
        stride=stride,
        padding=same_padding_2d(in_size, kernel, stride) if row["pad"] == "same" else (0, 0, 0, 0),
    )
    return CountedLayer(layer, _PATHS[row["kernel_path"]], int(row["instructions"]))


def split_rows(rows: Sequence[CountedLayer], path: str) -> tuple[list[CountedLayer], list[CountedLayer]]:
    """(rows to fit, rows to test) of one path: every second row in the order of the table, which is sorted by size."""
    own = [row for row in rows if row.path == path]
    return own[::2], own[1::2]


@dataclass(frozen=True)
class PathFit:
    """Coefficients of one path by term, and relative errors on the rows that were not fitted.

    rows: how many these are.
    """

    coefficients: Mapping[str, float]
    mean_error: float
    max_error: float
    rows: int


def fit_law(rows: Sequence[CountedLayer]) -> dict[str, PathFit]:
    """Fit every path."""
    return {path: fit_path(*split_rows(rows, path), TERMS[path]) for path in TERMS}


def fit_path(fitted: Sequence[CountedLayer], tested: Sequence[CountedLayer], terms: Sequence[str]) -> PathFit:
    """Non-negative least squares of the relative error over `fitted`, rounded to `DIGITS`; errors over `tested`."""
    counts = np.array([row.instructions for row in fitted], dtype=float)
    solution, _ = nnls(term_values(fitted, terms) / counts[:, None], np.ones(len(fitted)))
    coefficients = [float(f"{value:.{DIGITS}g}") for value in solution]
    predicted = term_values(tested, terms) @ np.array(coefficients)
    errors = np.abs(predicted / [row.instructions for row in tested] - 1)
    law = dict(zip(terms, coefficients, strict=True))
    return PathFit(law, float(errors.mean()), float(errors.max()), len(tested))


def term_values(rows: Sequence[CountedLayer], terms: Sequence[str]) -> NDArray[np.float64]:
    """Values of the terms of each row, shape (rows, terms)."""
    table = LayerTable.of([row.layer for row in rows])
    values = symbol_values(table, table.cin, table.cout).numpy()
    columns = [values[:, [SYMBOLS.index(symbol) for symbol in term.split("*")]].prod(axis=1) for term in terms]
    return np.stack(columns, axis=1)


def format_law(fits: Mapping[str, PathFit]) -> str:
    """The law as YAML, with the errors of each path as a comment."""
    lines = []
    for path, fit in fits.items():
        lines.append(
            f"{path}:  # {100 * fit.mean_error:.2f} % mean, {100 * fit.max_error:.1f} % max of {fit.rows} rows"
        )
        lines += [f"  {term}: {coefficient:g}" for term, coefficient in fit.coefficients.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {__doc__}")
    try:
        print(format_law(fit_law(read_counts(Path(sys.argv[1])))), end="")
    except SuiteError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
