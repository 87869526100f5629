"""What runs are grouped by: a method with its variant, at a budget, in a setting of benchmark, preset and device."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any

import pandas as pd

from suite.records.deployment import Deployed
from suite.records.frame import frame
from suite.records.labels import method_label
from suite.records.record import RunRecord

SETTING = ["benchmark", "preset", "device"]
"""Runs that differ in one of these columns are never compared with each other."""

GROUP = [*SETTING, "budget", "method"]
"""The columns that runs must share to be averaged over random seeds, `method` as a `MethodVariant`."""

PUBLISHED_METHOD, PROJECTED_METHOD = "duccio", "duccio_projected"
"""DUCCIO as published, and with every network projected onto its budget: the same as the former with
projection=refill.
"""

REFERENCE_METHOD = "hand_tuned"
"""The method that trains the benchmark's reference network unchanged, for as long as the other methods train."""


@total_ordering
@dataclass(frozen=True)
class MethodVariant:
    """A method, and the settings (option, value as text) in which it differs from its default; () for the default.

    Tables are grouped and compared by this value. Its `str()` is made where something is printed, and never read.
    Sorted by method, the default first, then by options with numbers by size.

    >>> str(MethodVariant("duccio", (("projection", "refill"),)))
    'duccio (projection=refill)'
    """

    method: str
    variant: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return method_label(self.method, dict(self.variant))

    @property
    def without_projection(self) -> "MethodVariant":
        """The method with the same settings but for `projection`, which variants that differ in it alone share."""
        return MethodVariant(self.method, tuple(pair for pair in self.variant if pair[0] != "projection"))

    def __lt__(self, other: "MethodVariant") -> bool:
        return self._sorting_key() < other._sorting_key()

    def _sorting_key(self) -> tuple[object, ...]:
        return self.method, [(option, natural_key(value)) for option, value in self.variant]


def plain_variant(variants: Iterable[MethodVariant]) -> MethodVariant:
    """The default among variants of one method, else the one in which the fewest settings differ from it."""
    return min(variants, key=lambda variant: (len(variant.variant), variant))


Group = tuple[str, str, str, str, MethodVariant]
"""Values of the columns `GROUP`."""


def report_frame(records: Sequence[RunRecord], deployments: Mapping[str, Deployed] | None = None) -> pd.DataFrame:
    """`suite.records.frame.frame` with a `MethodVariant` in column `method`, in place of its method and variant."""
    table = frame(records, deployments)
    distinct: dict[tuple[str, tuple[tuple[str, str], ...]], MethodVariant] = {}
    pairs = zip(table["method"], table["variant"], strict=True)
    methods = [distinct.setdefault(pair, MethodVariant(*pair)) for pair in pairs]
    table["method"] = pd.Series(methods, index=table.index, dtype=object)
    return table.drop(columns="variant")


def projection_of(options: str) -> str | None:
    """The option `projection` among a run's `options` (JSON); None where its method has no such option."""
    value = json.loads(options).get("projection")
    return None if value is None else str(value)


def base_preset(label: str) -> str:
    """The preset that a run's label names, whether or not the user changed its recipe.

    >>> base_preset("full (changed)")
    'full'
    """
    return label.removesuffix(" (changed)")


def natural_key(text: str) -> tuple[tuple[int, float, str], ...]:
    """A sorting key under which "weights 5%" comes before "weights 25%"."""
    parts = re.split(r"(\d+(?:\.\d+)?)", text)
    return tuple((1, float(p), "") if i % 2 else (0, 0.0, p) for i, p in enumerate(parts))


def sort_by_setting(table: pd.DataFrame, columns: list[str] = GROUP) -> pd.DataFrame:
    """Rows sorted by benchmark, preset, device, budget (numbers by size) and method, or by other `columns`."""
    keys = [tuple(map(_sorting_key, row)) for row in table[columns].to_numpy().tolist()]
    return table.iloc[sorted(range(len(table)), key=keys.__getitem__)].reset_index(drop=True)


def _sorting_key(value: Any) -> Any:
    return value if isinstance(value, MethodVariant) else natural_key(str(value))
