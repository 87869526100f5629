"""What is said of each table: its title, what it shows, and how little few seeds can prove."""

from typing import NamedTuple

import pandas as pd

from suite.report.grouping import base_preset
from suite.report.statistics.intervals import FEWEST_PAIRS
from suite.report.statistics.noninferiority import MARGIN
from suite.report.statistics.training_lengths import LEAST_PERCENT, LEAST_POINTS
from suite.report.tables.extrapolation import extrapolation_note
from suite.report.tables.headline import EXPLORATORY
from suite.report.tables.hypervolume import FEWEST_BUDGETS

_ABOUT_FLOAT = "All scores are of float networks, before their conversion to int8."
_ABOUT_SEEDS = (
    "Bounds over seeds are Student's t interval of the mean at 95 %: wide for three seeds, and none for a single one "
    "or where all agree. They may end above 1 or below 0: too few seeds, not a better network."
)
_ABOUT_FEW_FITS = (
    "Runs that fit are counted of those that finished: three of three do not exclude, at 5 %, that 63 % of all runs "
    "would not fit, and five of five, 45 %."
)
_ABOUT_BOUNDS = (
    "Bounds are one-sided, of the mean difference to the reference network over paired seeds, for new seeds (Student's "
    "t) and new test examples. Nothing is said of single trained networks."
)
_ABOUT_VERDICT = (
    f"Shown: the lower bound is above -{100 * MARGIN:g} point, so that the score of the candidate that was named "
    f"before the runs is lower by less. Refuted: the upper bound is below -{100 * MARGIN:g} point. Undecided: neither.",
    f"With fewer than {FEWEST_PAIRS} paired seeds, or where runs are missing or do not name the candidate, nothing is "
    "claimed; a candidate that misses its budget in a run is never shown.",
    "Bounds of a single candidate are at 95 %. Several candidates of one benchmark, preset and device are corrected "
    "for by Holm's procedure: each bound has the error at which the procedure compares that candidate, so that bound "
    "and verdict agree. Verdicts of several benchmarks are not corrected for each other.",
)
_ABOUT_EXPLORATORY = (
    "Exploratory: for each cost the largest reduction among rows that fit in every run and lose less than "
    f"{100 * MARGIN:g} point on average. The largest of many is large by chance as well. Bounds are at 5 % over the "
    "number of rows compared."
)
_ABOUT_POWER = "Power: how often, with as many seeds and this spread, a true difference of 0 would be shown."
_ABOUT_HOLM = (
    "Two methods are different where p of the two-sided paired t test over seeds, with Holm's correction for the {}, "
    f"is below 5 %; all others may be equal or not. With fewer than {FEWEST_PAIRS} paired seeds nothing "
    "is called different."
)
_ABOUT_IMPROVEMENT = "Chance to be better: the share of all pairs of runs in which the row's method is better."
_ABOUT_COSTS = (
    "Costs of runs are in standard trainings of the reference network (MACs x samples), in epochs (passes over the "
    "training data) and in seconds. Equal MACs charge a network for using the latency that it was allowed, equal "
    "epochs do not, and seconds are those of the machine and of whatever else ran there."
)
_ABOUT_PAIRS = (
    "Differences are means over paired seeds, in points, positive where the method is better. " + _ABOUT_FLOAT
)

_ABOUT_CONVERGENCE = (
    "Gains are means over paired seeds on validation data, in points, or in % of the error where networks are chosen "
    "by their reconstruction error. Double is one epoch more or less where the longer length is odd.",
    f"Converged: doubling gains less than {LEAST_POINTS:g} points or less than the gain's standard error, whichever is "
    f"larger, or lowers the reconstruction error by less than {LEAST_PERCENT:g} %, over at least {FEWEST_PAIRS} paired "
    "seeds. Shortest: of the lengths that ran with this recipe and are converged.",
    "The paper's: the same network trained with preset=paper; of several such trainings the one with the preset as it "
    "is, then the longest. Scores by seed are in the order of all seeds of the benchmark.",
)
_ABOUT_INT8 = (
    "Float scores are of networks as they were trained. Int8 scores are of the converted networks of the runs that "
    "were deployed, on the same test split in TensorFlow Lite's reference interpreter."
)
_ABOUT_FIT = (
    "Fits budget: every exact cost is within its target. Fits board: the arena and the network's file, without the "
    "program, are within the board's RAM and flash; unknown where the device's file does not say what the board has."
)
_ABOUT_TARGET = (
    "MLPerf Tiny's target is for the benchmark; the mean score of a row is at or above it or not, whether or not the "
    "networks fit. A mean at the target does not show that the method reaches it: see the bounds."
)
_ABOUT_PAPER = (
    "Score: mean over seeds, with half the width of its 95 % interval (Student's t); bold: the best mean of those rows "
    "of a budget of which every run fits. Fits: runs within the budget, of those that finished; in parentheses those "
    "that fit the board, where some do not. Limits: mean use of each, in the order in which the budget names them. "
    "Cost: of a run, in standard trainings of the reference network."
)

DEVELOPMENT_PRESETS = ("smoke", "brief", "short")
"""Presets whose trainings were never shown to be converged."""

_ABOUT_DEVELOPMENT = (
    "Development: trainings at preset {} were not shown to be converged; longer ones may rank methods otherwise."
)
_ABOUT_ENERGY = "Energy is the board's power x latency, not measured."


class TableKind(NamedTuple):
    """A table's `title` and what it is `about`, on the page, and the lines `below` it in every format.

    conclusive: whether one would conclude something about methods or recipes from it.
    """

    title: str
    about: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    conclusive: bool = True


