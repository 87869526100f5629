"""Widths of least cost where costs are not monotone: coordinate descent, one channel group after the other.

Where every channel adds to a cost, it is least with one channel in each group. Kernels that take channels in groups
break that: a depthwise layer of two channels can be faster than one of a single channel. The cost of a layer depends on
few groups (mostly two), so that all widths of one group at a time, from several starts, find the least sum. That is a
local search: its result is a network of the space, and that no other costs less is tested, not proven
(tests/space/test_smallest.py: against enumeration of small networks and exact dynamic programs on whole ones).
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from suite.space.groups import Widths

FloatArray = npt.NDArray[np.float64]
Objective = Callable[[Sequence[int], int], FloatArray]
"""(widths, group) -> what is minimised, (size of the group,): at 1, 2, ... channels of the group, others as given."""

_UNIFORM = (1, 2, 4, 16)
"""Start from as many channels in each group: sizes of the groups in which kernels take channels."""


def uniform_starts(smallest: Sequence[int], full: Sequence[int]) -> Iterator[Widths]:
    """Equally many channels in each group that is not frozen, as far as it has them; then all channels."""
    for count in _UNIFORM:
        yield tuple(max(low, min(count, high)) for low, high in zip(smallest, full, strict=True))
    yield tuple(full)


def descend(objective: Objective, free: Sequence[int], start: Sequence[int]) -> tuple[float, Widths]:
    """The least value of `objective` that changes of one group at a time lead to, and its widths.

    Of equal values the one with the fewest channels is taken. A network that no change of one group improves ends it.
    """
    widths, value, changed = list(start), np.inf, True
    while changed:
        changed = False
        for group in free:
            values = objective(widths, group)
            best = int(np.argmin(values))
            value = float(values[best])
            if best + 1 != widths[group]:
                widths[group], changed = best + 1, True
    return float(value), tuple(widths)
