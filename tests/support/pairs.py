"""Two functions timed in turns, so that what else the machine does counts for both alike."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Pairs:
    """Seconds of a reference and of what is compared with it; a pair was timed one after the other."""

    reference: Sequence[float]
    tested: Sequence[float]

    @property
    def speed_up(self) -> float:
        """How many times faster the tested is: the median over pairs."""
        return statistics.median(a / b for a, b in zip(self.reference, self.tested, strict=True))

    @property
    def cost(self) -> float:
        """How many times as long the tested takes: the median over pairs."""
        return statistics.median(b / a for a, b in zip(self.reference, self.tested, strict=True))

    @property
    def reference_seconds(self) -> float:
        """The reference's median."""
        return statistics.median(self.reference)

    @property
    def tested_seconds(self) -> float:
        """The tested's median."""
        return statistics.median(self.tested)


class TimePairs(Protocol):
    """The fixture `time_pairs` of tests/performance: times two functions in turns, after `warmup` rounds of both."""

    def __call__(
        self, tested: Callable[[], object], reference: Callable[[], object], *, rounds: int, warmup: int = 0
    ) -> Pairs: ...


def rounds_within(seconds: float, *functions: Callable[[], object], least: int = 11, most: int = 100) -> int:
    """How many rounds of all functions fit into `seconds` of the wall's clock; warms them up."""
    for function in functions:
        function()
    start = time.perf_counter()
    for _ in range(2):
        for function in functions:
            function()
    return min(most, max(least, int(2 * seconds / (time.perf_counter() - start))))
