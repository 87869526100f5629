"""Where a device model is to be trusted: outside what it was checked on, a latency is an extrapolation."""

from collections.abc import Iterator
from dataclasses import dataclass

from suite.hardware.layers import KINDS, Kind, Layer, LayerTable, Network
from suite.hardware.macs import macs

SMALLEST_MACS = 0.2e6
"""Below: start-up and loops count more than MACs. The smallest network that was checked has 264,192 MACs."""

LARGEST_MACS = 300e6
"""Above: no measurement. The largest network that was checked has 263,056,576 MACs."""


@dataclass(frozen=True)
class Domain:
    """What the networks or layers were like that a device model was checked on.

    kinds: operators that occur in them.
    depthwise: kernels of depthwise convolutions of images that were predicted well; None for any.
    sequences: whether there were convolutions along one axis.
    """

    kinds: frozenset[Kind]
    depthwise: frozenset[tuple[int, int]] | None = None
    sequences: bool = True

    def __str__(self) -> str:
        maps = "images and sequences" if self.sequences else "images"
        operators = [str(kind) for kind in KINDS if kind in self.kinds]
        if self.depthwise is not None and "depthwise" in self.kinds:
            kernels = ", ".join(f"{height}x{width}" for height, width in sorted(self.depthwise))
            operators[operators.index("depthwise")] += f" ({kernels})"
        return (
            f"Trusted from {SMALLEST_MACS / 1e6:g} to {LARGEST_MACS / 1e6:g} million MACs, for networks of {maps} with "
            f"operators of the kinds {', '.join(operators)}; anything else is extrapolated."
        )

    def reasons(self, network: Network) -> Iterator[str]:
        """Why a network lies outside, a phrase a reason."""
        table = LayerTable.of(network.operators)
        total = float(macs(table, table.cin, table.cout).sum())
        if total < SMALLEST_MACS:
            yield f"{total:,.0f} MACs are fewer than {SMALLEST_MACS:,.0f}"
        if total > LARGEST_MACS:
            yield f"{total:,.0f} MACs are more than {LARGEST_MACS:,.0f}"
        for kind in sorted({layer.kind for layer in network.operators} - self.kinds):
            yield f"operators of kind {kind} were never measured"
        if any(layer.groups > 1 for layer in network.weighted):
            yield "grouped convolutions were never measured"
        if any(layer.dilation != (1, 1) for layer in network.weighted):
            yield "dilated convolutions were never measured"
        if any(layer.kind == "flatten" and layer.in_size != (1, 1) for layer in network.operators):
            yield "flatten of several positions, which transposes them, was never measured"
        if not self.sequences and any(_is_along_a_sequence(layer) for layer in network.weighted):
            yield "convolutions of sequences were never measured"
        if self.depthwise is not None:
            maps = [x for x in network.weighted if x.kind == "depthwise" and not _is_along_a_sequence(x)]
            for height, width in sorted({layer.kernel for layer in maps} - self.depthwise):
                yield f"depthwise {height}x{width} was measured in no network that was predicted well"


def extrapolation(device: object, network: Network) -> tuple[str, ...]:
    """Why the latency of a network on a device is an extrapolation, a phrase a reason; none within its domain.

    Of devices that state no `domain`, as those that give ratios only, nothing is said.

    Example: ("31,104 MACs are fewer than 200,000", "operators of kind pad were never measured").
    """
    domain: Domain | None = getattr(device, "domain", None)
    return () if domain is None else tuple(domain.reasons(network))


def _is_along_a_sequence(layer: Layer) -> bool:
    """Whether the layer is a convolution along one axis: the tracer gives those a height of 1."""
    return layer.kind in ("conv", "depthwise") and layer.size[0] == layer.kernel[0] == 1 and layer.kernel[1] > 1
