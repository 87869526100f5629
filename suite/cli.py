"""The command line: `suite VERB ...`. Exit codes: 0 all well, 1 runs or checks failed, 2 bad input."""

import argparse
import itertools
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from omegaconf import DictConfig
from rich.console import Console
from rich.logging import RichHandler

from suite import __version__, jobs
from suite.errors import SuiteError
from suite.progress import show_progress
from suite.store import Store
from suite.sweep import expand, parts

log = logging.getLogger("suite")


@hydra.main(version_base="1.3", config_path="pkg://suite.conf", config_name="config")
def _hydra_job(job: DictConfig) -> None:
    _set_up_logging()  # a parallel launcher's process starts without
    try:
        jobs.run_job(job)
    except SuiteError as error:
        _complain(error)
        raise SystemExit(2) from error


def run(arguments: Sequence[str]) -> int:
    """`suite run`: Hydra composes, the harness runs."""
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
        return 1 if jobs.session.outcome()[1] else 2 if stop.code else 0
    if not jobs.session.before:  # --help, --cfg and the like
        return 0
    summary, failed = jobs.session.outcome()
    log.info(summary)
    return 1 if failed else 0


def report(arguments: Sequence[str]) -> int:
    """`suite report`: tables, figures and page from records alone."""
    from suite.report.build import build_report, console_table
    from suite.report.frame import frame

    parser = _parser("report", "Write tables, figures and one HTML page from an experiment's records.")
    _experiment_arguments(parser)
    options = parser.parse_args(arguments)
    store = _existing_store(options)
    page = build_report(store)
    Console(width=None if sys.stdout.isatty() else 140).print(console_table(frame(store.records())))
    print(f"page: {page}")
    return 0


def status(arguments: Sequence[str]) -> int:
    """`suite status`: what an experiment has done and what is missing."""
    from suite.status import status_table

    parser = _parser("status", "List an experiment's runs: done, failed, running, missing.")
    _experiment_arguments(parser)
    options = parser.parse_args(arguments)
    Console(width=None if sys.stdout.isatty() else 140).print(status_table(_existing_store(options)))
    return 0


def list_(arguments: Sequence[str]) -> int:
    """`suite list`: the choices of each group."""
    from suite.catalogue import catalogue_table

    parser = _parser("list", "List benchmarks, methods, devices, presets and experiments.")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own")
    options = parser.parse_args(arguments)
    Console(width=None if sys.stdout.isatty() else 140).print(catalogue_table(options.config_dir))
    return 0


def data(arguments: Sequence[str]) -> int:
    """`suite data`: where each benchmark's data is; prepare or verify it."""
    from suite.data_verbs import main

    return main(_parser("data", "Show each benchmark's data: present or not, where, licence, size."), arguments)


def check(arguments: Sequence[str]) -> int:
    """`suite check`: the contract tests over every method, benchmark and device."""
    from suite.check import run_checks

    parser = _parser("check", "Run the contract tests over every method, benchmark and device, on tiny data.")
    parser.add_argument("--config-dir", type=Path, help="a folder with YAML files of your own, checked as well")
    parser.add_argument("only", nargs="*", help="names to check, all by default")
    options = parser.parse_args(arguments)
    results = run_checks(options.config_dir, options.only)
    console = Console(width=None if sys.stdout.isatty() else 140)
    for result in results:
        console.print(result.line, highlight=False, markup=False)
    failed = sum(result.outcome == "FAIL" for result in results)
    print(f"{len(results)} checks, {failed} failed")
    return 1 if failed else 0


VERBS: dict[str, tuple[Callable[[Sequence[str]], int], str]] = {
    "run": (run, "search networks and record them (suite run --help)"),
    "status": (status, "what an experiment has done and what is missing"),
    "report": (report, "tables, figures and a page from records"),
    "list": (list_, "benchmarks, methods, devices, presets, experiments"),
    "data": (data, "where each benchmark's data is; prepare or verify it"),
    "check": (check, "contract tests over all of them, yours included"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Dispatch to a verb; bad input ends with its message and code 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if "" not in sys.path:  # modules beside the user's YAML files can be named, as with `python -m suite`
        sys.path.insert(0, "")
    _set_up_logging()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if arguments[0] == "--version":
        print(f"suite {__version__}")
        return 0
    if arguments[0] not in VERBS:
        _complain(SuiteError(f"suite {arguments[0]}: no such verb. Choices: {', '.join(VERBS)}"))
        return 2
    try:
        return VERBS[arguments[0]][0](arguments[1:])
    except SuiteError as error:
        _complain(error)
        return 2


def _set_up_logging() -> None:
    """Our lines from INFO, bare, on standard error; where it was done before, nothing changes."""
    logging.basicConfig(
        format="%(message)s",
        handlers=[RichHandler(console=Console(stderr=True), show_path=False, show_level=False, show_time=False)]
        if sys.stderr.isatty()
        else None,
    )
    log.setLevel(logging.INFO)  # ours alone: libraries speak up at warnings


def _usage() -> str:
    verbs = "\n".join(f"  {name:<8}{text}" for name, (_, text) in VERBS.items())
    return f"usage: suite VERB ...\n\nBenchmarking of hardware-constrained NAS on TinyML tasks.\n\n{verbs}"


def _complain(error: SuiteError) -> None:
    print(f"error: {error}", file=sys.stderr)


def _parser(verb: str, text: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(prog=f"suite {verb}", description=text)


def _experiment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", nargs="?", default="results/default", help="its folder, or name in results/")


def _existing_store(options: argparse.Namespace) -> Store:
    folder = Path(options.experiment)
    if not (folder / "runs").is_dir() and (Path("results") / folder / "runs").is_dir():
        folder = Path("results") / folder
    if not (folder / "runs").is_dir():
        root = folder.parent if folder.parent.is_dir() else Path("results")
        known = sorted(p.parent.name for p in root.glob("*/runs")) if root.is_dir() else []
        raise SuiteError(f"{options.experiment}: no records there. Experiments in {root}: {', '.join(known) or 'none'}")
    return Store(folder.resolve().parent, folder.resolve().name)
