"""Exact costs are cheap enough to judge candidates by the thousand before anything is trained."""

from collections.abc import Callable

import torch
from devices import device
from pairs import TimePairs
from speed_figures import RecordFigure

from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8
from suite.space.width_space import WidthSpace

ROUNDS = 30
REPEATS = 10  # in a round: one evaluation is too short to be timed


def _exact_costs(space: WidthSpace) -> Callable[[], None]:
    def evaluate() -> None:
        for _ in range(REPEATS):
            space.exact(space.full)

    return evaluate


def test_exact_costs_of_a_candidate_against_its_forward_pass(time_pairs: TimePairs, figure: RecordFigure) -> None:
    """All metrics, RAM plan included, take at most a tenth of one forward pass of 32 images."""
    network = ResNet8().eval()
    space = WidthSpace(trace(network, (3, 32, 32)), device("nucleo_l4r5zi"))
    x = torch.rand(32, 3, 32, 32)
    with torch.no_grad():
        pairs = time_pairs(_exact_costs(space), lambda: network(x), rounds=ROUNDS, warmup=1)
    figure("costs of a candidate", pairs.tested_seconds / REPEATS, "s")
    figure("costs against forward pass", pairs.cost / REPEATS, "x", at_most=0.1)


def test_costs_from_counted_instructions_against_those_of_a_formula(
    time_pairs: TimePairs, figure: RecordFigure
) -> None:
    """Exact costs on a device of counted kernels take at most three times as long as on one with a simple formula."""
    network = trace(ResNet8(), (3, 32, 32))
    formula, counted = (WidthSpace(network, device(name)) for name in ("nucleo_l4r5zi", "cortex_m4_cmsisnn"))
    pairs = time_pairs(_exact_costs(counted), _exact_costs(formula), rounds=ROUNDS, warmup=1)
    figure("costs by counted instructions", pairs.tested_seconds / REPEATS, "s")
    figure("counted against formula", pairs.cost, "x", at_most=3)
