"""From the layers of a torch network to the operators that an int8 interpreter runs.

Batch norms, ReLUs and zeros around a map are not operators of their own where the converter folds them into a
neighbour. TensorFlow Lite's convolutions know two paddings, none and "same"; any other becomes an operator PAD with a
buffer of its own before the convolution. Checked against exported files by tests/deploy.
"""

from collections.abc import Sequence
from dataclasses import replace

from suite import SuiteError
from suite.hardware.layers import WEIGHTED, Layer, Padding
from suite.models.same_conv import same_padding_2d

NO_PADDING: Padding = (0, 0, 0, 0)
_CONVOLUTIONS = ("conv", "depthwise")
_PADDED = (*_CONVOLUTIONS, "average_pool", "max_pool")


def as_deployed(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """The layers with `fused` set on those that are no operators, and an operator "pad" where padding needs one.

    Raises:
        SuiteError: a batch norm that cannot be folded.
    """
    return _with_pads(_with_fusion(_with_parts(layers)))


def _with_parts(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """SiLU and PReLU as the converter writes them: x sigmoid(x), and relu(x) - a relu(-x)."""
    result: list[Layer] = []
    for layer in layers:

        def part(name: str, kind: str, *inputs: str, of: Layer = layer) -> Layer:
            return replace(of, name=f"{of.name}.{name}", kind=kind, inputs=inputs)  # type: ignore[arg-type]

        x = layer.inputs[0] if layer.inputs else ""
        if str(layer.kind) == "silu":
            gate = part("sigmoid", "sigmoid", x)
            result += [gate, replace(layer, kind="mul", inputs=(x, gate.name))]
        elif str(layer.kind) == "prelu":
            positive, negative = part("relu", "relu", x), part("negative", "activation", x)
            scaled = part("scaled", "activation", negative.name)
            result += [positive, negative, scaled, replace(layer, kind="add", inputs=(positive.name, scaled.name))]
        else:
            result.append(layer)
    return tuple(result)


def _with_fusion(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Mark batch norms and ReLUs that an int8 kernel folds into their producer; a folded batch norm gives it a bias."""
    readers = _readers(layers)
    result: dict[str, Layer] = {}
    for layer in layers:
        producer = result[layer.inputs[0]] if layer.inputs else layer
        one_user = len(readers[producer.name]) == 1
        if layer.kind == "batch_norm":
            if not one_user:
                raise SuiteError(f"layer {layer.name} (batch norm): {producer.name} has other users, no folding")
            result[producer.name] = replace(producer, bias=True)
            layer = replace(layer, fused=True)
        elif str(layer.kind) == "relu":
            fusable = producer.kind in (*WEIGHTED, "add", "batch_norm") and one_user
            layer = replace(layer, kind="activation", fused=fusable)
        elif layer.kind == "flatten":
            layer = replace(layer, fused=layer.in_size == (1, 1))  # a map of one position is flat already
        result[layer.name] = layer
    return tuple(result.values())


def _with_pads(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Zeros before a convolution become its own where TensorFlow's "same" places them so, else an operator."""
    result: dict[str, Layer] = {}
    absorbed = _absorbed_pads(layers)
    for layer in layers:
        source = result[layer.inputs[0]] if layer.inputs else layer
        if layer.kind == "pad":
            layer = replace(layer, fused=layer.name in absorbed or layer.padding == NO_PADDING)
        elif source.name in absorbed:
            layer = replace(layer, padding=source.padding, in_size=source.in_size)
        elif layer.kind in _PADDED and layer.padding != NO_PADDING and not _is_same(layer):
            pad = _pad_before(layer)
            result[pad.name] = pad
            layer = replace(layer, inputs=(pad.name,), in_size=pad.size, padding=NO_PADDING)
        result[layer.name] = layer
    return tuple(result.values())


def _absorbed_pads(layers: Sequence[Layer]) -> set[str]:
    """Operations "pad" whose zeros each reader, a convolution, adds itself."""
    readers = _readers(layers)

    def absorbs(reader: Layer, pad: Layer) -> bool:
        unpadded = reader.kind in _CONVOLUTIONS and reader.padding == NO_PADDING
        return unpadded and _is_same(replace(reader, padding=pad.padding, in_size=pad.in_size))

    pads = [layer for layer in layers if layer.kind == "pad"]
    return {pad.name for pad in pads if readers[pad.name] and all(absorbs(r, pad) for r in readers[pad.name])}


def _pad_before(layer: Layer) -> Layer:
    top, bottom, left, right = layer.padding
    height, width = layer.in_size
    size = (height + top + bottom, width + left + right)
    pad = Layer(f"{layer.name}.pad", "pad", layer.inputs, layer.in_channels, size, layer.in_channels, layer.in_size)
    return replace(pad, padding=layer.padding, branch=layer.branch)


def _is_same(layer: Layer) -> bool:
    """Whether a convolution's padding is TensorFlow's "same"; a pool's is always written as an operator."""
    same = same_padding_2d(layer.in_size, layer.kernel, layer.stride, layer.dilation)
    return layer.kind in _CONVOLUTIONS and layer.padding == same


def _readers(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    """The layers that read each layer's output; one that reads it twice stands there twice."""
    readers: dict[str, list[Layer]] = {layer.name: [] for layer in layers}
    for layer in layers:
        for source in layer.inputs:
            readers[source].append(layer)
    return readers
