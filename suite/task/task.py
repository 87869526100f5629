"""What a method gets to work with, and what it gives back. A task carries no test data."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import torch
from torch import Tensor, nn

from suite.data.base import Split
from suite.hardware.costs import HardwareModel
from suite.records.store import Store
from suite.space.budget import Budget
from suite.space.choice_space import ChoiceSpace
from suite.space.width_space import WidthSpace
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.recipe import Recipe


def stream_seed(*parts: object) -> int:
    """A random seed from the hash of `parts`: each use of random numbers has its own, so that none shifts another's."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Workspace:
    """Where a run keeps its checkpoints, and the artefacts that it shares with others."""

    folder: Path
    store: Store
    checkpoint_seconds: float = 10.0

    def checkpoint(self, label: str) -> Path:
        """The checkpoint file of the training called `label`."""
        return self.folder / "checkpoints" / f"{label}.pt"


@dataclass(frozen=True)
class TaskSpec:
    """What is known of a task before its data is read.

    name: the benchmark's.
    seed: the random seed of the run.
    input_shape: of one example, as the network gets it.
    reference_network: makes the untrained network that the search starts from.
    balanced: whether training draws every class equally often.
    recipe: how networks are trained.
    hardware: the device's cost models.
    space: the widths of the reference network.
    standard_forward_macs: of the network whose training is the unit of cost, the benchmark's reference network.
    compute: "cpu" or "cuda", where networks are trained.
    shared_key: identifies what may be shared with other runs: the same benchmark, recipe, random seed and numerics.
    choices, supernet: the space of layer choices and the network with all branches, where these are searched.
    """

    name: str
    seed: int
    input_shape: tuple[int, ...]
    reference_network: Callable[[], nn.Module]
    balanced: bool
    recipe: Recipe
    hardware: HardwareModel
    space: WidthSpace
    standard_forward_macs: float
    compute: str
    shared_key: Mapping[str, Any]
    choices: ChoiceSpace | None
    supernet: Callable[[], nn.Module] | None

    def rng(self, *parts: object) -> torch.Generator:
        """A generator of its own for each use, from this run's random seed and the given parts."""
        return torch.Generator().manual_seed(stream_seed(self.seed, *parts))

    def new_network(self, *parts: object) -> nn.Module:
        """A freshly initialised reference network; the same parts give the same weights."""
        return self._initialised(self.reference_network, *parts)

    def new_supernet(self, *parts: object) -> nn.Module:
        """A freshly initialised network with all branches of the layer choices."""
        assert self.supernet is not None
        return self._initialised(self.supernet, *parts)

    def _initialised(self, network: Callable[[], nn.Module], *parts: object) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(stream_seed(self.seed, "initialisation", *parts))
            return network()


@dataclass(frozen=True)
class Task(TaskSpec):
    """One benchmark at one random seed, as a method sees it. It holds no test data.

    train, validation: stored examples and labels.
    preprocess: turns stored examples into the network's input, float32.
    augment: as `preprocess`, changed at random; what training sees.
    loss: of (outputs, inputs, targets), minimised.
    smoothed_loss: of (outputs, inputs, targets, smoothing), the loss with smoothed labels, where the benchmark has one.
    mirrors_in_turns: whether training mirrors each image in every other epoch.
    predict: the prediction for each example, from (outputs, inputs); scores are computed from it.
    score: the score that networks are chosen by, of (predictions, split), better when higher.
    """

    train: Split
    validation: Split
    preprocess: Callable[[Tensor], Tensor]
    augment: Callable[[Tensor, torch.Generator], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]
    predict: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Split], float]
    workspace: Workspace
    smoothed_loss: Callable[[Tensor, Tensor, Tensor, float], Tensor] | None = None
    mirrors_in_turns: bool = False
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def of(cls, spec: TaskSpec, **data: Any) -> Self:
        """A task from what was known before its data was read, and the data's fields."""
        return cls(**{f.name: getattr(spec, f.name) for f in fields(TaskSpec)}, **data)

    @property
    def standard_macs(self) -> float:
        """MACs x samples of one standard training of the reference network; a step is charged three forward passes."""
        return 3.0 * self.recipe.epochs * len(self.train) * self.standard_forward_macs


@dataclass(frozen=True)
class Candidate:
    """A trained plain network that a method proposes; `choices` are its branches, by position, where it has any."""

    network: nn.Module
    name: str = "result"
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchResult:
    """What a search returns: one or more candidates and its history, one dict an epoch.

    Figures read these columns of the history: `phase` (warmup, search or finetune) and `epoch`, without which a row
    is not drawn, `score` (validation), `cost/<metric>` and `strength/<metric>`. Rows of `fit` have all but the costs,
    which its objective adds. `search_costs` are the exact costs at the last search epoch, before checkpoint choice,
    repair and refill.
    """

    candidates: Sequence[Candidate]
    history: Sequence[Mapping[str, Any]] = ()
    search_costs: Mapping[str, float] | None = None
    artefacts: Sequence[str] = ()


class Method(Protocol):
    """A way to find a network that fits. `version` is raised when a fix changes results.

    Four members are optional. `check(task, budget)` raises ValueError where the search could not even begin, such as a
    cost limit that is too small; it is called before anything is trained. `ignored_in_id`, a class variable, names
    options that cannot change a result: they do not enter a run's id. `spaces` names what the method can search, masks
    alone where it says nothing; none: the method does not search, and `space` does not matter.
    `planned_epochs(task)` tells how many epochs of the reference network a run takes at most, where that is not its
    cost limit or warm-up, search and fine-tuning: for the estimate before a sweep.
    """

    version: ClassVar[int]

    @property
    def name(self) -> str:
        """The method's name."""

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Find networks for `task` within `budget`, charging everything to `meter`."""
