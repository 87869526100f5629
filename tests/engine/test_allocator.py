"""What is freed stays with the process, measured as resident memory of a process of its own."""

import subprocess
import sys

import pytest

RESIDENT = """
import resource, sys
from pathlib import Path
import torch
from suite.engine.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
pages = lambda: int(Path("/proc/self/statm").read_text().split()[1])
before = pages()
block = torch.ones(16 * 2**20)  # 64 MB, above glibc's largest threshold
del block
print((pages() - before) * resource.getpagesize() // 2**20)
"""


def _still_resident_mb(mode: str) -> int:
    call = [sys.executable, "-c", RESIDENT, mode]
    return int(subprocess.run(call, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_a_freed_block_stays_resident() -> None:
    assert _still_resident_mb("keep") >= 60
    assert _still_resident_mb("as it is") < 30
