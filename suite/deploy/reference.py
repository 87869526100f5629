"""TensorFlow Lite's reference interpreter, and an int8 network in it as a torch module."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from suite.deploy.convert import channels_first, channels_last


@dataclass(frozen=True)
class Quantisation:
    """value = scale (q - zero_point), q an int8."""

    scale: float
    zero_point: int

    def quantise(self, x: Tensor) -> NDArray[np.int8]:
        """Float values as int8, rounded to the nearest and clipped."""
        q = (x.double() / self.scale).round() + self.zero_point
        return q.clamp(-128, 127).to(torch.int8).numpy()

    def dequantise(self, q: NDArray[np.int8]) -> Tensor:
        """Int8 as float32."""
        return (torch.from_numpy(q.astype(np.int32)) - self.zero_point).float() * self.scale


class ReferenceInterpreter:
    """Runs a .tflite file with the kernels that define what each operator computes, one example at a time."""

    def __init__(self, content: bytes, keep_all: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._interpreter: Any = Interpreter(
            model_content=content,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=keep_all,
        )
        self._interpreter.allocate_tensors()
        (self._input,), (self._output,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()

    @property
    def input(self) -> Quantisation:
        """How inputs are quantised."""
        return Quantisation(*self._input["quantization"])

    @property
    def output(self) -> Quantisation:
        """How outputs are quantised."""
        return Quantisation(*self._output["quantization"])

    def invoke(self, example: NDArray[np.int8]) -> NDArray[np.int8]:
        """The output for one example, both without the batch axis."""
        self._interpreter.set_tensor(self._input["index"], example[None])
        self._interpreter.invoke()
        output: NDArray[np.int8] = self.tensor(self._output["index"])[0]
        return output

    def tensor(self, index: int) -> NDArray[np.int8]:
        """The present value of a tensor; of one in between only with `keep_all`."""
        value: NDArray[np.int8] = self._interpreter.get_tensor(index)
        return value


class Int8Network(nn.Module):
    """An int8 network that takes and returns floats as the torch network does."""

    def __init__(self, interpreter: ReferenceInterpreter) -> None:
        super().__init__()
        self.interpreter = interpreter

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, positions...) or (N, features) float -> the network's outputs, float32."""
        examples = self.interpreter.input.quantise(channels_last(x.cpu()))
        outputs = np.stack([self.interpreter.invoke(example) for example in examples])
        return channels_first(self.interpreter.output.dequantise(outputs))
