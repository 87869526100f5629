"""The kernel-library formula fitted to measured latencies: ratios shared by systems of a library, one scale for each.

cycles = a (M_conv + rho_out O_conv + rho_dw M_dw + rho_fc M_fc), as `suite.hardware.latency.KernelLibrary` has it.
The fit minimises the sum of squared log(predicted / measured) over rho_dw, rho_fc >= 0 and a scale of each system;
the best scale for given ratios is a geometric mean, so that only two unknowns are left to search.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from suite.hardware.calibration.measurements import Measurement, latencies_ms

CONV_OUTPUT = 20.0
"""rho_out: cycles of a convolution's output in cycles of a MAC. Four networks cannot tell it from the MACs, but single
layers can: results/published/devices/conv_outputs.csv."""

_START = (3.0, 1.5)
_LEAST = 1e-6  # keeps log() finite for a network of one kind of layer; no kernel does a MAC for nothing
_EXACT = 1e-14

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ratios:
    """Cost of an output, a depthwise MAC and a linear MAC in MACs of a standard convolution."""

    conv_output: float = CONV_OUTPUT
    depthwise: float = 1.0
    linear: float = 1.0

    def equivalent_macs(self, networks: Sequence[Measurement]) -> Floats:
        """The formula without its scale, shape (number of networks,)."""
        return np.array(
            [
                work.macs_conv
                + self.conv_output * work.conv_outputs
                + self.depthwise * work.macs_depthwise
                + self.linear * work.macs_linear
                for work in (network.work for network in networks)
            ],
            dtype=np.float64,
        )


def fit_ratios(systems: Sequence[Sequence[Measurement]], conv_output: float = CONV_OUTPUT) -> Ratios:
    """The ratios with the least squared log errors over the networks of all systems, each with a scale of its own.

    A ratio of which the networks hold no work stays where the search starts.
    """

    def residuals(unknowns: Floats) -> Floats:
        ratios = Ratios(conv_output, *unknowns)
        logs = [np.log(latencies_ms(system)) - np.log(ratios.equivalent_macs(system)) for system in systems]
        return np.concatenate([log - log.mean() for log in logs])

    result = least_squares(residuals, _START, bounds=(_LEAST, np.inf), xtol=_EXACT, ftol=_EXACT, gtol=_EXACT)
    return Ratios(conv_output, *(float(value) for value in result.x))


def fit_scale(equivalents: Sequence[float] | Floats, latencies: Sequence[float]) -> float:
    """Milliseconds an equivalent: the geometric mean of latency / equivalent, which has the least squared log error."""
    return float(np.exp(np.mean(np.log(latencies) - np.log(equivalents))))


def errors(predicted: Sequence[float] | Floats, measured: Sequence[float]) -> Floats:
    """predicted / measured - 1 of each network, as fractions."""
    return np.asarray(predicted, dtype=np.float64) / np.asarray(measured, dtype=np.float64) - 1


def leave_one_out_errors(equivalents: Sequence[float] | Floats, latencies: Sequence[float]) -> Floats:
    """Errors of each network when the scale is fitted on the others, shape (number of networks,); NaN for one alone."""
    logs = np.log(latencies) - np.log(equivalents)
    count = len(logs)
    if count < 2:
        return np.full(count, np.nan)
    others = (logs.sum() - logs) / (count - 1)
    left_out: Floats = np.exp(others - logs) - 1
    return left_out
