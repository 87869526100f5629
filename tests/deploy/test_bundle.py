"""The bundle for firmware: its C files compile, and hold the network and the test vector to the last byte."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from suite.deploy.bundle import Bundle
from suite.deploy.reference import Quantisation

CONTENT = bytes(range(256)) * 3
BUNDLE = Bundle(
    title="digits, duccio, weights 25%, seed 0: run abc",
    content=CONTENT,
    operators=["CONV_2D", "MEAN", "CONV_2D", "FULLY_CONNECTED"],
    input=Quantisation(0.017631450667977333, -3),
    output=Quantisation(0.5, 12),
    arena=12_345,
    example=np.arange(-32, 32).astype(np.int8).reshape(8, 8, 1),
    expected=np.array([-128, 0, 127], np.int8),
)
PROGRAM = """
#include <stdio.h>
#include "network.h"
#include "test_vector.h"
int main(void) {
  for (unsigned i = 0; i < network_size; i++) printf("%d ", network[i]);
  printf("\\n");
  for (int i = 0; i < NETWORK_INPUT_SIZE; i++) printf("%d ", test_input[i]);
  printf("\\n");
  for (int i = 0; i < NETWORK_OUTPUT_SIZE; i++) printf("%d ", test_output[i]);
  printf("\\n%.17g %d %.17g %d %d %d %d\\n", (double)NETWORK_INPUT_SCALE, NETWORK_INPUT_ZERO_POINT,
         (double)NETWORK_OUTPUT_SCALE, NETWORK_OUTPUT_ZERO_POINT, NETWORK_ARENA_BYTES, NETWORK_OPERATORS,
         (int)((unsigned long)network % 16));
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no C compiler")
def test_what_a_c_program_reads_is_what_was_written(tmp_path: Path) -> None:
    BUNDLE.write(tmp_path)
    (tmp_path / "main.c").write_text(PROGRAM)
    sources = [str(tmp_path / name) for name in ("main.c", "network.c")]
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", str(tmp_path / "main"), *sources], check=True)
    printed = subprocess.run([str(tmp_path / "main")], check=True, capture_output=True, text=True).stdout
    content, example, expected, facts = printed.strip().splitlines()
    assert bytes(map(int, content.split())) == CONTENT
    assert list(map(int, example.split())) == BUNDLE.example.ravel().tolist()
    assert list(map(int, expected.split())) == [-128, 0, 127]
    numbers = facts.split()
    assert float(numbers[0]) == np.float32(BUNDLE.input.scale)
    assert [int(n) for n in (numbers[1], *numbers[3:])] == [-3, 12, 12_345, 3, 0]
    assert float(numbers[2]) == 0.5


def test_the_readme_registers_each_operator_once() -> None:
    text = BUNDLE.readme()
    assert "MicroMutableOpResolver<3>" in text
    for call in ("AddConv2D", "AddMean", "AddFullyConnected"):
        assert text.count(f"resolver.{call}();") == 1
