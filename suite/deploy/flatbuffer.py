"""A .tflite file written anew with nothing in it that an interpreter does not need.

Names, descriptions, signatures and metadata go; the zero points of an operator's weights and biases, which are all
zero, are one vector. Every part begins at a fixed alignment, so that its size does not depend on its neighbours and the
whole is a sum over the operators (`suite.hardware.flash`). The format: schema.fbs of TensorFlow Lite.
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

PART_ALIGNMENT = 8
BUFFER_ALIGNMENT = 16
"""As schema.fbs demands for constants: kernels read them as words."""

OPERATOR_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """With room for vectors that several tables refer to."""

    zero_points: dict[int, int]


class _Buffer(schema.BufferT):  # type: ignore[misc]
    def Pack(self, builder: _Builder) -> int:
        if self.data is None:
            builder.Prep(BUFFER_ALIGNMENT, 0)
        else:
            content = bytes(self.data)
            builder.StartVector(1, len(content), BUFFER_ALIGNMENT)
            builder.head -= len(content)
            builder.Bytes[builder.head : builder.head + len(content)] = content
            data = builder.EndVector()
        schema.BufferStart(builder)
        if self.data is not None:
            schema.BufferAddData(builder, data)
        return int(schema.BufferEnd(builder))


class _Aligned:
    """A part that begins at a fixed alignment."""

    def Pack(self, builder: _Builder) -> int:
        builder.Prep(PART_ALIGNMENT, 0)
        return int(super().Pack(builder))  # type: ignore[misc]


class _Tensor(_Aligned, schema.TensorT):  # type: ignore[misc]
    """An aligned tensor."""


class _Operator(_Aligned, schema.OperatorT):  # type: ignore[misc]
    """An aligned operator."""


class _Quantization(schema.QuantizationParametersT):  # type: ignore[misc]
    """Refers to its operator's vector of zero points where `owner` names one."""

    owner: int | None = None

    def Pack(self, builder: _Builder) -> int:
        scale = builder.CreateNumpyVector(np.asarray(self.scale, np.float32))
        zero_point = builder.zero_points.get(self.owner) if self.owner is not None else None
        if zero_point is None:
            zero_point = builder.CreateNumpyVector(np.asarray(self.zeroPoint, np.int64))
        schema.QuantizationParametersStart(builder)
        schema.QuantizationParametersAddScale(builder, scale)
        schema.QuantizationParametersAddZeroPoint(builder, zero_point)
        schema.QuantizationParametersAddQuantizedDimension(builder, self.quantizedDimension)
        return int(schema.QuantizationParametersEnd(builder))


def compact(content: bytes) -> bytes:
    """The same network as a smaller file."""
    model = read_model(content)
    graph = model.subgraphs[0]
    model.description, model.metadata, model.metadataBuffer, model.signatureDefs = None, None, None, None
    graph.name = None
    builder = _Builder(len(content))
    builder.zero_points = {}
    owners = _share_zero_points(builder, graph)
    buffers = [_Buffer()]  # the first one is empty, as the format demands
    for number, tensor in enumerate(graph.tensors):
        tensor.__class__ = _Tensor
        tensor.name = None
        data = _constant(model, content, tensor)
        tensor.buffer = 0
        if data is not None:
            tensor.buffer = len(buffers)
            buffers.append(_Buffer())
            buffers[-1].data = data
        tensor.quantization = _quantization(tensor.quantization, owners.get(number))
    for operator in graph.operators:
        operator.__class__ = _Operator
    model.buffers = buffers
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def read_model(content: bytes) -> Any:
    """The file as an object tree of the schema's classes."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))


def operator_names(content: bytes) -> list[str]:
    """The operators in order of execution, such as "CONV_2D"."""
    model = read_model(content)
    codes = [OPERATOR_NAMES[max(c.builtinCode, c.deprecatedBuiltinCode)] for c in model.operatorCodes]
    return [codes[operator.opcodeIndex] for operator in model.subgraphs[0].operators]


def float_operators(content: bytes) -> list[str]:
    """Operators that the quantiser left in float, for lack of an int8 kernel; conversions around them left out."""
    graph = read_model(content).subgraphs[0]
    is_float = {i for i, tensor in enumerate(graph.tensors) if tensor.type == schema.TensorType.FLOAT32}
    named = zip(operator_names(content), graph.operators, strict=True)
    return [name for name, x in named if is_float & {int(x.outputs[0])} and name not in ("QUANTIZE", "DEQUANTIZE")]


def operator_tensors(content: bytes) -> list[tuple[list[int], int]]:
    """For each operator the activations that it reads, and the tensor that it writes."""
    model = read_model(content)
    graph = model.subgraphs[0]
    constant = {i for i, tensor in enumerate(graph.tensors) if _constant(model, content, tensor) is not None}
    return [
        ([int(i) for i in operator.inputs if i >= 0 and i not in constant], int(operator.outputs[0]))
        for operator in graph.operators
    ]


def _share_zero_points(builder: _Builder, graph: Any) -> dict[int, int]:
    """Write one vector of zeros for each operator with weights; constant tensor -> number of that operator."""
    owners: dict[int, int] = {}
    for number, operator in enumerate(graph.operators):
        constants = {int(i): graph.tensors[i] for i in operator.inputs[1:] if i >= 0 and graph.tensors[i].buffer}
        lengths = {i: _length(x) for i, x in constants.items() if _length(x) and not any(x.quantization.zeroPoint)}
        if not lengths:
            continue
        builder.Prep(PART_ALIGNMENT, 0)
        length = next(iter(lengths.values()))
        builder.zero_points[number] = builder.CreateNumpyVector(np.zeros(length, np.int64))
        owners |= {i: number for i in lengths if lengths[i] == length}
    return owners


def _length(tensor: Any) -> int:
    quantization = tensor.quantization
    return 0 if quantization is None or quantization.scale is None else len(quantization.scale)


def _quantization(quantization: Any, owner: int | None) -> Any:
    if quantization is None or quantization.scale is None:
        return None
    quantization.__class__ = _Quantization
    quantization.owner = owner
    return quantization


def _constant(model: Any, content: bytes, tensor: Any) -> Any:
    """A tensor's constant data, which the quantizer may keep behind the table; None for activations."""
    buffer = model.buffers[tensor.buffer]
    if buffer.data is not None and len(buffer.data):
        return buffer.data
    return content[buffer.offset : buffer.offset + buffer.size] if buffer.size else None
