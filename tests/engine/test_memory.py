"""Peak memory is a run's own: what earlier runs of the process needed does not count."""

import mmap
from pathlib import Path

import pytest
import torch
from tasks import plan

import suite.engine.memory
from suite.engine.allocator import keep_freed_memory
from suite.engine.harness import execute
from suite.engine.memory import PeakMemory
from suite.records.store import Store
from suite.task.progress import Progress

MB = 2**20
can_reset = pytest.mark.skipif(not PeakMemory().read(), reason="this system cannot set the peak back")


def use_and_free(size: int) -> None:
    """Touch every page of a block and give it back to the system, whatever the allocator keeps."""
    with mmap.mmap(-1, size) as block:
        for start in range(0, size, mmap.PAGESIZE):
            block[start] = 1


def highest_ever() -> int:
    """The process's peak, as long as nobody has set it back since."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@can_reset
def test_what_is_used_between_start_and_reading_counts_though_it_was_freed() -> None:
    memory = PeakMemory()
    before = memory.read()
    assert before is not None
    use_and_free(200 * MB)
    after = memory.read()
    assert after is not None
    assert after >= before + 150 * MB


@can_reset
def test_a_run_after_a_greedy_one_in_the_same_process_reports_its_own_peak(tmp_path: Path) -> None:
    use_and_free(800 * MB)
    greedy = highest_ever()
    record = execute(plan("method=hand_tuned", "recipe.epochs=1"), Store(tmp_path, "test"), Progress())
    peak = record.meter["peak_memory_bytes"]
    assert 50 * MB < peak < greedy - 300 * MB


def test_a_system_that_cannot_tell_gives_null(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite.engine.memory, "_RESET", tmp_path / "no" / "such" / "file")
    assert PeakMemory().read() is None
    store = Store(tmp_path, "test")
    record = execute(plan("method=hand_tuned", "recipe.epochs=1"), store, Progress())
    assert record.meter["peak_memory_bytes"] is None
    assert store.read(record.id) == record


def test_on_a_gpu_it_is_the_gpus_since_the_run_began(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = [900]
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: peak.append(7))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: peak[-1])
    assert PeakMemory(cuda=True).read() == 7


@can_reset
def test_what_an_earlier_run_freed_and_the_allocator_kept_does_not_count() -> None:
    before = PeakMemory().read()
    assert before is not None
    keep_freed_memory()
    blocks = [torch.ones(MB // 4) for _ in range(300)]
    del blocks
    after = PeakMemory().read()
    assert after is not None
    assert after < before + 100 * MB
