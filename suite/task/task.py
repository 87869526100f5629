"""What a method gets to work with, and what it gives back. A task carries no test data."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from suite.data.base import Split
from suite.hardware.costs import HardwareModel
from suite.records.store import Store
from suite.space.budget import Budget
from suite.space.choices import ChoiceSpace
from suite.space.widths import SearchSpace
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.recipe import Recipe


def stream_seed(*parts: object) -> int:
    """A seed from the hash of the parts that matter, so that a new consumer never shifts another's numbers."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1


@dataclass(frozen=True)
class Workspace:
    """Where a run keeps its checkpoints, and the artefacts that it shares with others."""

    folder: Path
    store: Store
    checkpoint_seconds: float = 10.0

    def checkpoint(self, label: str) -> Path:
        """The checkpoint file of one phase."""
        return self.folder / "checkpoints" / f"{label}.pt"


@dataclass(frozen=True)
class Task:
    """One benchmark at one seed, as a method sees it.

    `train` and `validation` hold stored examples; `prepare` turns a batch of them into the network's input (float,
    scaled), changed at random if it gets a generator, as in training. `loss(outputs, inputs, targets)` is minimised.
    `outcome(outputs, inputs)` is what is kept of each example and `score(outcomes, split)` what is selected by, better
    when higher. `balanced`: classes are drawn equally often. `space` are the widths of the seed; `choices`, where layer
    choices are searched, the space of `supernet`. `shared_key` identifies what may be shared with other runs: the same
    benchmark, recipe, seed, numerics.
    """

    name: str
    seed: int
    train: Split
    validation: Split
    input_shape: tuple[int, ...]
    seed_network: Callable[[], nn.Module]
    prepare: Callable[[Tensor, torch.Generator | None], Tensor]
    loss: Callable[[Tensor, Tensor, Tensor], Tensor]
    outcome: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Split], float]
    balanced: bool
    recipe: Recipe
    hardware: HardwareModel
    space: SearchSpace
    compute: str
    workspace: Workspace
    shared_key: Mapping[str, Any]
    progress: Progress = field(default_factory=Progress)
    choices: ChoiceSpace | None = None
    supernet: Callable[[], nn.Module] | None = None

    def rng(self, *parts: object) -> torch.Generator:
        """A generator of its own for each use, from this run's seed and the given parts."""
        return torch.Generator().manual_seed(stream_seed(self.seed, *parts))

    def new_network(self, *parts: object) -> nn.Module:
        """A freshly initialised seed network; the same parts give the same weights."""
        return self._initialised(self.seed_network, *parts)

    def new_supernet(self, *parts: object) -> nn.Module:
        """A freshly initialised network with all branches of the layer choices."""
        assert self.supernet is not None
        return self._initialised(self.supernet, *parts)

    def _initialised(self, network: Callable[[], nn.Module], *parts: object) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(stream_seed(self.seed, "initialisation", *parts))
            return network()

    @property
    def standard_macs(self) -> float:
        """MACs x samples of one standard training of the seed, a training step charged three times its forward."""
        return 3.0 * self.recipe.epochs * len(self.train) * self.space.seed_costs["macs"]


@dataclass(frozen=True)
class Candidate:
    """A trained plain network that a method proposes; `choices` are its branches, by position, where it has any."""

    network: nn.Module
    name: str = "result"
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchResult:
    """What a search returns: one or more candidates and its history, one dict an epoch.

    Figures of epochs read from a row of the history what it has of `phase` (warmup, search or finetune) and `epoch`,
    without which it is not drawn, `score` (validation), `cost/<metric>` and `strength/<metric>`. Rows of `fit` have all
    but the costs, which its objective adds. `search_costs` are the exact costs at the last search epoch, before
    checkpoint choice, repair and refill.
    """

    candidates: Sequence[Candidate]
    history: Sequence[Mapping[str, Any]] = ()
    search_costs: Mapping[str, float] | None = None
    artefacts: Sequence[str] = ()


class Method(Protocol):
    """A way to find a network that fits. `version` is raised when a fix changes results.

    `name` is the method's name in tables; a method whose options matter there adds a property `label`. Options that
    cannot change a result, such as a number of processes, are named in a class variable `without_effect`: they do not
    enter a run's id. `spaces` names what it can search, masks alone where it says nothing; none: the method does not
    search, and takes no notice.
    """

    version: ClassVar[int]

    @property
    def name(self) -> str:
        """The method's name."""

    def search(self, task: Task, budget: Budget, meter: Meter) -> SearchResult:
        """Find networks for `task` within `budget`, charging everything to `meter`."""


def method_label(method: Method, space: str = "masks") -> str:
    """The method's name in tables, options that matter included."""
    label = str(getattr(method, "label", method.name))
    if space == "masks":
        return label
    return f"{label[:-1]}, {space})" if label.endswith(")") else f"{label} ({space})"
