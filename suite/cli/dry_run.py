"""`suite run --dry-run`: what a call would do, what it lacks and how long it takes; nothing is trained or planned."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from omegaconf import DictConfig
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from suite import SuiteError
from suite.cli.console import output_console, print_error
from suite.config.plan import Plan, make_plan
from suite.engine.estimate import Estimate
from suite.engine.jobs import has_ended, store_of
from suite.records.labels import method_label
from suite.records.status import counted
from suite.report.tables.text import format_quantity

_COLUMNS = ("benchmark", "preset", "device", "method", "budget", "limits")
"""What runs of a row have in common; limits are in absolute numbers: "26.4 kB + 3.42 MMAC"."""


@dataclass
class _Jobs:
    """What a call would do: random seeds, and how many runs are left, by all that `_COLUMNS` name; why it cannot."""

    seeds: defaultdict[tuple[str, ...], list[int]] = field(default_factory=lambda: defaultdict(list))
    left: Counter[tuple[str, ...]] = field(default_factory=Counter)
    ids: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    estimate: Estimate = field(default_factory=Estimate)
    notes: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def add(self, config: DictConfig) -> None:
        try:
            plan = make_plan(config)
            if plan.id in self.ids:  # named by two calls, run once
                return
            self.ids.add(plan.id)
            self._add(config, plan)
        except SuiteError as error:
            self.errors[str(error)] += 1
        self.runs += 1

    def _add(self, config: DictConfig, plan: Plan) -> None:
        store, hardware = store_of(config), plan.task.hardware
        method = method_label(plan.method.name, plan.variant)
        limits = " + ".join(format_quantity(c.target, hardware.units[c.metric]) for c in plan.budget) or "none"
        key = (plan.benchmark.name, plan.preset, hardware.device.name, method, plan.budget.label, limits)
        self.seeds[key].append(plan.task.seed)
        if has_ended(store.read(plan.id), config):
            return
        if note := _note_on_data(plan):
            self.notes[plan.benchmark.name] = note
        else:
            self.estimate.add(plan, store)
        self.left[key] += 1


def main(configs: Iterable[DictConfig]) -> int:
    """Print the jobs, and why those cannot run that cannot; the exit code, 2 where there is such a one."""
    jobs = _Jobs()
    for config in configs:
        jobs.add(config)
    console = output_console()
    if jobs.seeds:
        _print_table(console, jobs)
    for error, count in jobs.errors.items():
        print_error(SuiteError(f"{error} ({count} of {jobs.runs} runs)" if jobs.runs > 1 else error))
    return 2 if jobs.errors else 0


def _print_table(console: Console, jobs: _Jobs) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in (*_COLUMNS, "seeds", "to do"):
        table.add_column(column, overflow="fold")
    for key, seeds in jobs.seeds.items():
        table.add_row(*map(Text, (*key, _seeds(seeds), str(jobs.left[key]))))
    console.print(table)
    trainings = counted(round(jobs.estimate.trainings), "standard training")
    left = f"; {jobs.estimate}, {trainings}" if jobs.estimate.core_seconds else ""
    console.print(Text(f"{counted(jobs.runs, 'run')} planned, {jobs.left.total()} left to do{left}"))
    for benchmark, note in jobs.notes.items():
        console.print(Text(f"{benchmark}: {note}; its time is unknown until then"))


def _note_on_data(plan: Plan) -> str:
    """What a run would first have to download or prepare, which a dry run does not; nothing where all is there."""
    facts = plan.benchmark.source().describe()
    size, location = facts.get("size", ""), facts.get("location", "")
    if facts.get("present") == "archive":
        return f"the first run prepares its data from {location}"
    return f"the first run downloads its data, {size}, from {location}" if facts.get("present") == "no" else ""


def _seeds(seeds: list[int]) -> str:
    """ "0 to 4", or the seeds one by one where some are left out."""
    first, last = min(seeds), max(seeds)
    gapless = sorted(seeds) == list(range(first, last + 1))
    return f"{first} to {last}" if gapless and last > first else ", ".join(map(str, sorted(seeds)))
