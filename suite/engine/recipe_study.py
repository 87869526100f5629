"""Constants of a training recipe, found by Optuna on validation data: `python -m suite.engine.recipe_study --help`.

A trial trains the reference network as a standard training does and is scored on the validation split; the test split
is not looked at. Trials are kept in an SQLite file: a killed study goes on, and several processes may share one.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import optuna
import pandas as pd
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, Trial, TrialState

from suite import SuiteError
from suite.config.plan import Plan, make_plan
from suite.config.sweep import compose_job
from suite.data.files import write_atomic
from suite.engine.allocator import keep_freed_memory
from suite.engine.environment import environment
from suite.engine.harness import make_task
from suite.records.store import Store
from suite.task.meter import Meter
from suite.task.progress import Progress
from suite.task.reference_training import train_reference
from suite.task.splits import load_data
from suite.task.task import Workspace, stream_seed
from suite.task.training import Diverged

SEED = 100
"""The random seed of all trainings of a study: none that a claim is made with."""

TRIALS = "trials.csv"


@dataclass(frozen=True)
class Vary:
    """One constant that a study varies, and what it may be."""

    key: str
    domain: CategoricalDistribution | FloatDistribution

    @classmethod
    def parse(cls, text: str) -> "Vary":
        """From KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=A|B|C.

        Raises:
            argparse.ArgumentTypeError: it is none of these.
        """
        key, _, domain = text.partition("=")
        if "|" in domain:
            return cls(key, CategoricalDistribution(domain.split("|")))
        with suppress(ValueError):
            low, high, *log = domain.split(":")
            if float(low) < float(high) and log in ([], ["log"]):
                return cls(key, FloatDistribution(float(low), float(high), log=bool(log)))
        raise argparse.ArgumentTypeError(f"{text}: expected KEY=LOW:HIGH, KEY=LOW:HIGH:log or KEY=A|B")

    def suggest(self, trial: Trial) -> str:
        """The trial's value as the configuration gets it, numbers with three digits."""
        if isinstance(self.domain, CategoricalDistribution):
            return str(trial.suggest_categorical(self.key, self.domain.choices))
        return f"{trial.suggest_float(self.key, self.domain.low, self.domain.high, log=self.domain.log):.3g}"


