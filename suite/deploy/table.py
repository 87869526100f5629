"""Predictions against an interpreter, over many networks: `python -m suite.deploy.table --out results/deploy`.

Each network is converted to int8 and run in TensorFlow Lite Micro. What the table has measured already is kept, so that
the command goes on where it was stopped; predictions are always those of the present code.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from suite import SuiteError
from suite.data.files import write_atomic
from suite.deploy.convert import channels_last, convert
from suite.deploy.extras import require_extra
from suite.deploy.micro import run_micro
from suite.deploy.reference import ReferenceInterpreter
from suite.deploy.samples import SampledNetwork, sample_networks
from suite.hardware.arena import Arena
from suite.hardware.trace import trace

TABLE = "networks.csv"
_INPUTS = 4


@dataclass(frozen=True)
class Row:
    """A network's predicted and actual bytes, and how the two interpreters differ, in units of the last place."""

    network: int
    benchmark: str
    space: str
    budget: str
    operators: int
    ram: int
    ram_interpreter: int
    flash: int
    flash_file: int
    tail: int
    tail_interpreter: int
    largest_difference: int


def predict(sampled: SampledNetwork) -> dict[str, int]:
    """The columns of a row that are predictions."""
    layers = trace(sampled.network, tuple(sampled.examples.shape[1:]))
    costs = sampled.costs
    return {"ram": int(costs["ram"]), "flash": int(costs["flash"]), "tail": Arena.of(layers).tail}


def measure(index: int, sampled: SampledNetwork) -> Row:
    """Convert one network and run it.

    Raises:
        SuiteError: it cannot be converted, or the interpreter refuses it.
    """
    content = convert(sampled.network, sampled.examples)
    inputs = ReferenceInterpreter(content).input.quantise(channels_last(sampled.examples[:_INPUTS]))
    run = run_micro(content, inputs)
    return Row(
        network=index,
        benchmark=sampled.benchmark,
        space=sampled.space,
        budget=sampled.budget,
        operators=len(run.differences),
        ram_interpreter=run.head,
        flash_file=len(content),
        tail_interpreter=run.tail,
        largest_difference=max(run.differences),
        **predict(sampled),
    )


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
        prog="python -m suite.deploy.table", description="Predictions against an interpreter."
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
    measured = pd.read_csv(path).to_dict("records") if path.exists() else []
    done: dict[int, dict[Any, Any]] = {row["network"]: row for row in measured}
    rows: list[dict[Any, Any]] = []
    start, left = time.monotonic(), options.networks - len(done)
    for index, sampled in enumerate(sample_networks(options.networks)):
        if index in done:
            rows.append(done[index] | predict(sampled))
            continue
        try:
            rows.append(dataclasses.asdict(measure(index, sampled)))
        except SuiteError as error:
            print(f"error: network {index} ({sampled.benchmark}, {sampled.space}): {error}", file=sys.stderr)
            return 1
        later = [row for network, row in done.items() if network > index]
        write_atomic(path, pd.DataFrame([*rows, *later]).to_csv(index=False).encode())
        left -= 1
        pace = (time.monotonic() - start) / (options.networks - len(done) - left)
        print(f"{len(rows)} of {options.networks} networks, about {pace * left / 60:.0f} min left", flush=True)
    write_atomic(path, pd.DataFrame(rows).to_csv(index=False).encode())
    write_atomic(options.out / "networks.md", summary(pd.DataFrame(rows)).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
