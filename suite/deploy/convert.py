"""A torch network as an int8 .tflite file: static quantisation, weights by channel, calibrated on given examples.

Uses litert-torch and ai-edge-quantizer, the extra `deploy`. Maps are channels-last in the file, as cameras and kernels
have them: inputs (N, C, H, W) become (N, H, W, C), and sequences (N, C, L) images (N, 1, L, C).
"""

import copy
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from suite import SuiteError
from suite.deploy.as_images import as_image_network

CALIBRATION_EXAMPLES = 200

_NO_KERNELS = ("FLEX", "CUSTOM", "STABLEHLO")
_TELLING = ("not implemented", "unsupported", "failed", "error")
_NARROW = 1e-6
"""A tensor whose values span less is constant: any scale serves, and one from its span would overflow."""


class ChannelsLast(nn.Module):
    """The network with maps as (N, H, W, C), at its input and its output."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """(N, H, W, C) -> the network's output, channels last as well where it has positions."""
        return channels_last(self.network(channels_first(x)))


def channels_last(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H, W, C), and a sequence (N, C, L) -> (N, 1, L, C)."""
    return x if x.dim() < 3 else (x.unsqueeze(2) if x.dim() == 3 else x).movedim(1, -1)


def channels_first(x: Tensor) -> Tensor:
    """(N, H, W, C) -> (N, C, H, W)."""
    return x if x.dim() < 3 else x.movedim(-1, 1)


def convert(network: nn.Module, examples: Tensor) -> bytes:
    """The int8 .tflite file of `network`, compacted; input, output and weights are int8.

    Args:
        network: a plain network in eval mode.
        examples: inputs (N, ...) as the network takes them; ranges of activations are calibrated on them.

    Raises:
        SuiteError: the converter or the quantiser refuses an operation; the text names it.
    """
    from suite.deploy.flatbuffer import compact, float_operators, operator_names

    images = as_image_network(copy.deepcopy(network).cpu().float().eval(), tuple(examples.shape[1:]))
    wrapped = ChannelsLast(images).eval()
    inputs = channels_last(examples.float()).contiguous()
    with tempfile.TemporaryDirectory() as folder, _quiet() as output:
        path = Path(folder) / "float.tflite"
        try:
            _to_float(wrapped, inputs[:1], path)
            content = _quantise(path, inputs)
        except Exception as error:
            reason = _reason(error, output)
            raise SuiteError(f"network {type(network).__name__} cannot be converted to int8: {reason}") from error
    unknown = {name for name in operator_names(content) if name.startswith(_NO_KERNELS)}
    if without := sorted(unknown | set(float_operators(content))):
        raise SuiteError(f"network {type(network).__name__} has operators without an int8 kernel: {', '.join(without)}")
    return compact(content)


def _to_float(network: nn.Module, example: Tensor, path: Path) -> None:
    import litert_torch

    _keep_padding_channels_last()
    litert_torch.convert(network, (example,)).export(str(path))


def _quantise(path: Path, inputs: Tensor) -> bytes:
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import calibrator, quantizer, recipe, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    signature, parts = next(iter(Interpreter(str(path)).get_signature_list().items()))
    scheme = recipe.static_wi8_ai8()
    rules = recipe_manager.RecipeManager()
    rules.load_quantization_recipe(scheme)
    # The range of a tensor is that of all examples, as in TensorFlow's converter; the quantiser's own choice, a moving
    # average of single examples' ranges, clips.
    calibration = calibrator.Calibrator(str(path), qsv_update_func=qsv_utils.min_max_update)
    calibration.calibrate({signature: [{parts["inputs"][0]: x.numpy()[None]} for x in inputs]}, rules)
    ranges = calibration.get_model_qsvs()
    for values in ranges.values():
        if float(values["max"].max() - values["min"].min()) < _NARROW:
            values["max"] = values["min"] + 1
    quantiser = quantizer.Quantizer(str(path))
    quantiser.load_quantization_recipe(scheme)
    return bytes(quantiser.quantize(ranges).quantized_model)


def _keep_padding_channels_last() -> None:
    """Tell the converter how zeros around a channels-last map are written.

    litert-torch 0.10 knows it for reflected and repeated edges only, and puts two transpositions around zeros.
    """
    from litert_torch._convert.fx_passes.optimize_layout_transposes_pass import layout_check, layout_rewrite

    pad = torch.ops.aten.constant_pad_nd.default

    def write_channels_last(node: Any) -> None:
        node.args = (node.args[0], [0, 0, *node.args[1]], *node.args[2:])  # channels are the first pair

    layout_rewrite.rewriters.register(pad)(write_channels_last)
    layout_check.layout_sensitive_inputs_getters.register(pad)(lambda node: [node.args[0]])


def _reason(error: Exception, output: Path) -> str:
    """The line of a converter's message that names the operation."""
    lines = [line.strip() for line in f"{error}\n{output.read_text(errors='replace')}".splitlines()]
    telling = [line for line in lines if any(word in line.lower() for word in _TELLING)]
    return (telling or [*filter(None, lines), type(error).__name__])[0][:300]


@contextmanager
def _quiet() -> Iterator[Path]:
    """Send what libraries print, those in C++ included, to a file while the block runs."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output.txt"
        kept = os.dup(1), os.dup(2)
        try:
            with path.open("wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            yield path
        finally:
            for number, old in enumerate(kept, start=1):
                os.dup2(old, number)
                os.close(old)
