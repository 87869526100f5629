"""Speed of the report."""

from pathlib import Path

from pairs import TimePairs
from speed_figures import RecordFigure
from synthetic import make_records

from suite.records.store import Store
from suite.report.build import Report


def filled(folder: Path, seeds: int) -> Store:
    """Four methods at two budgets with `seeds` seeds each."""
    store = Store(folder, "example")
    for record in make_records(seeds):
        store.write(record)
    return store


def test_a_whole_report_on_1000_records_takes_little_longer_than_on_100(
    time_pairs: TimePairs, figure: RecordFigure, tmp_path: Path
) -> None:
    """Tables, figures and page; the same budgets and methods, so that only the number of runs grows."""
    few, many = filled(tmp_path / "few", 12), filled(tmp_path / "many", 125)
    assert (len(few.run_ids()), len(many.run_ids())) == (97, 1001)
    pairs = time_pairs(lambda: Report.load(many).write(), lambda: Report.load(few).write(), rounds=1)
    figure("report on 97 records", pairs.reference_seconds, "s")
    figure("report on 1,001 records", pairs.tested_seconds, "s")
    figure("1,001 records against 97", pairs.cost, "x", at_most=3)
