"""`suite status`: what an experiment has done and what is missing."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from suite.cli.console import add_words_argument, check_choices, existing_store, experiment_parser, log, output_console
from suite.records.status import STATES, RunState, forget_plans, readable_duration, run_states, seconds_left, totals
from suite.records.store import Store


def main(arguments: Sequence[str]) -> int:
    """Print how each run of an experiment stands."""
    parser = experiment_parser("status", "List an experiment's runs: done, running, failed, missing, unreadable.")
    add_words_argument(parser, "--only", "STATE", "runs in these states")
    parser.add_argument("--forget", action="store_true", help="remove the plans of runs that never began")
    options = parser.parse_args(arguments)
    console, store = output_console(), existing_store(options.experiment)
    if options.forget:
        log.info("plans removed: %d", forget_plans(store))
    console.print(status_view(store, options.only))
    return 0


def status_view(store: Store, only: Sequence[str] = ()) -> RenderableType:
    """The experiment's runs, those in the states `only` if any are named.

    Raises:
        SuiteError: `only` has a word that is no state.
    """
    check_choices("--only", only, STATES)
    states = run_states(store)
    left = seconds_left(states)
    shown = [s for s in states if not only or s.state in only]
    notes = {s.id: _note_with_time_left(s, left) for s in shown}
    title = Text(f"experiment {store.experiment}", style="bold")
    return Group(title, _table(shown, notes), Text(totals(states, left)))


def _note_with_time_left(state: RunState, left: Mapping[str, float]) -> str:
    known = state.state == "running" and state.id in left
    time_left = f"about {readable_duration(left[state.id])} left" if known else ""
    return ", ".join(filter(None, (state.note, time_left, state.owner)))


def _table(states: Sequence[RunState], notes: Mapping[str, str]) -> Table:
    several = len({(state.plan.preset, state.plan.device) for state in states}) > 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("id", "run", *(("preset", "device") if several else ()), "state", ""):
        table.add_column(column, no_wrap=column in ("id", "state"), overflow="fold")
    for state in states:
        setting = (state.plan.preset, state.plan.device) if several else ()
        cells = (state.id, state.plan.label, *setting, state.state, notes[state.id])
        table.add_row(*map(Text, cells))  # plain: "[projection=none]" is a name, not markup
    return table
