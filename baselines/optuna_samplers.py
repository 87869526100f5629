"""Optuna's samplers by name, made for a search of a given size."""

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIIISampler, NSGAIISampler, RandomSampler, TPESampler

_SMALLEST_POPULATION, _LARGEST_POPULATION = 4, 50  # 50 is Optuna's default
_STARTUP = 10  # Optuna's default: so many random trials before TPE models anything


def population_size(trials: int) -> int:
    """Individuals in a generation of a search of `trials` trials: their square root, from 4 to 50.

    As many generations as individuals. Optuna's 50 would leave a search of 40 trials in its first, random generation.
    """
    return max(_SMALLEST_POPULATION, min(_LARGEST_POPULATION, math.isqrt(trials)))


def startup_trials(trials: int) -> int:
    """Random trials before a sampler models anything: a quarter of `trials` trials, from 4 to Optuna's 10."""
    return max(_SMALLEST_POPULATION, min(_STARTUP, trials // 4))


SAMPLERS: Mapping[str, Callable[[int, int], BaseSampler]] = {
    "nsga2": lambda trials, seed: NSGAIISampler(population_size=population_size(trials), seed=seed),
    "nsga3": lambda trials, seed: NSGAIIISampler(population_size=population_size(trials), seed=seed),
    "tpe": lambda trials, seed: TPESampler(n_startup_trials=startup_trials(trials), seed=seed),
    "gp": lambda trials, seed: GPSampler(n_startup_trials=startup_trials(trials), seed=seed),
    "random": lambda trials, seed: RandomSampler(seed=seed),
}
"""Name -> function of (number of trials, random seed) that makes a sampler for a search of so many trials."""


def make_sampler(name: str, trials: int, seed: int) -> BaseSampler:
    """Make a sampler, `name` one of SAMPLERS, for a search of about `trials` trials, from a random seed."""
    with quiet():
        return SAMPLERS[name](trials, seed % 2**32)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Optuna's messages on every new study and its warnings that NSGA-III is experimental."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