TABLES: dict[str, TableKind] = {
    "main": TableKind(
        "Results",
        (
            "Scores are means over seeds on the test split, which each run reads once for the float network.",
            "Costs are means in % of the reference network's; in parentheses in % of the target.",
            "The largest violation is that of the returned networks. The search violation is that of the networks at "
            "the last search epoch, before any choice of checkpoint or repair; methods without such an epoch have "
            "none.",
            "Methods that fit most often come first, then by score. Press a heading to sort the methods of a budget.",
        ),
        (_ABOUT_INT8, _ABOUT_FIT, _ABOUT_FEW_FITS, _ABOUT_SEEDS, _ABOUT_COSTS),
    ),
    "headline": TableKind(
        "Headline",
        (
            "What the method that was named before the runs saves against the reference network, and whether its score "
            "is shown not to suffer.",
        ),
        (_ABOUT_FLOAT, _ABOUT_BOUNDS),
    ),
    "convergence": TableKind(
        "Length of training",
        (
            "Trainings of the reference network that differ in preset or number of epochs: whether twice the epochs "
            "would gain anything on validation data, and how the test score compares with the paper's training.",
        ),
        (*_ABOUT_CONVERGENCE, _ABOUT_FLOAT, _ABOUT_SEEDS),
    ),
    "ablation": TableKind(
        "Ablation",
        ("Each changed setting against the method as it is.",),
        (
            *(_ABOUT_PAIRS, _ABOUT_FIT, _ABOUT_SEEDS),
            *(_ABOUT_HOLM.format("variants at the same budget"), _ABOUT_COSTS),
        ),
    ),
    "pairs": TableKind(
        "Methods in pairs",
        (
            "Each method against DUCCIO with the same projection at the same budget: duccio_projected where it is "
            "refill, duccio where it is none. Where that did not run, and for methods that have no such option, "
            "against duccio_projected, or duccio where that did not run.",
        ),
        (
            *(_ABOUT_PAIRS, _ABOUT_SEEDS, _ABOUT_HOLM.format("methods at the same budget"), _ABOUT_IMPROVEMENT),
            "Mind the runs that do not fit: a larger network is easily better.",
        ),
    ),
    "noninferiority": TableKind(
        "Non-inferiority",
        ("Every method at every budget against the unconstrained reference network.",),
        (
            _ABOUT_FLOAT,
            _ABOUT_BOUNDS,
            f"Holm's p is that of a score that is not lower by {100 * MARGIN:g} point or more, corrected for all rows "
            "of the same benchmark, preset and device. The bounds are at 95 % and not corrected.",
        ),
    ),
    "hypervolume": TableKind(
        "Hypervolume",
        (
            "How much of the space between chance and a perfect score, and between the reference network's cost and "
            "nothing, the runs that fit dominate.",
        ),
        (
            "Axes are the score, from the benchmark's chance score up, and each budgeted cost over the reference "
            "network's, from 1 down; runs that violate their budget count as nothing. Only fronts of at least "
            f"{FEWEST_BUDGETS} budgets with the same metrics are listed.",
            _ABOUT_FLOAT,
            _ABOUT_SEEDS,
        ),
    ),
    "cost": TableKind(
        "Search cost",
        (
            "In full: as if each run had been the only one. Amortised: what runs share, such as a warm-up, is divided "
            "among the runs of this report that used it. The phases split the full cost.",
        ),
        ("Means over finished runs.", _ABOUT_COSTS),
        conclusive=False,
    ),
    "scores": TableKind(
        "Other test scores",
        ("Further scores from the same single reading of the test split. Networks are chosen on validation data.",),
        (_ABOUT_SEEDS,),
        conclusive=False,
    ),
    "published": TableKind(
        "Ours beside published numbers",
        (
            "Published numbers are quoted, not measured again: data, recipe, length and number of seeds differ from "
            "ours, so a difference in score between the two kinds of rows says little about the methods.",
            "Primary: the authors' own text, code or files. Secondary: somebody's notes of it; single attributions may "
            "be wrong. Calculated: arithmetic on primary numbers. Measured: by us, with published weights or scores.",
            "Weights are at one byte each, 1 kB = 1024 B; parameters where the source counts these. A dash: not "
            "published. Files with all published numbers lie in published/ beside the experiment's folder.",
        ),
        conclusive=False,
    ),
    "failures": TableKind("Runs that failed", conclusive=False),
}
"""Name of a table -> what is said of it."""

_PAPER_TABLE = TableKind("Results", (), (_ABOUT_PAPER, _ABOUT_FLOAT))


def table_notes(name: str, raw: pd.DataFrame) -> list[str]:
    """The lines below a table: those of its kind, and what its numbers call for."""
    return _notes(TABLES[name], raw)


def paper_notes(main: pd.DataFrame) -> list[str]:
    """The lines below the main table of a paper, which has fewer columns."""
    return _notes(_PAPER_TABLE, main.filter(regex="^(?!reference_percent/|quality_target)"))


def _notes(kind: TableKind, raw: pd.DataFrame) -> list[str]:
    lines = [*kind.below]
    if "verdict" in raw:
        exploratory = raw["verdict"] == EXPLORATORY
        lines += [*(() if exploratory.all() else _ABOUT_VERDICT), *([_ABOUT_EXPLORATORY] if exploratory.any() else [])]
        lines.append(_ABOUT_POWER)
    if kind.conclusive and (short := sorted({*map(base_preset, raw["preset"])} & {*DEVELOPMENT_PRESETS})):
        lines.insert(0, _ABOUT_DEVELOPMENT.format(", ".join(short)))
    if "quality_target" in raw and raw["quality_target"].notna().any():
        lines.append(_ABOUT_TARGET)
    if any(str(column).endswith("/energy") and raw[column].notna().any() for column in raw.columns):
        lines.append(_ABOUT_ENERGY)
    return [line for line in (*lines, extrapolation_note(raw)) if line]
