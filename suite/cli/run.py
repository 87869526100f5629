"""`suite run`: Hydra composes, the harness runs."""

import argparse
import itertools
import os
import sys
import threading
from collections.abc import Sequence

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm  # type: ignore[import-untyped]

from suite import SuiteError
from suite.cli import deploy as deploy_verb
from suite.cli import dry_run, stopping
from suite.cli.console import log, output_console, print_error, set_up_logging
from suite.cli.progress import LineProgress, show_planning, show_progress, sweep_progress
from suite.cli.show import run_view
from suite.config.plan import build_benchmark
from suite.config.presets import apply_preset
from suite.config.sweep import expand, jobs_of, parts
from suite.deploy.deployment import deploy
from suite.deploy.extras import require_extra
from suite.deploy.find_run import FoundRun
from suite.engine import jobs
from suite.records.deployment import read_deployments
from suite.task import interruption
from suite.task.interruption import Interrupted
from suite.task.progress import Progress


@hydra.main(version_base="1.3", config_path="pkg://suite.config.conf", config_name="config")
def _hydra_job(job: DictConfig) -> None:
    set_up_logging()  # a parallel launcher's process starts without, and without a display
    # torch.fx makes bars; their own lock would outlive an interrupted process, noisily
    tqdm.set_lock(threading.RLock())
    if type(jobs.session.progress) is Progress:
        jobs.session.progress = LineProgress()
    if stopping.is_worker():
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
        with stopping.worker_of(root):
            _run_and_deploy(job)
    except Interrupted:
        return
    except SuiteError as error:
        stopping.end_call(root, f"{stopping.ERROR}{error}")
    except jobs.FailFast:
        stopping.end_call(root, stopping.FAIL_FAST)


def _run_and_deploy(job: DictConfig) -> None:
    record = jobs.run_job(_with_extra(job))
    if job.deploy and record is not None and record.status == "done" and not interruption.requested():
        _deploy(job, FoundRun(jobs.store_of(job), record))


def _deploy(job: DictConfig, run: FoundRun) -> None:
    """Deploy a run that has just ended, or was done before and never deployed; what it found stays in any case."""
    if read_deployments(run.store, [run.record.id]):
        log.info("%s: deployed before", run.record.id)
        return
    try:
        benchmark = build_benchmark(apply_preset(job)[0])
        deployed = deploy(run, benchmark, deploy_verb.show_progress, trusted=True)
    except SuiteError as error:
        log.error("not deployed: %s", error)
        return
    memory = f"RAM {deployed.ram.actual:,} B, file {deployed.flash.actual:,} B"
    log.info("int8: %s %.4f (float %.4f), %s", deployed.score_name, deployed.score, deployed.float_score, memory)


def main(arguments: Sequence[str]) -> int:
    """Check the jobs of a call, run them and tell how they ended; the exit code."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)  # what it does not know is Hydra's
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument(stopping.TIMEOUT, type=stopping.parse_timeout, nargs="?", const="")
    own, hydras = parser.parse_known_args(arguments)
    calls = parts(hydras)
    if own.dry_run:
        return dry_run.main(show_planning(itertools.chain.from_iterable(map(jobs_of, calls))))
    if printed := [sweep for call in calls if (sweep := expand(call, cfg="job")) is not None]:
        for config in itertools.chain(*printed):  # each a YAML document
            print("---", OmegaConf.to_yaml(config, resolve=True), sep="\n", end="")
        return 0
    try:
        with stopping.stoppable(own.timeout):
            _run(calls)
    except KeyboardInterrupt as stop:
        if str(stop).startswith(stopping.ERROR):  # a worker's
            print(stop, file=sys.stderr)
        if str(stop) and jobs.session.status_before:
            log.info(jobs.session.summary()[0])
        log.warning("interrupted: what is finished is kept, the same command continues")
        return stopping.exit_code(str(stop))
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
        jobs.announce(show_planning(map(_with_extra, itertools.chain(*sweeps))))
        if not jobs.session.runs_to_do and not jobs.session.count_not_deployed():
            return  # before Hydra writes its own files: the results may be read-only
    with show_progress() as jobs.session.progress, sweep_progress():
        for call in calls:
            if not sweeps:
                sys.argv = ["suite run", *call]
                _hydra_job()
                continue
            with stopping.launching() as override:
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
            console.print(run_view(record, store))
        return
    from suite.report.grouping import report_frame  # takes a second
    from suite.report.tables.console import console_table

    for store in {store.folder: store for store, run in runs if store.read(run) is not None}.values():
        records = store.records()
        deployments = read_deployments(store, [record.id for record in records])
        console.print(console_table(report_frame(records, deployments)))


def _with_extra(job: DictConfig) -> DictConfig:
    """The job, refused before anything is trained if it cannot be deployed and is to be."""
    if job.deploy:
        require_extra("deploy", "deploy=true")
    return job
