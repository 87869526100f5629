"""The benchmark of a recorded run, with its data, as it was when the run was made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from suite import SuiteError
from suite.benchmarks.base import Benchmark, benchmark_settings
from suite.config.identity import typed_settings
from suite.config.plan import build_benchmark
from suite.config.presets import apply_preset
from suite.config.sweep import compose_job
from suite.records.record import RunRecord


def benchmark_of(record: RunRecord, overrides: Sequence[str] = (), config_dir: Path | None = None) -> Benchmark:
    """The benchmark that a record names, built from its YAML file.

    Args:
        record: of a run.
        overrides: Hydra's, such as `benchmark.data.pack=FILE` where the data lies elsewhere now.
        config_dir: a folder with YAML files, for a benchmark of one's own.

    Raises:
        SuiteError: there is no such benchmark here, or its data is not what the run was trained on.
    """
    preset = record.preset.removesuffix(" (changed)")
    config = compose_job([f"benchmark={record.benchmark}", f"preset={preset}", *overrides], config_dir)
    node = benchmark_settings(apply_preset(config)[0])
    benchmark = build_benchmark(node)
    _check_settings(record, benchmark, node)
    data, recorded = benchmark.source().fingerprint(), record.config.get("data")
    if data != recorded:
        raise SuiteError(
            f"run {record.id} was trained on data {recorded}, what is found here for {record.benchmark} is {data}: "
            "name the run's data with benchmark.data.pack=FILE or SUITE_DATA_DIR"
        )
    return benchmark


def _check_settings(record: RunRecord, benchmark: Benchmark, node: Mapping[str, Any]) -> None:
    """Refuse a benchmark that prepares its data otherwise than the run's did, or has changed its networks since."""
    now = {**typed_settings(benchmark, node, ignored=("data", "title")), "version": benchmark.version}
    then = {key: value for key, value in record.config.get("benchmark", {}).items() if key != "network"}
    for key in sorted({*now, *then}):
        if json.loads(json.dumps(now.get(key))) != then.get(key):
            advice = "make the run again" if key == "version" else f"give benchmark.{key} as the run had it"
            raise SuiteError(
                f"run {record.id} was made with benchmark.{key}={then.get(key)}, here it is {now.get(key)}: {advice}"
            )
