"""Speed and memory of the report; run with `pytest tests/performance --benchmark-only` on a machine that is idle."""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from synthetic import make_large, make_many, make_records

from suite.records.frame import frame
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.build import build_report
from suite.report.tables.cost import cost_table
from suite.report.tables.failures import failure_table
from suite.report.tables.main import main_table

WHOLE_S, FIGURE_S, MEMORY_MB = 20.0, 5.0, 1500.0
"""What a report on 10,000 records may take on two cores, one of its figures made again, and all its memory."""

COMMAND = [sys.executable, "-m", "suite.cli", "report"]


def tables(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Frame and tables."""
    df = frame(records)
    main_table(df)
    cost_table(df)
    failure_table(df)
    return df


def median_seconds(records: Sequence[RunRecord]) -> float:
    """Median of five timings of `frame`."""
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        frame(records)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


class Memory(threading.Thread):
    """Peak memory in MB of a process and those that it started, pages that they share counted once."""

    def __init__(self, process: subprocess.Popen) -> None:
        super().__init__(daemon=True)
        self.process, self.peak = process, 0.0

    def run(self) -> None:
        while self.process.poll() is None:
            tree = [self.process.pid]
            for pid in tree:
                tree += map(int, self._text(f"/proc/{pid}/task/{pid}/children").split())
            kilobytes = 0
            for pid in tree:
                lines = self._text(f"/proc/{pid}/smaps_rollup").splitlines()
                kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            self.peak = max(self.peak, kilobytes / 1024)
            time.sleep(0.1)

    @staticmethod
    def _text(path: str) -> str:
        try:
            return Path(path).read_text()
        except OSError:  # it has just ended
            return ""


def run(command: Sequence[str]) -> float:
    """Peak memory in MB of a command that must succeed."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory = Memory(process)
    memory.start()
    assert process.wait() == 0
    memory.join()
    return memory.peak


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """10,000 records of the size of real ones, every tenth with its history."""
    store = Store(tmp_path_factory.mktemp("results"), "example")
    for record, history in make_large(10_000):
        store.write(record, history=history)
    return store


def test_a_report_on_10000_records_takes_20_seconds_and_1500_megabytes(benchmark: Any, large: Store) -> None:
    peak = benchmark.pedantic(run, args=([*COMMAND, str(large.folder)],), rounds=1)
    benchmark.extra_info["MB"] = peak
    assert peak <= MEMORY_MB
    assert benchmark.stats.stats.max <= WHOLE_S


def test_one_figure_of_10000_records_is_made_again_in_5_seconds(benchmark: Any, large: Store) -> None:
    name = "score_digits_paper_nucleo_l4r5zi"
    command = [*COMMAND, str(large.folder), "--figure", name]
    # The first round reads from the disk what the others have in memory; of those other load can only add to the best.
    benchmark.pedantic(subprocess.run, (command,), {"check": True}, rounds=3, warmup_rounds=1)
    assert (large.folder / "report" / "figures" / f"{name}.png").exists()
    assert benchmark.stats.stats.min <= FIGURE_S


def test_frame_and_tables_of_1000_records(benchmark: Any) -> None:
    records = make_many(1000)
    assert len(benchmark.pedantic(tables, args=(records,), rounds=5, warmup_rounds=1)) == 1000


def test_frame_time_grows_no_faster_than_the_number_of_records(benchmark: Any) -> None:
    few, many = make_many(100), make_many(1000)
    benchmark.pedantic(frame, args=(many,), rounds=5, warmup_rounds=1)
    assert median_seconds(many) <= 15 * median_seconds(few)


def test_a_whole_report_on_1000_records_takes_little_longer_than_on_100(benchmark: Any, tmp_path: Path) -> None:
    """Figures and page included; the same budgets, so that only the number of runs grows."""
    budgets = [{"weights": "25%", "latency": "50%"}, {"weights": "50%", "ram": "50%"}]
    stores = []
    for seeds in (12, 125):
        records = make_records(seeds, budgets, ("digits",))
        stores.append(Store(tmp_path / str(seeds), records[0].experiment))
        for record in records:
            stores[-1].write(record)
    few, many = stores
    assert len(many.records()) >= 1000
    start = time.perf_counter()
    build_report(few)
    baseline = time.perf_counter() - start
    benchmark.pedantic(build_report, args=(many,), rounds=1)
    assert benchmark.stats.stats.median <= 3 * baseline
