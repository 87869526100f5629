"""Where a device model is to be trusted: outside the networks that it was checked on a latency is an extrapolation."""

from collections.abc import Sequence

from suite.hardware.calibration.work import Work
from suite.hardware.layers import Kind, Layer

SMALLEST_MACS = 0.2e6
"""Below: start-up and loops count more than MACs. The smallest network that was checked has 264,192 MACs."""

LARGEST_MACS = 300e6
"""Above: no measurement. The largest network that was checked has 263,056,576 MACs."""

MEASURED_KINDS: frozenset[Kind] = frozenset(
    (
        "input",
        "conv",
        "depthwise",
        "linear",
        "batch_norm",
        "activation",
        "add",
        "concat",
        "average_pool",
        "max_pool",
        "mean",
        "flatten",
    )
)
"""Kinds of layers that occur in the measured networks."""

MEASURED_DEPTHWISE = (3, 3)
"""The only depthwise kernel in networks that were predicted well: those with 5x5 kernels are predicted too fast."""


def describe_domain() -> str:
    """The domain in one sentence."""
    return (
        f"Trusted from {SMALLEST_MACS / 1e6:g} to {LARGEST_MACS / 1e6:g} million MACs, for networks of images made of "
        "standard, 3x3 depthwise and linear layers; anything else is extrapolated."
    )


def extrapolations(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Why the latency of a network of these layers is an extrapolation, a phrase a reason; empty within the domain.

    It holds for devices that were fitted on whole networks. Costs of additions, pooling and activations are part of
    what was fitted, as far as they grow with the rest of the network.
    """
    reasons = []
    macs = Work.of(layers).macs
    if macs < SMALLEST_MACS:
        reasons.append(f"{macs / 1e6:.2g} million MACs are fewer than {SMALLEST_MACS / 1e6:g} million")
    if macs > LARGEST_MACS:
        reasons.append(f"{macs / 1e6:.4g} million MACs are more than {LARGEST_MACS / 1e6:g} million")
    for kind in sorted({layer.kind for layer in layers} - MEASURED_KINDS):
        reasons.append(f"layers of kind {kind} were never measured")
    if any(_is_along_a_sequence(layer) for layer in layers):
        reasons.append("convolutions of sequences were never measured")
    kernels = {layer.kernel for layer in layers if layer.kind == "depthwise" and not _is_along_a_sequence(layer)}
    for height, width in sorted(kernels - {MEASURED_DEPTHWISE}):
        reasons.append(f"depthwise {height}x{width} was measured in no network that was predicted well")
    return tuple(reasons)


def _is_along_a_sequence(layer: Layer) -> bool:
    """Whether the layer is a convolution along one axis: the tracer gives those a height of 1."""
    return layer.kind in ("conv", "depthwise") and layer.size[0] == layer.kernel[0] == 1 and layer.kernel[1] > 1
