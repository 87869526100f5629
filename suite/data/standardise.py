"""Features brought to mean 0 and variance 1."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Standardisation:
    """(x - mean) * scale along the last axis; mean and scale are (F,) float32, of the training set."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, x: Tensor) -> "Standardisation":
        """That of features x (..., F); one that never changes is only moved to 0."""
        features = x.float().flatten(0, -2)
        deviation = features.std(0)
        return cls(features.mean(0), deviation.where(deviation > 1e-6, 1.0).reciprocal())

    def __call__(self, x: Tensor) -> Tensor:
        """Standardised x (..., F), float32."""
        return (x - self.mean.to(x.device)) * self.scale.to(x.device)
