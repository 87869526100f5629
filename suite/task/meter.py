"""What a method really spends: samples, MACs, seconds and memory, by phase.

A training step is charged three times the forward MACs (forward, gradient of the inputs, gradient of the
weights), by convention; evaluation is charged the forward pass. The clocks are the cross-check: wall and CPU seconds
by the system's, GPU seconds by CUDA events, from the device's reaching the start of a phase to its reaching the end.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from suite.records.record import PHASES

if TYPE_CHECKING:  # imported where a GPU is measured: reports read this module, and torch takes a second to load
    import torch

TRAINING_FACTOR = 3


@dataclass
class Usage:
    """Resources used: MACs are MACs x samples, already times 3 for training; seconds are wall, CPU and GPU."""

    training_samples: int = 0
    evaluation_samples: int = 0
    macs: int = 0
    networks: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float = 0.0

    @classmethod
    def of(cls, values: Mapping[str, object]) -> "Usage":
        """The usage that `asdict` made `values` of.

        Raises:
            ValueError: they are no numbers, such as those of a file that is somebody else's.
        """
        wrong = [key for key, value in values.items() if type(value) not in (int, float)]
        if wrong or not set(values) <= {f.name for f in fields(cls)}:
            raise ValueError(f"not a meter's state: {', '.join(map(str, wrong or values))}")
        return cls(**values)  # type: ignore[arg-type]

    def add(self, other: "Usage") -> None:
        """Add `other` to this in place."""
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))


class Meter:
    """Counts one run's resources. `standard` is the cost of one standard training, in MACs."""

    def __init__(self, standard_macs: float, compute: str = "cpu") -> None:
        self.standard_macs = standard_macs
        self.phases = {name: Usage() for name in PHASES}
        self.shared: dict[str, dict[str, object]] = {}
        self.lost = Usage()
        self._cuda = compute.startswith("cuda")
        self._running: list[str] = []
        self._mark: tuple[float, float] = (0.0, 0.0)
        self._event: torch.cuda.Event | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Charge the seconds spent inside to phase `name`; an inner phase stops the outer one's clock."""
        if name not in self.phases:
            raise ValueError(f"meter.phase({name!r}): choices are {', '.join(PHASES)}")
        self._tick()
        self._running.append(name)
        try:
            yield
        finally:
            self._tick()
            self._running.pop()

    def _tick(self) -> None:
        gpu_s = self._gpu_seconds() if self._cuda else 0.0
        now = (time.perf_counter(), time.process_time())
        name = self._running[-1] if self._running else None
        if name is not None:
            usage = self.phases[name]
            usage.wall_s += now[0] - self._mark[0]
            usage.cpu_s += now[1] - self._mark[1]
            usage.gpu_s += gpu_s
        self._mark = now

    def _gpu_seconds(self) -> float:
        """Seconds on the device's own clock since the last call; waits until the device has done all it was given."""
        import torch

        event, last = torch.cuda.Event(enable_timing=True), self._event  # type: ignore[no-untyped-call]
        event.record()
        torch.cuda.synchronize()  # the wall clock must not stop before the phase's work has, nor can we read the event
        self._event = event
        return last.elapsed_time(event) / 1e3 if last else 0.0

    def charge_training(self, phase: str, network_macs: float, samples: int) -> None:
        """Charge `samples` training samples of a network with `network_macs` forward MACs."""
        self.phases[phase].training_samples += samples
        self.phases[phase].macs += round(TRAINING_FACTOR * network_macs * samples)

    def charge_evaluation(self, network_macs: float, samples: int) -> None:
        """Charge `samples` evaluated samples of a network with `network_macs` forward MACs."""
        self.phases["evaluation"].evaluation_samples += samples
        self.phases["evaluation"].macs += round(network_macs * samples)

    def count_network(self, phase: str) -> None:
        """Count one more network whose training began in `phase`."""
        self.phases[phase].networks += 1

    def total(self) -> Usage:
        """Sum over the phases; `lost` work is not in it."""
        total = Usage()
        for usage in self.phases.values():
            total.add(usage)
        return total

    def add_shared(self, kind: str, artefact: str, usages: dict[str, dict[str, float]]) -> None:
        """Charge in full what a shared artefact cost, and remember how much of the total it is.

        Reports amortise it: `shared[kind]["macs"]` is divided by the number of runs that name the artefact.
        """
        self.add(usages)
        macs = sum(Usage.of(usage).macs for usage in usages.values())
        self.shared[kind] = {"artefact": artefact, "macs": macs}

    def add(self, usages: Mapping[str, Mapping[str, float]]) -> None:
        """Add what another meter counted, its `state()`."""
        for name, values in usages.items():
            self.phases[name].add(Usage.of(values))

    def state(self) -> dict[str, dict[str, float]]:
        """The counters by phase, for checkpoints and artefacts."""
        self._tick()
        return {name: asdict(usage) for name, usage in self.phases.items()}

    def restore(self, state: Mapping[str, Mapping[str, float]], lost: Mapping[str, float] | None = None) -> None:
        """Set the counters to a former `state()`, and `lost` where that is given."""
        self.phases = {name: Usage.of(usage) for name, usage in state.items()}
        self.lost = self.lost if lost is None else Usage.of(lost)
        self._tick()

    def report(self) -> dict[str, object]:
        """What the record keeps: by phase, in total, lost, and in standard trainings."""
        self._tick()
        total = self.total()
        return {
            "phases": {name: asdict(usage) for name, usage in self.phases.items()},
            "total": asdict(total),
            "lost": asdict(self.lost),
            "standard_macs": self.standard_macs,
            "standard_trainings": {
                "total": total.macs / self.standard_macs,
                **{name: usage.macs / self.standard_macs for name, usage in self.phases.items()},
            },
            "shared": self.shared,
        }
