"""`suite show`, and the end of `suite run`: a finished run, the network it found, whether it fits, what to do next."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from suite.cli.console import output_console, run_parser
from suite.deploy.find_run import find_run
from suite.records.deployment import Deployed, read_deployments
from suite.records.labels import run_label
from suite.records.record import RunRecord
from suite.records.status import readable_duration
from suite.records.store import Store
from suite.records.verdict import Board, describe_fit
from suite.report.figures.run_files import read_architecture
from suite.report.tables.text import format_percent, format_quantity


def main(arguments: Sequence[str]) -> int:
    """Print one run."""
    parser = run_parser("show", "Show a finished run: score, costs against limits, widths, and what to do next.")
    options = parser.parse_args(arguments)
    store, record = find_run(options.run, options.results_dir, best=options.best)
    output_console().print(run_view(record, store))
    return 0


_BAR = 20
"""Characters of a bar that is full."""

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def run_view(record: RunRecord, store: Store) -> RenderableType:
    """The run's label, score and verdict; costs against limits; widths beside the reference network's; what is next."""
    deployed = read_deployments(store, [record.id]).get(record.id)
    int8 = f", {deployed.score:.4f} (int8)" if deployed else ""
    label = run_label(record.benchmark, record.method, record.variant, record.budget, record.seed)
    parts: list[RenderableType] = [
        Text(f"{label} | {record.preset}", style="bold"),
        Text(f"{record.score_name} {record.scores.get('test', math.nan):.4f} (float){int8}; {describe_fit(record)}"),
        _costs(record),
    ]
    if dict(record.widths) != dict(record.reference_widths):
        parts.append(_widths(_in_order(record, store), record.reference_widths))
    elif record.widths:
        parts.append(Text("the reference network, at its own widths\n"))
    return Group(*parts, *map(Text, _next_steps(record, store, deployed)))


def _costs(record: RunRecord) -> Table:
    """Each cost beside its limit, the budget's or the board's, the limited ones first."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("cost")
    for column in ("network", "limit"):
        table.add_column(column, justify="right")
    table.add_column("used")
    table.add_column("reference", justify="right")
    for metric in sorted(record.costs, key=lambda name: (name not in record.targets, name)):
        unit, cost = record.units.get(metric, ""), record.costs[metric]
        limit = record.targets.get(metric)
        reference = format_quantity(record.reference_costs[metric], unit) if metric in record.reference_costs else ""
        shown = ("", "") if limit is None else (format_quantity(limit, unit), _share(cost / limit))
        table.add_row(metric, format_quantity(cost, unit), *map(Text, shown), reference)
    for memory in Board.of(record.board).memories:
        if memory.needed is not None and memory.limit is not None:
            shown = (format_quantity(memory.limit, "B"), _share(memory.needed / memory.limit))
            table.add_row(f"board's {memory.name}", format_quantity(memory.needed, "B"), *map(Text, shown), "")
    return table


def _in_order(record: RunRecord, store: Store) -> dict[str, int]:
    """The record's widths, which it sorts by name, in the network's order where its architecture tells that."""
    order = (read_architecture(store, record.id) or {}).get("widths", {})
    return {name: record.widths[name] for name in order if name in record.widths} | dict(record.widths)


def _widths(widths: Mapping[str, int], reference: Mapping[str, int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("layer", overflow="fold")
    table.add_column("channels", justify="right")
    table.add_column("of the reference network's")
    for layer, width in widths.items():
        full = reference.get(layer)
        table.add_row(Text(layer), str(width), Text("" if not full else f"{_bar(width / full)} {full}"))
    return table


def _share(share: float) -> str:
    return f"{_bar(share)} {format_percent(100 * share)} %"


def _bar(share: float) -> str:
    """A bar of `_BAR` characters, full at 1."""
    full, eighths = divmod(round(8 * _BAR * min(max(share, 0.0), 1.0)), 8)
    return ("█" * full + _EIGHTHS[eighths]).ljust(_BAR)[:_BAR]


def _next_steps(record: RunRecord, store: Store, deployed: Deployed | None) -> list[str]:
    """What the search cost, where its network lies, and the commands that follow."""
    folder = store.run_folder(record.id)
    trainings = record.meter.get("standard_trainings", {}).get("total")
    seconds = record.meter.get("total", {}).get("wall_s")
    cost = [f"{trainings:.2f} standard trainings"] if trainings is not None else []
    cost += [readable_duration(seconds)] if seconds is not None else []
    weights = folder / "weights.pt"
    in_results = store.root.resolve() == Path("results").resolve()  # where a command takes the name alone
    return [
        f"cost:     {', '.join(cost) or 'unknown'}",
        f"weights:  {weights if weights.is_file() else 'not here: an archive keeps records alone'}",
        f"report:   suite report {store.experiment if in_results else store.folder}",
        *([f"deploy:   suite deploy {record.id}"] if deployed is None and weights.is_file() else []),
    ]
