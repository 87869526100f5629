"""What `suite run` does with composed configurations: check them all, say what is left, run them one by one."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from suite import SuiteError
from suite.config.plan import Plan, make_plan
from suite.data.files import write_atomic
from suite.engine.environment import code_state
from suite.engine.estimate import Estimate
from suite.engine.harness import RunningElsewhere, execute
from suite.engine.preflight import absent_classes_notes, budget_notes
from suite.records.claims import living_claim, read_claim
from suite.records.deployment import read_deployments
from suite.records.labels import method_label
from suite.records.plan_note import PLAN_NOTE, PlanNote
from suite.records.record import RunRecord
from suite.records.status import counted
from suite.records.store import Store, check_experiment_name
from suite.records.verdict import describe_fit
from suite.task import interruption
from suite.task.interruption import Interrupted
from suite.task.progress import Progress
from suite.task.splits import load_data

log = logging.getLogger(__name__)


class FailFast(SystemExit):
    """A run failed, and with `fail_fast` the call ends."""


@dataclass
class Session:
    """One call of `suite run`: its progress display, its runs and how each stood before."""

    progress: Progress = field(default_factory=Progress)
    status_before: dict[str, tuple[Store, str | None]] = field(default_factory=dict)
    runs_to_do: int = 0
    runs_ended: int = 0
    to_deploy: set[str] = field(default_factory=set)
    notes: set[str] = field(default_factory=set)
    seconds: float = 0.0
    has_workers: bool = False

    @property
    def roots(self) -> list[Path]:
        """The folders of results that this call's runs write to."""
        return list(dict.fromkeys(store.root for store, _ in self.status_before.values()))

    def count_running(self) -> int:
        """How many of this call's runs living processes work on."""
        return sum(living_claim(store.run_folder(run)) is not None for run, (store, _) in self.status_before.items())

    @property
    def position(self) -> str:
        """ "[3/24] " for the third of the 24 runs that this call has left to do; nothing where there is one."""
        return f"[{self.runs_ended + 1}/{self.runs_to_do}] " if self.runs_to_do > 1 else ""

    @property
    def time_left(self) -> str:
        """The rest of a sweep at its mean pace so far."""
        if self.runs_ended >= self.runs_to_do:
            return ""
        minutes = self.seconds / self.runs_ended * (self.runs_to_do - self.runs_ended) / 60
        return f"; about {minutes:.0f} min left" if minutes >= 1 else "; less than a minute left"

    def register(self, store: Store, plan: Plan, *, deploy: bool) -> RunRecord | None:
        """Remember a run of this call and how it stands; its record if it has ended."""
        record = store.read_or_set_aside(plan.id)
        if deploy:
            self.to_deploy.add(plan.id)
        self.status_before.setdefault(plan.id, (store, record.status if record else None))
        return record

    def count_ended(self) -> int:
        """How many of the runs that this call had to do have ended, here or in other processes."""
        runs = [*self.status_before.items()]  # another thread may add some
        records = [(store.read(run), before) for run, (store, before) in runs if before != "done"]
        return sum(record is not None and record.status != before for record, before in records)

    def summary(self) -> tuple[str, int]:
        """A line on how the call ended, read from the records, and how many of its runs are failed, or done but not
        deployed as asked.
        """
        counts = dict.fromkeys(("run now", "already done", "failed", "interrupted", "not run"), 0)
        for run_id, (store, status) in self.status_before.items():
            record = store.read(run_id)
            if record is None:
                folder = store.run_folder(run_id)
                counts["interrupted" if read_claim(folder) and not living_claim(folder) else "not run"] += 1
            elif record.status != "done":
                counts["failed"] += 1
            else:
                counts["already done" if status == "done" else "run now"] += 1
        counts["not deployed"] = self.count_not_deployed()
        parts = [f"{count} {name}" for name, count in counts.items() if count]
        nothing = "; nothing was trained" if counts["already done"] == len(self.status_before) else ""
        retry = "; retry_failed=true runs the failed ones again" if counts["failed"] else ""
        line = f"{counted(len(self.status_before), 'run')}: {', '.join(parts)}{nothing}{retry}"
        return line, counts["failed"] + counts["not deployed"]

    def count_not_deployed(self) -> int:
        """How many of this call's finished runs are to be deployed and are not."""
        stores = {run: store for run, (store, _) in self.status_before.items() if run in self.to_deploy}
        done = {run: store for run, store in stores.items() if (record := store.read(run)) and record.status == "done"}
        return sum(run not in read_deployments(store, [run]) for run, store in done.items())


session = Session()


def store_of(config: DictConfig) -> Store:
    """The experiment's store.

    Raises:
        SuiteError: the experiment's name is not a plain folder name.
    """
    check_experiment_name(config.name, "name")
    return Store(Path(config.results_dir).expanduser(), config.name)


