"""Speed of the report; run with `pytest tests/performance --benchmark-only`."""

import time
from pathlib import Path
from typing import Any

from synthetic import make_records

from suite.records.store import Store
from suite.report.build import build_report


def filled(folder: Path, seeds: int) -> Store:
    """Four methods at two budgets with `seeds` seeds each."""
    store = Store(folder, "example")
    for record in make_records(seeds):
        store.write(record)
    return store


def test_a_whole_report_on_1000_records_takes_little_longer_than_on_100(benchmark: Any, tmp_path: Path) -> None:
    """Tables, figures and page; the same budgets and methods, so that only the number of runs grows."""
    few, many = filled(tmp_path / "few", 12), filled(tmp_path / "many", 125)
    assert (len(few.run_ids()), len(many.run_ids())) == (97, 1001)
    start = time.perf_counter()
    build_report(few)
    baseline = time.perf_counter() - start
    benchmark.pedantic(build_report, args=(many,), rounds=1)
    assert benchmark.stats.stats.median <= 3 * baseline
