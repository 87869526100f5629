"""A search step against a plain step of the same network at the same settings: ratios of interleaved pairs.

Processor time on one thread, so that what other processes take from the machine does not count: with two threads on
two cores that others use as well, the same pairs wander between 0.7 and 1.6.
"""

import copy
import time

import pytest
import torch
from devices import device
from pairs import TimePairs, rounds_within
from speed_figures import RecordFigure
from torch import Tensor, nn
from training_steps import CASES, Case, Step, training_step

from suite.dnas.cost_gradients import CostGradients
from suite.dnas.masks import MaskedNetwork
from suite.dnas.penalty import Penalty, PenaltyRule
from suite.engine.allocator import keep_freed_memory
from suite.hardware.trace import trace
from suite.space.width_space import WidthSpace
from suite.task.optimisation import Optimisation

pytestmark = pytest.mark.benchmark(timer=time.process_time)

METRICS = ("weights", "macs", "latency")
MAX_RATIOS = {128: 1.05, 32: 1.10}
BF16 = 0.05  # in addition to these
MARGIN = 0.03  # what the median still wanders
SECONDS = 8.0


def _search_step(case: Case, network: nn.Module, batch: tuple[Tensor, Tensor], dtype: str, board: str) -> Step:
    layers = trace(network, case.shape)
    space = WidthSpace(layers, device(board))
    masked = MaskedNetwork(network, layers, space.groups)
    penalty = Penalty(PenaltyRule(), {metric: 0.5 * space.reference_costs[metric] for metric in METRICS}, 10)
    penalty.start(1.0, space.reference_costs)
    cost_gradients = CostGradients(space, METRICS)

    def term() -> Tensor:  # as MaskObjective.penalty; within the ramp, so that strengths change in each step
        costs, slopes = cost_gradients.evaluate(masked.masks, masked.last_open)
        value, weights = penalty.evaluate(costs, 3)
        return masked.masks.make_loss_term(value, torch.tensor(list(weights.values()), dtype=slopes.dtype) @ slopes)

    masks = {"params": [masked.masks.alpha], "lr": 0.0, "weight_decay": 0.0}  # they stay as they are
    return training_step(masked, Optimisation().build(masked, [masks]), batch, dtype, term)


@pytest.fixture(autouse=True)
def _as_in_a_run() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param(name, size, marks=[pytest.mark.slow] if (name, size) == ("mobilenet_v1", 128) else [])
        for name in CASES
        for size in (128, 32)
    ],
)
def test_a_search_step_costs_little_more_than_a_plain_step(
    name: str, size: int, dtype: str, time_pairs: TimePairs, figure: RecordFigure
) -> None:
    """Masks and three costs; the devices take turns, as their cost models differ."""
    case = CASES[name]
    batch, network = case.batch(size), case.network()
    search = _search_step(case, copy.deepcopy(network), batch, dtype, "gap8" if dtype == "fp32" else "nucleo_l4r5zi")
    plain = training_step(network, Optimisation().build(network), batch, dtype)
    pairs = time_pairs(search, plain, rounds=rounds_within(SECONDS, plain, search))
    figure("plain step", pairs.reference_seconds, "s")
    figure("search step", pairs.tested_seconds, "s")
    most = MAX_RATIOS[size] + MARGIN + (BF16 if dtype == "bf16" else 0.0)
    figure("search step against plain step", pairs.cost, "x", at_most=most)


def test_a_compacted_search_step_is_faster(time_pairs: TimePairs, figure: RecordFigure) -> None:
    """With a quarter of its channels ResNet8 has a tenth of its MACs; thin convolutions use a core less well."""
    case = CASES["resnet8"]
    batch = case.batch(128)
    layers = trace(case.build(), case.shape)
    space = WidthSpace(layers, device("gap8"))
    steps = []
    for compaction in (False, True):
        masked = MaskedNetwork(case.network(), layers, space.groups)
        alpha = masked.masks.alpha
        with torch.no_grad():
            alpha[torch.arange(len(alpha)) % 4 > 0] = 0.0
        optimiser = Optimisation().build(masked, [{"params": [alpha], "lr": 0.0}])
        if compaction:
            masked.compact(optimiser)
            share = space.exact(masked.computed_widths)["macs"] / space.reference_costs["macs"]
            figure("MACs that are left", 100 * share, "%")
        steps.append(training_step(masked, optimiser, batch))
    whole, compacted = steps
    pairs = time_pairs(compacted, whole, rounds=rounds_within(SECONDS, whole, compacted))
    figure("compacted step against whole step", pairs.cost, "x", at_most=0.75)
