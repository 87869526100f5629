"""The end of a search: the best networks are projected onto the budget and fine-tuned, all for as many epochs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial
from torch import nn

from baselines.optuna_domain import Architecture
from baselines.optuna_trials import TrialEvaluator
from suite.dnas.one_shot import finetune
from suite.space.projection import ProjectedNetwork
from suite.task.meter import Meter
from suite.task.task import Candidate
from suite.task.training import Diverged

Rows = list[dict[str, Any]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Finalist:
    """A network to be fine-tuned: `label` is that of its trial, whose training has ended."""

    label: str
    architecture: Architecture
    trained: nn.Module


def finetune_best(evaluator: TrialEvaluator, trials: Sequence[FrozenTrial]) -> list[tuple[Candidate, Rows]]:
    """Project and fine-tune the networks of these trials; each with the history of its fine-tuning.

    Without trials the space's smallest network, which meets every accepted budget, is trained instead. Where a network
    after its projection cannot be fine-tuned for one epoch within the limit, none is projected.
    """
    finalists = [_load(evaluator, trial) for trial in trials] or [_smallest(evaluator)]
    projected, epochs = _plan(evaluator, finalists, evaluator.projection)
    if not epochs and evaluator.projection != "none":
        log.warning("not projected: the cost limit leaves nothing to fine-tune the projected networks with")
        projected, epochs = _plan(evaluator, finalists, "none")
    pairs = zip(finalists, projected, strict=True)
    return [_finetune(evaluator, finalist, network, epochs) for finalist, network in pairs]


def _load(evaluator: TrialEvaluator, trial: FrozenTrial) -> _Finalist:
    """A trial's network as its training left it, from the checkpoint; it was charged in the trial."""
    label, architecture = f"trial-{trial.number}", evaluator.domain.decode(trial.params)
    uncharged = Meter(evaluator.task.standard_macs, evaluator.task.compute)
    return _Finalist(label, architecture, evaluator.train(label, architecture, uncharged)[0].cpu())


def _smallest(evaluator: TrialEvaluator) -> _Finalist:
    smallest = evaluator.domain.smallest(evaluator.budget)
    return _Finalist("smallest", smallest, evaluator.subnetwork("smallest", smallest).build())


def _plan(
    evaluator: TrialEvaluator, finalists: Sequence[_Finalist], projection: str
) -> tuple[list[ProjectedNetwork], int]:
    """The networks after a projection, and the epochs that each of them can be fine-tuned for."""
    projected = [
        evaluator.subnetwork(f.label, f.architecture).project(f.trained, evaluator.budget, projection)
        for f in finalists
    ]
    task = evaluator.task
    macs = [task.hardware.measure(p.network, task.input_shape)["macs"] for p in projected]
    return projected, evaluator.trial_budget.affordable_finetuning(macs)


def _finetune(
    evaluator: TrialEvaluator, finalist: _Finalist, projected: ProjectedNetwork, epochs: int
) -> tuple[Candidate, Rows]:
    """Fine-tune a network; where that diverges, or nothing is left for it, it is returned as its trial left it."""
    task, branches = evaluator.task, evaluator.domain.branch_names(finalist.architecture)
    untuned = Candidate(finalist.trained, finalist.label, branches)
    if not epochs:
        return untuned, []
    label = f"finetune-{finalist.label.removeprefix('trial-')}"
    try:
        rows = finetune(task, projected.network, evaluator.meter, epochs, label=label).rows
    except Diverged:
        return untuned, []
    tuned = Candidate(projected.network, finalist.label, branches)
    return tuned, [row | projected.free_channels.columns for row in rows]
