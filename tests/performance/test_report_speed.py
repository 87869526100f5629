"""Speed of the report, with and without its figures; run with `pytest tests/performance --benchmark-only`."""

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from synthetic import make_many, make_records

from suite.record import RunRecord
from suite.report.build import build_report
from suite.report.frame import frame
from suite.report.statistics import _mean_interval
from suite.report.tables import cost_table, failure_table, main_table
from suite.store import Store


def tables(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Frame and tables, with the cache of intervals empty as in a fresh process."""
    _mean_interval.cache_clear()
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