class _Pruning(Progress):
    """Ends a trial that Optuna's pruner gives up at the end of an epoch."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial

    def epoch(self, done: float, loss: float, score: float, ratios: Mapping[str, float]) -> None:
        self.trial.report(score, int(done))
        if self.trial.should_prune():
            raise optuna.TrialPruned


@dataclass(frozen=True)
class RecipeStudy:
    """Trials of a recipe.

    overrides: of the configuration, as `suite run` takes them: benchmark, preset, what is changed for all trials.
    varied: the constants, whose values are overrides as well.
    folder: gets `study.db` and `trials.csv`.
    results_dir: where prepared data is kept.
    """

    overrides: Sequence[str]
    varied: Sequence[Vary]
    folder: Path
    results_dir: Path

    def run(self, trials: int) -> pd.DataFrame:
        """Go on until `trials` trials have ended, here or elsewhere; their table, best first.

        Raises:
            SuiteError: the configuration is wrong.
        """
        plan = self._plan([])  # refuses what is wrong before a trial is counted
        self.folder.mkdir(parents=True, exist_ok=True)
        study = self._study(plan.task.recipe.epochs // 2)
        while len(_ended(study)) < trials:
            started = time.monotonic()
            # A sampler that is made anew repeats its first samples unless its seed differs.
            seed = stream_seed("recipe study", SEED, len(study.trials), os.getpid()) % 2**32
            study.sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
            study.optimize(self._objective, n_trials=1, catch=(Diverged,))
            self._write(study)
            best = max((t.value for t in study.trials if t.value is not None), default=float("nan"))
            seconds = time.monotonic() - started
            print(f"{len(_ended(study))}/{trials} trials, best {best:.4f}, {seconds:.0f} s", flush=True)
        return trials_table(study)

    def _study(self, unpruned_epochs: int) -> optuna.Study:
        # At a high rate the scores of the first half of a training say little about its end.
        # The heartbeat tells trials of a process that was killed, which are then counted as failed.
        url = f"sqlite:///{self.folder / 'study.db'}"
        with warnings.catch_warnings(category=ExperimentalWarning, action="ignore"):
            storage = optuna.storages.RDBStorage(url, heartbeat_interval=30, grace_period=120)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=6, n_warmup_steps=unpruned_epochs, n_min_trials=4)
        return optuna.create_study(
            storage=storage, study_name="recipe", load_if_exists=True, direction="maximize", pruner=pruner
        )

    def _objective(self, trial: Trial) -> float:
        """The validation score of a standard training of the reference network."""
        plan = self._plan([f"{vary.key}={vary.suggest(trial)}" for vary in self.varied])
        torch.set_num_threads(max(1, plan.threads))
        data = load_data(plan.benchmark, Store(self.results_dir, "recipes"))
        plan = replace(plan, benchmark=plan.benchmark.fit_preprocessing(data))
        with tempfile.TemporaryDirectory() as folder:
            workspace = Workspace(Path(folder), Store(Path(folder), "study"), checkpoint_seconds=math.inf)
            task = make_task(plan, data, workspace, _Pruning(trial))
            trained = train_reference(task, Meter(task.standard_macs, task.compute), task.recipe.epochs)
        return max(float(row["score"]) for row in trained.history)

    def _plan(self, chosen: Sequence[str]) -> Plan:
        run = [f"seed={SEED}", "method=hand_tuned", f"results_dir={self.results_dir}"]
        return make_plan(compose_job([*self.overrides, *chosen, *run]))

    def _write(self, study: optuna.Study) -> None:
        """The table of trials, and by what command and on which machine they were made."""
        write_atomic(self.folder / TRIALS, trials_table(study).to_csv(index=False, lineterminator="\n").encode())
        plan = self._plan([])
        machine = environment(plan.task.compute, plan.threads, plan.task.recipe.dtype, plan.identity["data"])
        note = {"seeds": [SEED], "recipe": plan.identity["recipe"], **machine}
        write_atomic(self.folder / "study.json", (json.dumps(note, indent=1, sort_keys=True) + "\n").encode())


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """A row a trial that has ended, best first: number, state, score, seconds, constants."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "score": trial.value if trial.state == TrialState.COMPLETE else None,
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            **{key: value if isinstance(value, str) else float(f"{value:.3g}") for key, value in trial.params.items()},
        }
        for trial in _ended(study)
    ]
    return pd.DataFrame(rows).sort_values(["score", "trial"], ascending=[False, True], ignore_index=True)


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m suite.engine.recipe_study", description=__doc__)
    parser.add_argument("overrides", nargs="+", help="as of suite run: benchmark=NAME preset=NAME ...")
    parser.add_argument(
        "--vary", type=Vary.parse, action="append", required=True, metavar="KEY=LOW:HIGH[:log]|A|B",
        help="a constant to vary, such as recipe.warmup.lr=1e-3:1e-2:log or recipe.batch=32|64; may be repeated",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, default=20, help="how many trials in all, earlier ones included")
    parser.add_argument("--out", type=Path, required=True, help="folder of study.db, trials.csv and study.json")
    parser.add_argument("--results-dir", type=Path, default=Path("results"), help="where prepared data is kept")
    args = parser.parse_args(arguments)
    if args.trials < 1:
        parser.error("--trials must be at least 1")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    keep_freed_memory()
    study = RecipeStudy(args.overrides, args.vary, args.out, args.results_dir)
    try:
        print(study.run(args.trials).head(10).to_string(index=False))
    except SuiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
