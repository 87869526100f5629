"""The schema of one run's record: what was asked, what came out, what it cost."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1

_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Schema version -> function that turns a record of that version into the next one."""


class RecordError(ValueError):
    """A record that cannot be read: torn, of a newer schema, or with missing fields."""


@dataclass(frozen=True)
class RunRecord:
    """One method at one budget with one seed. `record.json` is exactly these fields.

    `status` is "done" or "failed"; a run that was killed has no record, its checkpoints wait for the next call.
    Costs, targets and violations are keyed by metric; units are those of `units`. A violation is
    max(0, cost/target - 1). `meter` is `Meter.report()`: resources in total and by phase. `scores` has
    "validation", measured by `selection_name`, "test", measured by `score_name`, and the test's others as
    "test/<name>"; `quality_target` is MLPerf Tiny's.
    """

    id: str
    experiment: str
    status: str
    benchmark: str
    method: str
    device: str
    preset: str
    seed: int
    budget: str
    targets: Mapping[str, float]
    units: Mapping[str, str]
    config: Mapping[str, Any]
    score_name: str = ""
    selection_name: str = ""
    quality_target: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    seed_costs: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    feasible: bool = False
    search_violations: Mapping[str, float] | None = None
    selection: str = ""
    candidates: tuple[Mapping[str, Any], ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    seed_widths: Mapping[str, int] = field(default_factory=dict)
    meter: Mapping[str, Any] = field(default_factory=dict)
    artefacts: tuple[str, ...] = ()
    data_note: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""
    error: str | None = None
    schema: int = SCHEMA

    def to_json(self) -> str:
        """The record as JSON with sorted keys, ending in a newline."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True, allow_nan=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "RunRecord":
        """Read a record of this or an older schema.

        Raises:
            RecordError: the text is no record, or was written by a newer version of the suite.
        """
        try:
            raw = json.loads(text)
            version = raw["schema"]
        except (ValueError, TypeError, KeyError) as error:
            raise RecordError(f"not a run record ({error.__class__.__name__}: {error})") from error
        if version > SCHEMA:
            raise RecordError(f"record schema {version} is newer than this suite's {SCHEMA}: update the suite")
        while version < SCHEMA:
            raw = _UPGRADES[version](raw)
            version = raw["schema"]
        names = {f.name for f in dataclasses.fields(cls)}
        if unknown := set(raw) - names:
            raise RecordError(f"unknown fields {sorted(unknown)}")
        try:
            for name in ("candidates", "artefacts"):
                raw[name] = tuple(raw.get(name, ()))
            return cls(**raw)
        except TypeError as error:
            raise RecordError(str(error)) from error
