"""How two runs differ: in configuration, environment and result, value by value."""

from collections.abc import Mapping
from typing import Any

from suite.records.flat import flatten
from suite.records.record import RunRecord

SECTIONS = ("configuration", "environment", "result")
ABSENT = "-"
"""Stands for a value that one of the runs does not have."""

_RESULT = ("status", "error", "scores", "costs", "violations", "feasible", "widths", "checksums")
_TIMES = ("wall_s", "cpu_s", "gpu_s")


def difference(first: RunRecord, second: RunRecord) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Section -> dotted key -> the two values, for all that differ; NaN equals NaN."""
    parts = zip(SECTIONS, _sections(first), _sections(second), strict=True)
    return {section: _differing(flatten(a), flatten(b)) for section, a, b in parts}


def _sections(record: RunRecord) -> tuple[Mapping[str, Any], ...]:
    total = record.meter.get("total", {})
    circumstances = {**record.environment, "meter.total": {name: total[name] for name in _TIMES if name in total}}
    result = {name: getattr(record, name) for name in _RESULT}
    return record.config, circumstances, result | {"standard_trainings": record.meter.get("standard_trainings", {})}


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    pairs = {key: (a.get(key, ABSENT), b.get(key, ABSENT)) for key in sorted({*a, *b})}
    return {key: (x, y) for key, (x, y) in pairs.items() if repr(x) != repr(y)}
