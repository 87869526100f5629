"""Predictions against an interpreter, over many networks: `make deploy-table`.

Each network is converted to int8 and run in TensorFlow Lite Micro. What the table has measured already is kept, so that
the command goes on where it was stopped; predictions are always those of the present code.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from sampled_networks import SampledNetwork, sample_networks

from suite import SuiteError
from suite.data.files import write_atomic
from suite.deploy.convert import channels_last, convert
from suite.deploy.extras import require_extra
from suite.deploy.micro import run_micro
from suite.deploy.reference import ReferenceInterpreter
from suite.hardware.arena import Arena
from suite.hardware.trace import trace

TABLE = "networks.csv"
_INPUTS = 4


def predict(sampled: SampledNetwork) -> dict[str, int]:
    """The columns of a row that are predictions."""
    layers = trace(sampled.network, tuple(sampled.examples.shape[1:]))
    costs = sampled.costs
    return {"ram": int(costs["ram"]), "flash": int(costs["flash"]), "tail": Arena.of(layers).tail}


def measure(index: int, sampled: SampledNetwork) -> dict[str, Any]:
    """A row of the table: a network's predicted and actual bytes, and how the two interpreters differ.

    Differences are in units of the last place.

    Raises:
        SuiteError: it cannot be converted, or the interpreter refuses it.
    """
    content = convert(sampled.network, sampled.examples)
    inputs = ReferenceInterpreter(content).input.quantise(channels_last(sampled.examples[:_INPUTS]))
    run = run_micro(content, inputs)
    predicted = predict(sampled)
    return {
        "network": index,
        "benchmark": sampled.benchmark,
        "space": sampled.space,
        "budget": sampled.budget,
        "operators": len(run.differences),
        "ram": predicted["ram"],
        "ram_interpreter": run.head,
        "flash": predicted["flash"],
        "flash_file": len(content),
        "tail": predicted["tail"],
        "tail_interpreter": run.tail,
        "largest_difference": max(run.differences),
    }


def summary(table: pd.DataFrame) -> str:
    """What the table shows, as Markdown."""
    exact = (table["ram"] == table["ram_interpreter"]).sum()
    error = 100 * (table["flash"] / table["flash_file"] - 1)
    tail = 100 * (table["tail"] / table["tail_interpreter"] - 1)
    lines = [
        f"{len(table)} networks of {table['benchmark'].nunique()} benchmarks, int8, in TensorFlow Lite Micro.",
        "",
        "| | |",
        "|---|---|",
        f"| `ram` equals the interpreter's head | {exact} of {len(table)} |",
        f"| `flash` against the file | {error.min():+.2f} to {error.max():+.2f} %, mean {error.mean():+.2f} % |",
        f"| tail against a 64-bit host's | {tail.min():+.1f} to {tail.max():+.1f} % |",
        f"| largest difference of an operator from the reference kernels | {table['largest_difference'].max()} |",
        "",
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure what the table lacks, and write it."""
    parser = argparse.ArgumentParser(
        prog="python tests/support/interpreter_table.py", description="Predictions against an interpreter."
    )
    parser.add_argument("--out", type=Path, default=Path("results/deploy"), help="the folder of the table")
    parser.add_argument("--networks", type=int, default=72, help="how many")
    options = parser.parse_args(arguments)
    try:
        require_extra("deploy", "the table")
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    path = options.out / TABLE
    rows: dict[int, dict[Any, Any]] = {}
    if path.exists():
        rows = {row["network"]: row for row in pd.read_csv(path).to_dict("records")}
    start, measured = time.monotonic(), 0
    for index, sampled in enumerate(sample_networks(options.networks)):
        if index in rows:
            rows[index] |= predict(sampled)
            continue
        try:
            rows[index] = measure(index, sampled)
        except SuiteError as error:
            print(f"error: network {index} ({sampled.benchmark}, {sampled.space}): {error}", file=sys.stderr)
            return 1
        write_atomic(path, _frame(rows).to_csv(index=False).encode())
        measured += 1
        left = (time.monotonic() - start) / measured * (options.networks - len(rows))
        print(f"{len(rows)} of {options.networks} networks, about {left / 60:.0f} min left", flush=True)
    write_atomic(path, _frame(rows).to_csv(index=False).encode())
    write_atomic(options.out / "networks.md", summary(_frame(rows)).encode())
    return 0


def _frame(rows: Mapping[int, dict[Any, Any]]) -> pd.DataFrame:
    return pd.DataFrame([rows[index] for index in sorted(rows)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
