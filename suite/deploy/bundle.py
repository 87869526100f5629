"""What a firmware project takes: the network as a C array, how to feed it, and a test that it computes the same."""

import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.data.files import write_atomic
from suite.deploy.reference import Quantisation


@dataclass(frozen=True)
class Bundle:
    """A network for TensorFlow Lite Micro.

    title: one line for a person: run, benchmark, budget.
    arena: bytes that the interpreter needs on the board.
    example, expected: an int8 input, channels last, and the output that belongs to it.
    """

    title: str
    content: bytes
    operators: Sequence[str]
    input: Quantisation
    output: Quantisation
    arena: int
    example: NDArray[np.int8]
    expected: NDArray[np.int8]

    def write(self, folder: Path) -> None:
        """Write network.h, network.c, test_vector.h and README.md."""
        files = {
            "network.h": self.header(),
            "network.c": self.source(),
            "test_vector.h": self.test_vector(),
            "README.md": self.readme(),
        }
        for name, text in files.items():
            write_atomic(folder / name, text.encode())

    def header(self) -> str:
        """Sizes, scales and shapes."""
        defines = [
            _DEFINES.format(
                name=name,
                scale=quantisation.scale,
                zero_point=quantisation.zero_point,
                size=values.size,
                shape=" x ".join(map(str, values.shape)),
            )
            for name, quantisation, values in (
                ("INPUT", self.input, self.example),
                ("OUTPUT", self.output, self.expected),
            )
        ]
        return _HEADER.format(
            title=self.title, defines="".join(defines), arena=self.arena, operators=len(set(self.operators))
        )

    def source(self) -> str:
        """The file as an array that kernels can read in place."""
        aligned = "__attribute__((aligned(16))) const unsigned char network[] = {"
        return (
            f'/* {self.title} */\n#include "network.h"\n\n{aligned}\n{_array_body(self.content)}\n}};\n'
            f"const unsigned int network_size = {len(self.content)};\n"
        )

    def test_vector(self) -> str:
        """An example of the test split and the reference kernels' output for it."""
        parts = [f"/* {self.title}: kernels may differ from the expected output by one. */", "#include <stdint.h>", ""]
        for name, values in (("input", self.example), ("output", self.expected)):
            body = _array_body(values.ravel().tolist())
            parts.append(f"static const int8_t test_{name}[{values.size}] = {{\n{body}\n}};\n")
        return "\n".join(parts)

    def readme(self) -> str:
        """How to use the bundle."""
        used = sorted(set(self.operators))
        calls = "\n".join(f"resolver.{_registration(name)}();" for name in used)
        return _README.format(title=self.title, count=len(used), calls=calls, json=json.dumps(used))


def _array_body(values: Iterable[int]) -> str:
    """Numbers between the braces of a C array."""
    return textwrap.fill(", ".join(map(str, values)), 118, initial_indent="    ", subsequent_indent="    ")


def _registration(operator: str) -> str:
    """The call of MicroMutableOpResolver that registers an operator's kernel (micro_mutable_op_resolver.h).

    Example: "AddConv2D" for CONV_2D; a version number keeps its V, as in "AddPadV2".
    """
    words = (word if word[0].isdigit() else word.capitalize() for word in operator.split("_"))
    return re.sub(r"v(\d)$", r"V\1", "Add" + "".join(words))


_HEADER = """/* {title} */
#ifndef NETWORK_H_
#define NETWORK_H_

#ifdef __cplusplus
extern "C" {{
#endif

/* A TensorFlow Lite model: int8 input and output, maps as (height, width, channels). */
extern const unsigned char network[];
extern const unsigned int network_size;

/* value = SCALE * (q - ZERO_POINT) */
{defines}
/* Activations, scratch of CMSIS-NN's kernels, and the interpreter's own data. */
#define NETWORK_ARENA_BYTES {arena}
#define NETWORK_OPERATORS {operators}

#ifdef __cplusplus
}}
#endif
#endif  /* NETWORK_H_ */
"""
_DEFINES = """#define NETWORK_{name}_SCALE {scale!r}f
#define NETWORK_{name}_ZERO_POINT ({zero_point})
#define NETWORK_{name}_SIZE {size} /* {shape} */
"""
_README = """# {title}

For a project with TensorFlow Lite Micro (https://github.com/tensorflow/tflite-micro): add `network.c`, and

```cpp
#include "network.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

alignas(16) static uint8_t arena[NETWORK_ARENA_BYTES];

tflite::MicroMutableOpResolver<{count}> resolver;
{calls}
tflite::MicroInterpreter interpreter(tflite::GetModel(network), resolver, arena, sizeof(arena));
interpreter.AllocateTensors();
// int8 values into interpreter.input(0)->data.int8, then
interpreter.Invoke();
// int8 values from interpreter.output(0)->data.int8
```

`test_vector.h` holds an input and the output that TensorFlow Lite's reference kernels give for it; CMSIS-NN's kernels
may differ from it by one. `NETWORK_ARENA_BYTES` is an estimate for a 32-bit Cortex-M with CMSIS-NN (docs/deploy.md):
once it runs, `interpreter.arena_used_bytes()` tells what is needed. Operators: {json}.
"""
