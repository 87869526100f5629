"""`suite run`: Hydra composes, the harness runs."""

import itertools
import logging
import sys
from collections.abc import Sequence

import hydra
from omegaconf import DictConfig

from suite import SuiteError
from suite.cli.console import print_error, set_up_logging
from suite.cli.progress import show_progress
from suite.config.sweep import expand, parts
from suite.engine import jobs

log = logging.getLogger("suite")


@hydra.main(version_base="1.3", config_path="pkg://suite.config.conf", config_name="config")
def _hydra_job(job: DictConfig) -> None:
    set_up_logging()  # a parallel launcher's process starts without
    try:
        jobs.run_job(job)
    except SuiteError as error:
        print_error(error)
        raise SystemExit(2) from error


def main(arguments: Sequence[str]) -> int:
    """Check the jobs of a call, run them and tell how they ended; the exit code."""
    calls = parts(arguments)
    try:
        with show_progress() as progress:
            jobs.session = jobs.Session(progress)
            if sweeps := [sweep for call in calls if (sweep := expand(call)) is not None]:
                jobs.announce(itertools.chain(*sweeps))
            for call in calls:
                sys.argv = ["suite run", *call]
                _hydra_job()
    except KeyboardInterrupt:
        log.warning("interrupted: what is finished is kept, the same command continues")
        return 130
    except SystemExit as stop:
        # 1 is Hydra's code for a configuration that it refuses, and ours for fail_fast; the rest passes.
        return 1 if jobs.session.summary()[1] else 2 if stop.code else 0
    if not jobs.session.status_before:  # --help, --cfg and the like
        return 0
    summary, failed = jobs.session.summary()
    log.info(summary)
    return 1 if failed else 0
