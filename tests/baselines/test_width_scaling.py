"""Width scaling: the largest common factor that fits, for any budget that can be met."""

from devices import device
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8
from suite.space.budget import Budget, Constraint
from suite.space.scaling import largest_scaled_widths
from suite.space.width_space import WidthSpace

SPACE = WidthSpace(trace(ResNet8(), (3, 32, 32)), device("nucleo_l4r5zi"))


@settings(max_examples=30)
@given(share=st.floats(0.002, 1.5), metric=st.sampled_from(["weights", "macs", "latency", "ram"]))
def test_the_result_fits_and_is_the_largest(share: float, metric: str) -> None:
    budget = Budget((Constraint(metric, share * SPACE.reference_costs[metric], "share"),))
    if not budget.fits(SPACE.exact(SPACE.smallest)):
        return
    widths = largest_scaled_widths(SPACE, budget)
    assert budget.fits(SPACE.exact(widths))
    full = [n for n, frozen in zip(SPACE.full, SPACE.groups.frozen, strict=True) if not frozen]
    free = [w for w, frozen in zip(widths, SPACE.groups.frozen, strict=True) if not frozen]
    factors = [w / n for w, n in zip(free, full, strict=True)]
    assert max(factors) - min(factors) <= 1 / 16 + 1e-9, "one factor for all, up to rounding"
    if share >= 1:
        assert widths == SPACE.full
