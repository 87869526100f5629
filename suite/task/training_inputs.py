"""What a training step sees of its examples: augmented, mirrored in turns, in a smaller size at first."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from suite.data.augment import mirror
from suite.task.evaluation import inputs
from suite.task.task import Task

MOST_STORED_BYTES = 2**30
"""Of a split that is kept in a GPU's memory: what may be left beside several runs on one GPU."""


class TrainingInputs:
    """Makes the network's inputs for batches of training examples.

    A GPU that trains keeps the examples in its own memory, where they are small enough. What is copied there in each
    step is copied `non_blocking`: else PyTorch waits until the step before is computed.
    """

    def __init__(self, task: Task, network: nn.Module) -> None:
        self.task, self.network = task, network
        self._stored: dict[str, Tensor] = {}
        self._mirrored_first: dict[str, Tensor] = {}
        self._macs_share: dict[int, float] = {}

    def __call__(
        self, name: str, index: Tensor, epoch: int, generator: torch.Generator, size: int | None = None
    ) -> Tensor:
        """Inputs (N, *input_shape), on the task's device.

        Args:
            name: the split that the examples are of, "train" or "validation".
            index: of the examples in the split (N,).
            epoch: an example that is mirrored in one epoch is not in the next, where the benchmark mirrors in turns.
            generator: of all random numbers.
            size: height and width that images are shrunk to, None for their own.
        """
        examples = self._examples(name)
        x = examples[index.to(examples.device, non_blocking=True)]
        if self.task.mirrors_in_turns:
            x = mirror(x, self._first(name, len(examples))[index] ^ bool(epoch % 2))
        x = inputs(self.task, x, generator)
        if size is None or size == x.shape[-1]:
            return x
        resized = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
        return resized.contiguous(memory_format=torch.channels_last)

    def macs_share(self, size: int | None) -> float:
        """Forward MACs of the network on images of `size`, relative to those on images of their own size."""
        full = self.task.input_shape[-1]
        if size is None or size == full:
            return 1.0
        if size not in self._macs_share:
            self._macs_share[size] = self._flops(size) / self._flops(full)
        return self._macs_share[size]

    def _examples(self, name: str) -> Tensor:
        """Stored examples of a split (N, ...), on the task's device where they take at most MOST_STORED_BYTES."""
        if name not in self._stored:
            x = getattr(self.task, name).x
            self._stored[name] = x.to(self.task.compute) if x.nbytes <= MOST_STORED_BYTES else x
        return self._stored[name]

    def _first(self, name: str, count: int) -> Tensor:
        """Which examples of a split are mirrored in the first epoch, half of them."""
        if name not in self._mirrored_first:
            draw = torch.rand(count, generator=self.task.rng("mirrored first", name))
            self._mirrored_first[name] = draw < 0.5
        return self._mirrored_first[name]

    @torch.no_grad()
    def _flops(self, size: int) -> int:
        was_training = self.network.training
        device = next(self.network.parameters()).device
        self.network.eval()
        try:
            with FlopCounterMode(display=False) as counter:
                self.network(torch.zeros(1, self.task.input_shape[0], size, size, device=device))
        finally:
            self.network.train(was_training)
        return int(counter.get_total_flops())
