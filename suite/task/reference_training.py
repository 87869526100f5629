"""Training the reference network, once for each length, shared by all budgets and methods of a benchmark and seed.

It is the warm-up of a search, and all of the hand-tuned baseline.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from suite.records.store import content_id
from suite.records.tensors import load_intact, save_tensors
from suite.task.cost_limit import searched_macs
from suite.task.evaluation import mean_loss
from suite.task.meter import Meter
from suite.task.task import Task
from suite.task.training import Phase, fit

VERSION = 1


@dataclass(frozen=True)
class TrainedReference:
    """The trained reference network, its final training loss (L of Eq. 13), its history, and the artefact it is in."""

    network: nn.Module
    loss: float
    history: Sequence[Mapping[str, Any]]
    artefact: str


def train_reference(task: Task, meter: Meter, epochs: int, *, phase: str = "warmup") -> TrainedReference:
    """Train the reference network for `epochs` epochs, or load the shared result; charged in full either way.

    Where layer choices are searched, the supernet is trained instead, all branches mixed evenly.

    Args:
        task: what to train on.
        meter: charged under `phase`, evaluation apart.
        epochs: length of the training; the learning rate falls over all of it.
        phase: what this training is to the method, a phase of the meter.
    """
    artefact = content_id({"kind": "reference training", "version": VERSION, "epochs": epochs, **task.shared_key})
    network = task.new_network() if task.choices is None else task.new_supernet()

    def train(task: Task, meter: Meter) -> dict[str, Any]:
        # The name of the random streams is fixed: another one would change the numbers of every warm-up.
        phase = Phase("warmup", task.recipe.warmup, epochs, label="warm-up", streams="seed")
        result = fit(task, network, meter, phase, macs=searched_macs(task))
        return {"network": network.state_dict(), "loss": result.final_loss, "rows": result.rows}

    state = shared_result(task, meter, artefact, "reference.pt", train)
    network.load_state_dict(state["network"])
    usages = {
        phase if name == "warmup" else name: usage for name, usage in state["meter"].items() if any(usage.values())
    }
    meter.add_shared("reference training", artefact, usages)
    history = [row | {"phase": phase} for row in state["rows"]]
    return TrainedReference(network, float(state["loss"]), history, artefact)


def warm_up(task: Task, meter: Meter, epochs: int) -> TrainedReference:
    """As `train_reference`, for a search: its `loss` is that of `strength_loss`."""
    warm = train_reference(task, meter, epochs)
    return replace(warm, loss=strength_loss(task, warm.network, warm.loss, meter, searched_macs(task)))


def strength_loss(task: Task, network: nn.Module, training_loss: float, meter: Meter, macs: float) -> float:
    """L of Eq. 13, by the recipe's `strength_loss`, of a network that a search starts from.

    Args:
        task: its recipe says which loss.
        network: a trained network of `macs` forward MACs.
        training_loss: its mean task loss in the last epoch.
        meter: charged for the pass over the training data that `plain` takes.
        macs: see `network`.
    """
    return mean_loss(task, network, task.train, meter, macs) if task.recipe.strength_loss == "plain" else training_loss


def shared_result(
    task: Task, meter: Meter, artefact: str, name: str, make: Callable[[Task, Meter], dict[str, Any]]
) -> dict[str, Any]:
    """What `make` returns, with the state of the meter that it charged: of this run, or of another that has made it.

    Args:
        task: `make` gets it with a folder of its own for checkpoints.
        meter: of this run, charged with nothing but what a killed process had lost.
        artefact: the result's id.
        name: of the file in the artefact's folder.
        make: makes the result, a dictionary of what a checkpoint can hold, and charges the meter that it is given.
    """
    workspace = task.workspace
    path = workspace.store.artefact_folder(artefact) / name
    with workspace.store.lock(path.parent):
        state = load_intact(path)
        if state is None:
            own_meter = Meter(task.standard_macs, task.compute)
            state = make(replace(task, workspace=replace(workspace, folder=path.parent)), own_meter)
            state["meter"] = own_meter.state()
            save_tensors(path, state)
            shutil.rmtree(path.parent / "checkpoints", ignore_errors=True)
            meter.lost.add(own_meter.lost)
    return state
