"""TensorFlow Lite Micro's interpreter, in a process of its own: what it cannot run makes it abort.

`python -m suite.deploy.micro FILE INPUTS OUTPUTS` runs a .tflite file on each row of INPUTS (.npy, int8), writes what
comes out to OUTPUTS (.npz), and prints the interpreter's account of its arena. With it, TensorFlow Lite's reference
interpreter runs on the same inputs, and what each operator writes is compared.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite import SuiteError

_ARENA = 64 * 2**20
_ACCOUNT = re.compile(r"Arena allocation (head|tail) (\d+) bytes")
_SECONDS = 600


@dataclass(frozen=True)
class MicroRun:
    """What the interpreter needed and returned.

    head: bytes for activations and kernels' scratch, shared over time; the kernels of this host need no scratch.
    tail: bytes for what lives as long as the interpreter, in its layout on this 64-bit host.
    outputs: int8, one row an input.
    differences: for each operator the largest difference from the reference interpreter's values, in units of the last
        place, on inputs that are the same in both.
    """

    head: int
    tail: int
    outputs: NDArray[np.int8]
    differences: tuple[int, ...]


def run_micro(content: bytes, inputs: NDArray[np.int8]) -> MicroRun:
    """Run a .tflite file on int8 inputs (N, ...).

    Raises:
        SuiteError: the interpreter refuses the file; the text is its own last line.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "network.tflite").write_bytes(content)
        np.save(folder / "inputs.npy", inputs)
        files = [str(folder / part) for part in ("network.tflite", "inputs.npy", "outputs.npz")]
        command = [sys.executable, "-m", "suite.deploy.micro", *files]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise SuiteError(f"TensorFlow Lite Micro took more than {_SECONDS} s for {len(inputs)} inputs") from error
        printed = (done.stdout + done.stderr).strip()
        account = {part: int(size) for part, size in _ACCOUNT.findall(printed)}
        if done.returncode or set(account) != {"head", "tail"}:
            reason = (printed.splitlines() or [f"exit code {done.returncode}"])[-1]
            raise SuiteError(f"TensorFlow Lite Micro cannot run the network: {reason}")
        with np.load(folder / "outputs.npz") as results:
            outputs, differences = results["outputs"], results["differences"]
        return MicroRun(account["head"], account["tail"], outputs, tuple(map(int, differences)))


def _main(arguments: Sequence[str]) -> None:
    model, inputs, outputs = arguments
    examples = np.load(inputs)
    _micro(model, "kAllocationRecording").print_allocations()
    results, differences = _run_both(model, examples)
    np.savez(outputs, outputs=results, differences=differences)


def _micro(model: str, config: str) -> Any:
    from tflite_micro.python.tflite_micro import runtime

    setting = getattr(runtime.InterpreterConfig, config)
    return runtime.Interpreter.from_file(model, arena_size=_ARENA, intrepreter_config=setting)


def _run_both(model: str, examples: NDArray[np.int8]) -> tuple[NDArray[np.int8], list[int]]:
    """Outputs of the micro interpreter, and each operator's largest difference from the reference interpreter."""
    from suite.deploy.flatbuffer import operator_tensors
    from suite.deploy.reference import ReferenceInterpreter

    micro = _micro(model, "kPreserveAllTensors")
    content = Path(model).read_bytes()
    reference = ReferenceInterpreter(content, keep_all=True)
    operators = operator_tensors(content)
    largest = [0] * len(operators)
    outputs = []
    for example in examples:
        micro.set_input(example[None], 0)
        micro.invoke()
        reference.invoke(example)
        outputs.append(micro.get_output(0)[0])
        equal = {operators[0][0][0]}
        for number, (read, written) in enumerate(operators):
            ours = micro.GetTensor(written, 0)["tensor_data"].astype(int).ravel()
            difference = int(np.abs(ours - reference.tensor(written).astype(int).ravel()).max())
            if difference == 0:
                equal.add(written)
            if equal.issuperset(read):
                largest[number] = max(largest[number], difference)
    return np.stack(outputs), largest


if __name__ == "__main__":
    _main(sys.argv[1:])
