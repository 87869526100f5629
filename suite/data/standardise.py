"""Standardisation of features to mean 0 and variance 1."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Standardisation:
    """Computes (x - mean) * scale along the last axis; mean and scale (F,) are float32."""

    mean: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, x: Tensor) -> "Standardisation":
        """Mean and 1 / standard deviation of training features x (..., F); the scale of a constant feature is 1."""
        features = x.float().flatten(0, -2)
        deviation = features.std(0)
        return cls(features.mean(0), deviation.where(deviation > 1e-6, 1.0).reciprocal())

    def __call__(self, x: Tensor) -> Tensor:
        """Standardised x (..., F), float32."""
        return (x - self.mean.to(x.device, non_blocking=True)) * self.scale.to(x.device, non_blocking=True)
