"""Initial weights of the reference networks and supernets."""

from torch import nn


def he_initialise(network: nn.Module) -> None:
    """He-normal weights and zero biases in all convolutions and linear layers of `network`, in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
