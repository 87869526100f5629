"""The largest memory that a run needed, measured from its start: earlier runs of the process do not count."""

from contextlib import suppress
from pathlib import Path

import torch

from suite.engine.allocator import release_freed_memory

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_RESET_PEAK = "5"  # Linux, proc(5): sets the peak resident set size (VmHWM) to the present size


class PeakMemory:
    """Peak memory in bytes since this object was made: of the process, or on the GPU.

    On Linux the process's peak is set back; other systems cannot do that, and give None.
    """

    def __init__(self, *, cuda: bool = False) -> None:
        self._cuda = self._measured = cuda
        if cuda:
            torch.cuda.reset_peak_memory_stats()
            return
        release_freed_memory()  # what an earlier run freed and the process kept is not this run's
        with suppress(OSError):
            _RESET.write_text(_RESET_PEAK)
            self._measured = True

    def read(self) -> int | None:
        """The peak so far; None where the system cannot tell it for a part of a process's life."""
        if not self._measured:
            return None
        if self._cuda:
            return int(torch.cuda.max_memory_allocated())
        lines = _STATUS.read_text().splitlines()
        line = next((line for line in lines if line.startswith("VmHWM:")), None)
        return None if line is None else int(line.split()[1]) * 1024
