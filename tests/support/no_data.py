"""Planning without data: what a plan says then depends on no file of this machine."""

import pytest

from suite.benchmarks.anomaly_detection import AnomalyDetection
from suite.benchmarks.base import Classification


class NoData:
    """Stands for every benchmark's data; has the one thing that a plan asks of it."""

    def fingerprint(self) -> str:
        return "data"


def plan_without_data(patched: pytest.MonkeyPatch) -> None:
    """Let every benchmark be planned without its data."""
    patched.delenv("SUITE_DATA_DIR", raising=False)
    for benchmark in (Classification, AnomalyDetection):
        patched.setattr(benchmark, "source", lambda self: NoData())
