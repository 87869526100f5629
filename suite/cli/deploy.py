"""`suite deploy`: a recorded network as files for a board, and what an interpreter says of it."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from suite.cli.console import log, output_console, run_parser
from suite.config.recorded import benchmark_of
from suite.deploy.deployment import deploy
from suite.deploy.extras import require_extra
from suite.deploy.find_run import FoundRun, find_run
from suite.records.deployment import Deployed
from suite.records.labels import run_label


def main(arguments: Sequence[str]) -> int:
    """Deploy one run."""
    parser = run_parser(
        "deploy",
        "Write RUN/deploy: the network as .pt2, .onnx and int8 .tflite, and a bundle for TensorFlow Lite Micro; "
        "then run it in two interpreters, and compare with what was predicted.",
    )
    parser.add_argument("overrides", nargs="*", help="where the data is, such as benchmark.data.pack=FILE")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    parser.add_argument("--trusted", action="store_true", help="build a network class that is not the suite's own")
    options = parser.parse_intermixed_args(arguments)
    require_extra("deploy", "suite deploy")
    run = find_run(options.run, options.results_dir, best=options.best)
    benchmark = benchmark_of(run.record, options.overrides, options.config_dir)
    deployed = deploy(run, benchmark, show_progress, trusted=options.trusted)
    output_console().print(deployment_table(run, deployed))
    micro = deployed.micro
    same = f"differ by at most {micro.largest_difference}" if micro.largest_difference else "are the same"
    log.info("outputs of TensorFlow Lite Micro and the reference interpreter %s on %s examples", same, micro.examples)
    log.info("%s", run.folder / "deploy")
    return 0


def show_progress(batches: Sequence[Tensor], description: str) -> Iterable[Tensor]:
    """A bar with the time left on a terminal, a line elsewhere."""
    if not sys.stderr.isatty():
        log.info("%s", description)
        return batches
    return track(batches, description, transient=True, console=Console(stderr=True))


def deployment_table(run: FoundRun, deployed: Deployed) -> Table:
    """Target, prediction and what came out."""
    record = run.record
    title = run_label(record.benchmark, record.method, record.variant, record.budget, record.seed)
    table = Table(title=title, title_justify="left")
    for column in ("", "limit", "predicted", "measured", "verdict"):
        table.add_column(column, justify="right" if column else "left")
    for name, part in (("ram", deployed.ram), ("flash", deployed.flash)):
        verdict = "" if part.fits is None else "fits" if part.fits else "does NOT fit"
        table.add_row(name, *_bytes(part.limit, part.predicted, part.actual), verdict)
    arena = deployed.arena  # an interpreter of this host has other kernels and longer pointers: no verdict
    table.add_row("arena", *_bytes(arena.limit, arena.predicted, arena.actual), "this host's")
    table.add_row(deployed.score_name, "", f"{deployed.float_score:.4f} (float)", f"{deployed.score:.4f}", "")
    return table


def _bytes(*sizes: float | None) -> list[str]:
    return ["" if size is None else f"{size:,.0f} B" for size in sizes]
