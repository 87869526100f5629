"""The schema of one job's configuration, as Hydra composes it."""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING


@dataclass
class BudgetNode:
    """Upper limits: a share of the reference network ("25%"), a number with a unit ("20kB", "5ms", "1.5M"), or null.

    board: whether the RAM and flash of the device's board are limits, too.
    """

    weights: Any = None
    weights_full: Any = None
    flash: Any = None
    macs: Any = None
    ram: Any = None
    latency: Any = None
    energy: Any = None
    board: bool | None = None


@dataclass
class OptimisationNode:
    """Changes to one phase's optimiser; null keeps the preset's."""

    optimiser: str | None = None
    lr: float | None = None
    weight_decay: float | None = None
    momentum: float | None = None
    schedule: str | None = None
    gamma: float | None = None
    milestones: list[int] | None = None
    lr_warmup: float | None = None
    nesterov: bool | None = None
    decay_norms: bool | None = None
    label_smoothing: float | None = None
    averaging: float | None = None
    sizes: list[int] | None = None


@dataclass
class AugmentationNode:
    """Changes to how training examples are varied; which of these a benchmark has, its file says."""

    rotate: float | None = None
    shift: float | None = None
    flip: Any = None
    zoom: float | None = None
    shift_ms: float | None = None
    noise_probability: float | None = None
    noise_volume: float | None = None


@dataclass
class MaskingNode:
    """Changes to SpecAugment's masks."""

    frames: int | None = None
    coefficients: int | None = None


@dataclass
class RecipeNode:
    """Changes to the benchmark's recipe at this preset; null keeps the preset's."""

    epochs: int | None = None
    search_epochs: int | None = None
    finetune_epochs: int | None = None
    batch: int | None = None
    mask_lr: float | None = None
    patience: int | None = None
    train_samples: int | None = None
    eval_samples: int | None = None
    dtype: str | None = None
    script_strengths: Any = None
    strength_loss: str | None = None
    augmentation: AugmentationNode = field(default_factory=AugmentationNode)
    masking: MaskingNode = field(default_factory=MaskingNode)
    warmup: OptimisationNode = field(default_factory=OptimisationNode)
    search: OptimisationNode = field(default_factory=OptimisationNode)
    finetune: OptimisationNode = field(default_factory=OptimisationNode)


@dataclass
class PresetNode:
    """Which of the benchmark's presets applies."""

    name: str = MISSING


@dataclass
class HeadlineNode:
    """What an experiment claims, named before it runs: a method and a budget as tables write them; null: nothing."""

    candidate: str | None = None
    budget: str | None = None


@dataclass
class Config:
    """One job of `suite run`.

    name: the experiment; records go to results_dir/name.
    compute: cpu, cuda or auto; threads: CPU threads, where null OMP_NUM_THREADS or all cores.
    network: a reference network of one's own, package.module.Class or, with arguments, {_target_: package.module.Class,
        width: 16}; null: the benchmark's.
    space: what is searched: masks (widths of the reference network), choices (branches of its supernet), both.
    deploy: convert each network to int8 when its run ends, and run it in an interpreter (`suite deploy`).
    clean_tree: refuse to run while the suite's code differs from its git commit, as recorded experiments do.
    retry_failed: run failed runs again; fail_fast: stop at the first failure.
    """

    name: str = "default"
    results_dir: str = "results"
    seed: int = 0
    compute: str = "auto"
    threads: int | None = None
    network: Any = None
    space: str = "masks"
    checkpoint_seconds: float = 10.0
    retry_failed: bool = False
    fail_fast: bool = False
    deploy: bool = False
    clean_tree: bool = False
    headline: HeadlineNode = field(default_factory=HeadlineNode)
    budget: BudgetNode = field(default_factory=BudgetNode)
    recipe: RecipeNode = field(default_factory=RecipeNode)
    preset: PresetNode = field(default_factory=PresetNode)
    benchmark: Any = MISSING
    method: Any = MISSING
    device: Any = MISSING


ConfigStore.instance().store(name="schema", node=Config)
