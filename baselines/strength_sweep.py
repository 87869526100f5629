"""The points of a sweep of strengths: each searched, projected and fine-tuned; both halves are shared artefacts.

A search knows no target, so that all budgets on the same metrics share it. Its projection and fine-tuning depend on the
budget, but for `projection=none`, where they are shared, too.
"""

import copy
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, ClassVar

from suite.dnas.branch_mixing import ChoiceRule
from suite.dnas.one_shot import discretise, finetune, initial_costs, search, wrap
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.records.store import content_id
from suite.space.budget import Budget
from suite.space.projection import ProjectedNetwork
from suite.task.cost_limit import Lengths, epoch_macs, epochs_within, largest_macs, search_epoch_macs, validation_macs
from suite.task.meter import Meter
from suite.task.reference_training import TrainedReference, shared_result
from suite.task.task import Candidate, Task
from suite.task.training import Diverged

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepPoint:
    """The network of one strength, searched, projected and fine-tuned.

    macs: forward MACs. history: one row an epoch of search and fine-tuning. artefacts: ids of the shared results.
    """

    candidate: Candidate
    macs: float
    history: Sequence[Mapping[str, Any]]
    artefacts: Sequence[str]


@dataclass(frozen=True)
class SweepOptions:
    """The options of `UnconstrainedDnas` that decide what a point becomes; see there."""

    version: ClassVar[int]

    schedule: str = "ramp"
    compaction: bool = True
    projection: str = "none"
    choices: ChoiceRule = field(default_factory=ChoiceRule)


@dataclass(frozen=True)
class Sweep:
    """What the points of one sweep have in common: the warmed-up network and the metrics in the loss, among others."""

    task: Task
    budget: Budget
    warmup: TrainedReference
    metrics: Sequence[str]
    lengths: Lengths
    options: SweepOptions

    @property
    def largest_point_macs(self) -> float:
        """MACs x samples of a point that keeps all channels, the harness's pass included."""
        macs = largest_macs(self.task)
        search = self.lengths.search * search_epoch_macs(self.task)
        return search + self.lengths.finetune * epoch_macs(self.task, macs) + validation_macs(self.task, macs)

    def run_point(self, strength: float, meter: Meter, share: float | None) -> SweepPoint | None:
        """Search, project and fine-tune at one strength, or load what is shared; `meter` is charged in full either way.

        `share` limits the point's cost, in standard trainings; None where its lengths are known to fit. The result is
        None where a training diverged.
        """
        search_id = content_id(self._search_identity(strength))
        searched = self._shared("search", search_id, meter, strength, partial(self._search, strength=strength))
        if searched is None:
            return None
        wrapped = wrap(self.task, copy.deepcopy(self.warmup.network), self.options.choices)
        wrapped.load_state_dict(searched["network"])
        result = discretise(self.task, wrapped, self.budget, self.options.projection)
        point_id = content_id(self._point_identity(search_id, share))
        tune = partial(self._finetune, strength=strength, result=result, spent=searched["meter"], share=share)
        tuned = self._shared("point", point_id, meter, strength, tune)
        if tuned is None:
            return None
        result.network.cpu().load_state_dict(tuned["network"])
        candidate = Candidate(result.network, f"strength {strength:g}", result.choices)
        history = [*searched["rows"], *tuned["rows"]]
        return SweepPoint(candidate, tuned["costs"]["macs"], history, [search_id, point_id])

    def _shared(
        self, kind: str, artefact: str, meter: Meter, strength: float, make: Callable[[Task, Meter], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """A shared result with the state of the meter it was charged to, charged to `meter`; None where it diverged."""

        def make_or_diverge(task: Task, own_meter: Meter) -> dict[str, Any]:
            try:
                return make(task, own_meter)
            except Diverged as error:  # what it cost was spent, and another try would end in the same way
                return {"diverged": str(error)}

        state = shared_result(self.task, meter, artefact, "point.pt", make_or_diverge)
        meter.add_shared(f"sweep {kind} {strength:g}", artefact, state["meter"])
        if reason := state.get("diverged"):
            log.warning("strength %g: %s", strength, reason)
            return None
        return state

    def _search_identity(self, strength: float) -> dict[str, Any]:
        """Everything that a search's result depends on, which its artefact's id hashes; no target is among it."""
        task, device = self.task, self.task.hardware.device
        choices = None if task.choices is None else [asdict(self.options.choices), task.choices.masked]
        return {
            "kind": "sweep search",
            "version": self.options.version,
            "strength": strength,
            "schedule": self.options.schedule,
            "compaction": self.options.compaction,
            "choices": choices,
            "metrics": list(self.metrics),
            "length": self.lengths.search,
            "warmup": self.warmup.artefact,
            "device": [type(device).__module__, type(device).__qualname__, repr(sorted(vars(device).items()))],
            **task.shared_key,
            "recipe": asdict(task.recipe),
        }

    def _point_identity(self, search: str, share: float | None) -> dict[str, Any]:
        """The same of a fine-tuned point; targets are among it where the network is projected onto them."""
        projected = self.options.projection != "none"
        return {
            "kind": "sweep point",
            "search": search,
            "projection": [self.options.projection, self.budget.targets] if projected else None,
            "length": self.lengths.finetune,
            "share": share,
        }

    def _search(self, task: Task, meter: Meter, strength: float) -> dict[str, Any]:
        wrapped = wrap(task, copy.deepcopy(self.warmup.network), self.options.choices)
        penalty = self._penalty(strength)
        searched = search(
            task, wrapped, penalty, Budget(), meter,
            feasible_first=False, compaction=self.options.compaction, label=f"search-{strength:g}",
        )  # fmt: skip
        return {"network": wrapped.cpu().state_dict(), "rows": searched.rows}

    def _penalty(self, strength: float) -> Penalty:
        rule = PenaltyRule("objective", self.options.schedule, strength)
        penalty = Penalty(rule, dict.fromkeys(self.metrics, math.inf), self.lengths.search)
        penalty.start(self.warmup.loss, initial_costs(self.task))
        return penalty

    def _finetune(
        self, task: Task, meter: Meter, strength: float, result: ProjectedNetwork,
        spent: Mapping[str, Any], share: float | None,
    ) -> dict[str, Any]:  # fmt: skip
        costs = task.hardware.measure(result.network, task.input_shape)
        epochs = self.lengths.finetune
        if share is not None:
            with_search = Meter(task.standard_macs, task.compute)
            with_search.add(spent)
            epochs = epochs_within(task, with_search, result.network, task.recipe.finetune, share, epochs)
        network = copy.deepcopy(result.network)
        tuned = finetune(task, network, meter, epochs, label=f"finetune-{strength:g}", macs=costs["macs"])
        rows = [row | result.free_channels.columns for row in tuned.rows]
        return {"network": network.cpu().state_dict(), "costs": costs, "rows": rows}