def announce(configs: Iterable[DictConfig]) -> None:
    """Check all jobs of a sweep before the first one trains, and say how many are left.

    Raises:
        SuiteError: the first job that cannot work.
    """
    planned: set[tuple[str, str]] = set()
    claims: set[tuple[str, str]] = set()
    estimate = Estimate()
    for config in configs:
        _check_clean(config)
        store, plan = store_of(config), make_plan(config)
        planned.add((method_label(plan.method.name, plan.variant), plan.budget.label))
        claims.add((plan.headline.get("candidate", ""), plan.headline.get("budget", "")))
        if plan.id in session.status_before:
            continue
        if has_ended(session.register(store, plan, deploy=config.deploy), config):
            continue
        store.check_writable()
        _write_plan_note(store, plan)
        session.runs_to_do += 1
        estimate.add(plan, store)
    _check_claims(claims, planned)
    left = f"; {estimate}" if session.runs_to_do else ""
    log.info("%s planned, %d left to do%s", counted(len(session.status_before), "run"), session.runs_to_do, left)


def _check_clean(config: DictConfig) -> None:
    """Refuse a job that asks for committed code where it was changed; code without git is that of a release.

    Raises:
        SuiteError: the tree has uncommitted changes.
    """
    code = code_state()
    if config.clean_tree and code["clean"] is False:
        raise SuiteError(
            f"clean_tree=true: suite/, baselines/ or pyproject.toml differ from commit {code['commit'][:7]}. "
            "Commit first, or clean_tree=false"
        )


def _check_claims(claims: set[tuple[str, str]], planned: set[tuple[str, str]]) -> None:
    """Refuse a headline that no run can have; one that other calls' runs may have is a warning.

    Args:
        claims: candidate and budget of the headline, "" where they are not named.
        planned: method and budget of each run of this call, as tables write them.

    Raises:
        SuiteError: a budget without a candidate, or none of several methods is the candidate.
    """
    methods, budgets = ({part[i] for part in planned} for i in (0, 1))
    for candidate, budget in sorted(claims):
        if budget and not candidate:
            raise SuiteError(f"headline.budget={budget}: headline.candidate must name the method that is meant")
        if not candidate or any(candidate == method and budget in ("", label) for method, label in planned):
            continue
        text = f"headline.candidate={candidate}" + (f", headline.budget={budget}" if budget else "")
        if len(methods) > 1 and len(budgets) > 1:
            choices = f"methods: {', '.join(sorted(methods))}; budgets: {', '.join(sorted(budgets))}"
            raise SuiteError(f"{text}: none of the runs. Choices of {choices}")
        log.warning("%s: none of these runs", text)


def run_job(config: DictConfig) -> RunRecord | None:
    """Do one job, unless it has ended before, and log how it ended.

    Returns the job's record, None where it was left to another process, which is doing it, or to a later call, since
    this process was asked to stop.

    Raises:
        SuiteError: the configuration cannot work, its data is unusable, or it wants committed code.
        FailFast: it failed, and `fail_fast`.
    """
    _check_clean(config)
    store, plan = store_of(config), make_plan(config)
    ended = session.register(store, plan, deploy=config.deploy)
    if has_ended(ended, config):
        return ended
    store.check_writable()
    _write_plan_note(store, plan)
    if interruption.requested():
        return None
    notes = [*budget_notes(plan), *absent_classes_notes(plan, load_data(plan.benchmark, store))]
    for note in set(notes) - session.notes:
        log.info("%s", note)
        session.notes.add(note)
    session.progress.begin_run(session.position + plan.label)
    start = time.monotonic()
    try:
        record = execute(plan, store, session.progress, config.checkpoint_seconds)
    except RunningElsewhere as other:
        log.info("%s: left to %s", plan.label, other)
        session.runs_ended += 1
        return None
    except Interrupted as stop:
        log.info("%s: interrupted (%s), its checkpoint is kept", plan.label, stop)
        return None
    position = session.position
    session.runs_ended += 1
    session.seconds += time.monotonic() - start
    if record.status == "done":
        _log_result(record, position + plan.label)
    elif config.fail_fast:
        raise FailFast(1)
    return record


def _log_result(record: RunRecord, label: str) -> None:
    extrapolated = f", latency extrapolated ({'; '.join(record.extrapolated)})" if record.extrapolated else ""
    log.info(
        "%s: %s %.4f (float), %s%s, %.2f standard trainings, %.0f s%s",
        label,
        record.score_name,
        record.scores["test"],
        describe_fit(record),
        extrapolated,
        record.meter["standard_trainings"]["total"],
        record.meter["total"]["wall_s"],
        session.time_left,
    )


def has_ended(record: RunRecord | None, config: DictConfig) -> bool:
    """Whether a run is done, or has failed and is not to be tried again."""
    return record is not None and (record.status == "done" or not config.retry_failed)


def _write_plan_note(store: Store, plan: Plan) -> None:
    """Remember that this run belongs to the experiment, so that `suite status` can name what is missing."""
    if store.read_file(plan.id, PLAN_NOTE) is None:
        task, method, device = plan.task, plan.method.name, plan.task.hardware.device.name
        note = PlanNote(task.name, method, plan.budget.label, task.seed, plan.preset, device, plan.variant)
        write_atomic(store.run_folder(plan.id) / PLAN_NOTE, note.to_json())
