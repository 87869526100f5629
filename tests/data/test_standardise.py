"""Standardised training features have mean 0 and variance 1."""

import torch

from suite.data.standardise import Standardisation


def test_mean_and_variance() -> None:
    x = torch.randn(500, 7, 3) * torch.tensor([1.0, 5.0, 0.1]) + torch.tensor([0.0, -40.0, 3.0])
    y = Standardisation.fit(x)(x)
    assert torch.allclose(y.mean((0, 1)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(y.flatten(0, 1).std(0), torch.ones(3), atol=1e-4)


def test_a_constant_feature_stays_finite() -> None:
    x = torch.tensor([[1.0, 7.0], [2.0, 7.0]])
    assert Standardisation.fit(x)(x)[:, 1].tolist() == [0.0, 0.0]
