"""Training steps of the reference networks on random examples, as `suite.task.training` does them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from suite.models.ds_cnn import DsCnn
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8

Step = Callable[[], None]


@dataclass(frozen=True)
class Case:
    """A network, the shape of an example and the number of classes."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    classes: int

    def batch(self, size: int) -> tuple[Tensor, Tensor]:
        """Random examples (size, *shape) in channels_last, and classes (size,)."""
        x = torch.rand(size, *self.shape).contiguous(memory_format=torch.channels_last)
        return x, torch.randint(0, self.classes, (size,))

    def network(self) -> nn.Module:
        """A new network in channels_last."""
        network: nn.Module = self.build().to(memory_format=torch.channels_last)
        return network


CASES = {
    "resnet8": Case(ResNet8, (3, 32, 32), 10),
    "ds_cnn": Case(DsCnn, (1, 49, 10), 12),
    "mobilenet_v1": Case(MobileNetV1, (3, 96, 96), 2),
}


def training_step(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    dtype: str = "fp32",
    term: Callable[[], Tensor] | None = None,
) -> Step:
    """One step; `term` is what a search adds to the loss, `dtype` fp32 or bf16 (autocast)."""
    x, y = batch

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bf16"):
            loss = F.cross_entropy(network(x), y)
        if term is not None:
            loss = loss + term()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    return step
