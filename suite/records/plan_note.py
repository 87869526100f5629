"""`plan.json`: what a run is to be, noted before it begins, so that `suite status` can name what is missing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from suite.records.labels import run_label
from suite.records.record import RunRecord

PLAN_NOTE = "plan.json"


@dataclass(frozen=True)
class PlanNote:
    """What tells a planned run from others; the fields are those of its record."""

    benchmark: str
    method: str
    budget: str
    seed: int
    preset: str
    device: str
    variant: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """One line that names the run to a person."""
        return run_label(self.benchmark, self.method, self.variant, self.budget, self.seed)

    @classmethod
    def of(cls, record: RunRecord) -> "PlanNote":
        """Of a run that has a record."""
        r = record
        return cls(r.benchmark, r.method, r.budget, r.seed, r.preset, r.device, r.variant)

    def to_json(self) -> bytes:
        """As `plan.json`."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> "PlanNote":
        """From `plan.json`; `UNKNOWN_PLAN` where that is damaged."""
        try:
            note = json.loads(content)
            known = {name: note[name] for name in ("benchmark", "method", "budget", "preset", "device")}
            return cls(**{k: str(v) for k, v in known.items()}, seed=int(note["seed"]), variant=dict(note["variant"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return UNKNOWN_PLAN


UNKNOWN_PLAN = PlanNote("?", "plan.json is unreadable", "?", 0, "?", "?")
