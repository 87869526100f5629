"""`suite run`: Hydra composes, the harness runs."""

import itertools
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm  # type: ignore[import-untyped]

from suite import SuiteError
from suite.cli import deploy as deploy_verb
from suite.cli import dry_run
from suite.cli.console import output_console, print_error, set_up_logging
from suite.cli.progress import LineProgress, show_planning, show_progress, sweep_progress
from suite.cli.show import run_view
from suite.cli.stopping import (
    ERROR,
    FAIL_FAST,
    end_call,
    exit_code,
    is_worker,
    launching,
    stopping,
    take_timeout,
    worker_of,
)
from suite.config.recorded import benchmark_of_job
from suite.config.sweep import expand, jobs_of, parts
from suite.deploy.deployment import deploy
from suite.deploy.extras import require_extra
from suite.deploy.find_run import FoundRun
from suite.engine import jobs
from suite.records.deployment import read_deployments
from suite.task import interruption
from suite.task.interruption import Interrupted
from suite.task.progress import Progress

log = logging.getLogger("suite")


@hydra.main(version_base="1.3", config_path="pkg://suite.config.conf", config_name="config")
def _hydra_job(job: DictConfig) -> None:
    set_up_logging()  # a parallel launcher's process starts without, and without a display
    tqdm.set_lock(
        threading.RLock()
    )  # torch.fx makes bars; their own lock would outlive an interrupted process, noisily
    if type(jobs.session.progress) is Progress:
        jobs.session.progress = LineProgress()
    if is_worker():
        _work(job)
        return
    jobs.session.has_workers = False
    try:
        _run_and_deploy(job)
    except SuiteError as error:
        print_error(error)
        raise SystemExit(2) from error
    interruption.check()


def _work(job: DictConfig) -> None:
    """Do a run in a launcher's worker. What ends the call, the caller is told in one way, whatever the launcher makes
    of a worker's exceptions.
    """
    os.chdir(HydraConfig.get().runtime.cwd)  # where the call was made: Ray's workers begin elsewhere
    root = jobs.store_of(job).root
    try:
        with worker_of(root):
            _run_and_deploy(job)
    except Interrupted:
        return
    except SuiteError as error:
        end_call(root, f"{ERROR}{error}")
    except jobs.FailFast:
        end_call(root, FAIL_FAST)


def _run_and_deploy(job: DictConfig) -> None:
    if job.deploy:
        require_extra("deploy", "deploy=true")  # known before anything is trained
    record = jobs.run_job(job)
    if job.deploy and record is not None and record.status == "done" and not interruption.requested():
        _deploy(job, FoundRun(jobs.store_of(job), record))


def _deploy(job: DictConfig, run: FoundRun) -> None:
    """Deploy a run that has just ended, or was done before and never deployed; what it found stays in any case."""
    if read_deployments(run.store, [run.record.id]):
        log.info("%s: deployed before", run.record.id)
        return
    try:
        deployed = deploy(run, benchmark_of_job(job), deploy_verb.show_progress, trusted=True)
    except SuiteError as error:
        log.error("not deployed: %s", error)
        return
    log.info(
        "int8: %s %.4f (float %.4f), RAM %s B, file %s B",
        deployed.score_name, deployed.score, deployed.float_score, f"{deployed.ram.actual:,}",
        f"{deployed.flash.actual:,}",
    )  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Check the jobs of a call, run them and tell how they ended; the exit code."""
    arguments, timeout_s = take_timeout(arguments)
    dry = dry_run.DRY_RUN in arguments
    calls = parts([argument for argument in arguments if argument != dry_run.DRY_RUN])
    if dry:
        return dry_run.main(show_planning(itertools.chain.from_iterable(map(jobs_of, calls))))
    if printed := [sweep for call in calls if (sweep := expand(call, cfg="job")) is not None]:
        _print_jobs(itertools.chain(*printed))
        return 0
    try:
        with stopping(timeout_s):
            _run(calls)
    except KeyboardInterrupt as stop:
        if str(stop).startswith(ERROR):  # a worker's
            print(stop, file=sys.stderr)
        if str(stop) and jobs.session.status_before:
            log.info(jobs.session.summary()[0])
        log.warning("interrupted: what is finished is kept, the same command continues")
        return exit_code(str(stop))
    except SystemExit as stop:
        if stop.code and jobs.session.has_workers:
            log.info(jobs.session.summary()[0])
            log.warning("a worker was lost: what is finished is kept, the same command continues")
        # 1 is Hydra's code for a configuration that it refuses, and ours for fail_fast; the rest passes.
        return 1 if jobs.session.summary()[1] else 2 if stop.code else 0
    if not jobs.session.status_before:  # --help, --cfg and the like
        return 0
    _print_results()
    summary, failed = jobs.session.summary()
    log.info(summary)
    return 1 if failed else 0


def _run(calls: Sequence[Sequence[str]]) -> None:
    jobs.session = jobs.Session(Progress())
    sweeps = [sweep for call in calls if (sweep := expand(call)) is not None]
    if sweeps:
        jobs.announce(show_planning(_with_extras(itertools.chain(*sweeps))))
        if not jobs.session.runs_to_do and not jobs.session.count_not_deployed():
            return  # before Hydra writes its own files: the results may be read-only
    with show_progress() as jobs.session.progress, sweep_progress():
        for call in calls:
            if not sweeps:
                sys.argv = ["suite run", *call]
                _hydra_job()
                continue
            with launching() as override:
                first = next((i for i, a in enumerate(call) if "=" in a and a[0] != "-"), len(call))
                sys.argv = ["suite run", *call[:first], override, *call[first:]]  # beside others, not behind an option
                _hydra_job()


def _print_results() -> None:
    """The answer: a single run with its network, of a sweep each experiment's main table."""
    runs = [(store, run) for run, (store, _) in jobs.session.status_before.items()]
    console = output_console()
    if len(runs) == 1:
        ((store, run),) = runs
        record = store.read(run)
        if record is not None and record.status == "done":
            console.print(run_view(record, store, read_deployments(store, [run]).get(run)))
        return
    from suite.report.grouping import report_frame  # takes a second
    from suite.report.tables.console import console_table

    for store in {store.folder: store for store, run in runs if store.read(run) is not None}.values():
        records = store.records()
        deployments = read_deployments(store, [record.id for record in records])
        console.print(console_table(report_frame(records, deployments)))


def _print_jobs(configs: Iterable[DictConfig]) -> None:
    """Print each job's configuration, a YAML document a job, its interpolations resolved."""
    for config in configs:
        print("---")
        print(OmegaConf.to_yaml(config, resolve=True), end="")


def _with_extras(configs: Iterable[DictConfig]) -> Iterator[DictConfig]:
    """The jobs; one that cannot be deployed is refused before it is announced."""
    for config in configs:
        if config.deploy:
            require_extra("deploy", "deploy=true")
        yield config
