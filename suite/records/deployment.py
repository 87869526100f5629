"""What interpreters said of a run's int8 network: `deploy.json` beside the record."""

import dataclasses
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from suite.records.archive import DEPLOYMENT
from suite.records.record import RecordError
from suite.records.store import Store

SCHEMA = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MicroCheck:
    """TensorFlow Lite Micro beside TensorFlow Lite's reference interpreter.

    examples: of the test split, on which both ran.
    largest_difference: of their outputs, in units of the last place.
    operators: each operator and its largest difference on inputs that were the same in both.
    """

    examples: int
    largest_difference: int
    operators: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Compared:
    """Bytes of one resource: the limit (of the budget, or the board), what was predicted, what came out."""

    limit: float | None
    predicted: int
    actual: int

    @property
    def fits(self) -> bool | None:
        """Whether what came out is within the limit; None where there is none."""
        return None if self.limit is None else self.actual <= self.limit


@dataclass(frozen=True)
class Deployed:
    """The int8 network of a run, measured.

    ram: the arena's head, where activations lie.
    arena: the whole of it. What came out is a 64-bit host's with portable kernels; predicted is a board's with
        CMSIS-NN, scratch included; the limit is the board's.
    flash: the .tflite file.
    score: of the test split, in the reference interpreter, beside the float network's; `examples` of it.
    calibration_examples: training examples from which the ranges of activations were taken.
    versions: of the converter and the interpreters.
    """

    run: str
    ram: Compared
    arena: Compared
    flash: Compared
    score_name: str
    float_score: float
    score: float
    examples: int
    calibration_examples: int
    micro: MicroCheck
    versions: Mapping[str, str]
    schema: int = SCHEMA

    def to_json(self) -> str:
        """As JSON with sorted keys, ending in a newline."""
        return json.dumps(dataclasses.asdict(self), indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "Deployed":
        """Read what `to_json` wrote.

        Raises:
            RecordError: it is torn, or of another schema.
        """
        try:
            raw = json.loads(text)
            if raw["schema"] != SCHEMA:
                raise RecordError(f"{DEPLOYMENT} of schema {raw['schema']}, this suite reads {SCHEMA}")
            values = {**raw, "micro": MicroCheck(**raw["micro"])}
            for name in ("ram", "arena", "flash"):
                part = raw[name]
                limit = None if part["limit"] is None else float(part["limit"])
                values[name] = Compared(limit, int(part["predicted"]), int(part["actual"]))
            return cls(**values | {name: float(raw[name]) for name in ("score", "float_score")})
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            if isinstance(error, RecordError):
                raise
            raise RecordError(f"{DEPLOYMENT}: torn, or not written by this suite ({error})") from error


def read_deployments(store: Store, run_ids: Iterable[str]) -> dict[str, Deployed]:
    """Run -> what interpreters said of its int8 network, for the runs that were deployed.

    A `deploy.json` that is torn, of another schema or of another run is named in the log and left out.
    """
    deployments = {}
    for run_id in run_ids:
        try:
            content = store.read_file(run_id, DEPLOYMENT)
            if content is None:
                continue
            deployed = Deployed.from_json(content)
            if deployed.run != run_id:
                raise RecordError(f"it is of run {deployed.run}, in another's folder")
            deployments[run_id] = deployed
        except (OSError, RecordError) as error:
            log.warning("%s: left out: %s", store.run_folder(run_id) / DEPLOYMENT, error)
    return deployments
