"""The schema of one run's record: what was asked, what came out, what it cost."""

import dataclasses
import hashlib
import json
import math
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from suite import SuiteError
from suite.data.files import is_file_name

SCHEMA = 3

METRICS = ("weights", "weights_full", "flash", "macs", "ram", "latency", "energy")
"""The hardware costs that a budget can limit, in the order of tables and figures."""

PHASES = ("warmup", "search", "finetune", "evaluation")
"""The phases by which a run's effort is recorded."""


class RecordError(SuiteError, ValueError):
    """A record that cannot be read: damaged, or of another schema."""


class DamagedRecordError(RecordError):
    """A record that is torn, has other bytes than were written, or missing or unknown fields."""


@dataclass(frozen=True)
class RunRecord:
    """One method at one budget with one random seed. `record.json` is exactly these fields.

    `method` is the method's name, `options` are all its options, and `variant` those of them (dotted key -> value) that
    differ from its default; `space` is among them where it is not `masks`, and a `network` of one's own.
    `status` is "done" or "failed"; a run that was killed has no record, its checkpoints wait for the next call.
    Costs, targets and violations are keyed by metric; units are those of `units`. A violation is
    max(0, cost/target - 1). `board` says what the network needs of the device's board and whether it fits
    (`suite.space.board`); `extrapolated` says why its latency is an extrapolation, if it is one. `meter` is
    `Meter.report()`: resources in total and by phase. `scores` has "validation", measured by `selection_name`,
    "test", measured by `score_name`, and the test's others as
    "test/<name>"; `quality_target` is MLPerf Tiny's. `headline` names, before anything ran, the `candidate` (a method's
    label) and the `budget` (its label; every budget where it is absent) that the experiment's headline is about.
    `checksums` are the SHA-256 of the files that were written with it; `record.json` ends with its own.
    """

    id: str
    experiment: str
    status: str
    benchmark: str
    method: str
    variant: Mapping[str, Any]
    options: Mapping[str, Any]
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
    reference_costs: Mapping[str, float] = field(default_factory=dict)
    costs: Mapping[str, float] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)
    feasible: bool = False
    board: Mapping[str, Any] = field(default_factory=dict)
    extrapolated: tuple[str, ...] = ()
    headline: Mapping[str, str] = field(default_factory=dict)
    search_violations: Mapping[str, float] | None = None
    selection: str = ""
    candidates: tuple[Mapping[str, Any], ...] = ()
    widths: Mapping[str, int] = field(default_factory=dict)
    reference_widths: Mapping[str, int] = field(default_factory=dict)
    meter: Mapping[str, Any] = field(default_factory=dict)
    artefacts: tuple[str, ...] = ()
    checksums: Mapping[str, str] = field(default_factory=dict, compare=False)
    data_note: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    finished: str = ""
    error: str | None = None
    schema: int = SCHEMA

    def to_json(self) -> str:
        """The record as JSON with sorted keys and its checksum, ending in a newline."""
        raw = json.loads(json.dumps(dataclasses.asdict(self)))
        return json.dumps(raw | {_CHECKSUM: _checksum(raw)}, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "RunRecord":
        """Read a record.

        Raises:
            DamagedRecordError: the text is no record, or not as it was written.
            RecordError: it was written by a version of the suite with another schema.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DamagedRecordError(f"torn, or no JSON ({error})") from error
        if not isinstance(raw, dict) or not isinstance(raw.get("schema"), int):
            raise DamagedRecordError("not a run record: it has no schema version")
        checksum = raw.pop(_CHECKSUM, None)
        if checksum not in (None, _checksum(raw)):  # None: written before there were checksums
            raise DamagedRecordError("it is not as it was written: its checksum differs")
        if raw["schema"] != SCHEMA:
            advice = "update the suite" if raw["schema"] > SCHEMA else "the run must be made again"
            raise RecordError(f"record schema {raw['schema']}, this suite reads {SCHEMA}: {advice}")
        for what, names in (("unknown fields", set(raw) - set(_KINDS)), ("missing fields", _REQUIRED - set(raw))):
            if names:
                raise DamagedRecordError(f"{what} {', '.join(sorted(names))}")
        for name, value in raw.items():
            if not isinstance(value, _KINDS[name]):
                raise DamagedRecordError(f"field {name} is of type {type(value).__name__}")
        _check_parts(raw)
        for name in ("candidates", "artefacts", "extrapolated"):
            raw[name] = tuple(raw.get(name, ()))
        if raw.get("error"):  # may name a file in another encoding, as halves of characters
            raw["error"] = raw["error"].encode(errors="replace").decode()
        return cls(**raw)


def _check_parts(raw: Mapping[str, Any]) -> None:
    """Refuse what tables and figures would stumble over, naming the key.

    Raises:
        DamagedRecordError: a part has another kind of value than the suite writes.
    """
    for name, parts in _PARTS.items():
        node = raw.get(name) or {}
        _check(name, {part: node[part] for part in parts if part in node}, dict)
    meter = raw.get("meter") or {}
    nodes = {**raw, **{f"meter.{part}": meter.get(part) for part in _PARTS["meter"]}}
    for name, kinds in _VALUES.items():
        values = nodes.get(name) or {}
        _check(name, values if isinstance(values, dict) else dict(enumerate(values)), *kinds)
    if {"standard_trainings", "standard_macs"} & set(meter):
        _check("meter", {"standard_macs": meter.get("standard_macs")}, int, float)
    _check_positive(raw.get("targets") or {}, meter, raw.get("board") or {})
    shared = meter.get("shared", {})
    for key, usage in shared.items():
        _check(f"meter.shared.{key}", {"macs": usage.get("macs")}, int, float)
        _check(f"meter.shared.{key}", {"artefact": usage.get("artefact")}, str)
    for artefact in (*raw.get("artefacts", ()), *(usage["artefact"] for usage in shared.values())):
        if not is_file_name(artefact):  # a folder that `suite merge` copies
            raise DamagedRecordError(f"artefacts: {artefact!r} is not the name of one")


def _check(name: str, values: Mapping[Any, Any], *kinds: type) -> None:
    for key, value in values.items():
        if type(value) not in kinds:  # exactly: true is no number
            raise DamagedRecordError(f"{name}.{key} is of type {type(value).__name__}")
        if type(value) is int and abs(value) > sys.float_info.max:  # tables and figures need floats
            raise DamagedRecordError(f"{name}.{key} is a number of {len(str(abs(value)))} digits")


def _check_positive(targets: Mapping[str, Any], meter: Mapping[str, Any], board: Mapping[str, Any]) -> None:
    """Refuse what tables divide by where it is no positive number: limits, and the cost of a standard training."""
    divisors = {f"targets.{metric}": target for metric, target in targets.items()}
    divisors |= {f"board.{key}": board[key] for key in ("ram_limit", "flash_limit") if board.get(key) is not None}
    divisors |= {"meter.standard_macs": meter["standard_macs"]} if "standard_macs" in meter else {}
    for name, value in divisors.items():
        if not 0 < value < math.inf:
            raise DamagedRecordError(f"{name}={value} is not positive")


def _checksum(raw: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()


_CHECKSUM = "checksum"
"""The key of record.json that is no field: SHA-256 of all others, as JSON with sorted keys."""


def _kind(hint: Any) -> tuple[type, ...]:
    """The types that JSON has for a field's annotation."""
    if options := [o for o in typing.get_args(hint) if isinstance(hint, types.UnionType)]:
        return tuple(kind for option in options for kind in _kind(option))
    origin = typing.get_origin(hint) or hint
    return {float: (float, int), Mapping: (dict,), tuple: (list,)}.get(origin, (origin,))


_KINDS = {f.name: _kind(f.type) for f in dataclasses.fields(RunRecord)}
_VALUES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("targets", "scores", "reference_costs", "costs", "violations", "search_violations"), (int, float)),
    **dict.fromkeys(("meter.total", "meter.standard_trainings"), (int, float)),
    **dict.fromkeys(("widths", "reference_widths"), (int,)),
    **dict.fromkeys(("artefacts", "extrapolated", "headline", "checksums", "units"), (str,)),
    **dict.fromkeys(("candidates", "meter.shared"), (dict,)),
    "board": (int, bool, type(None)),
}
"""Field, or part of one -> the types of its values."""
_PARTS = {"config": ("benchmark", "recipe"), "meter": ("total", "standard_trainings", "lost", "shared")}
_REQUIRED = {f.name for f in dataclasses.fields(RunRecord) if f.default is f.default_factory is dataclasses.MISSING}
