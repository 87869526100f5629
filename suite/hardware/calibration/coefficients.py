"""The coefficients of a measured system, as the YAML files of devices state them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from suite import SuiteError
from suite.hardware.calibration.measurements import MeasuredSystem, Measurement, latencies_ms
from suite.hardware.calibration.ratios import Ratios, fit_ratios, fit_scale

DIGITS = {"cycles_per_mac": 4, "conv_output": 0, "depthwise": 3, "linear": 3, "power_mw": 2}
"""Coefficient -> decimals that a device's file states."""


@dataclass(frozen=True)
class Coefficients:
    """What `suite.hardware.latency.KernelLibrary` takes besides a board's facts; power in mW, None if not measured."""

    cycles_per_mac: float
    conv_output: float
    depthwise: float
    linear: float
    power_mw: float | None

    @classmethod
    def of(cls, ratios: Ratios, networks: Sequence[Measurement], clock_mhz: float) -> "Coefficients":
        """These ratios, scale and power of a board that runs the networks at this clock."""
        scale = fit_scale(ratios.equivalent_macs(networks), latencies_ms(networks))
        cycles_per_mac = scale * 1e3 * clock_mhz
        return cls(cycles_per_mac=cycles_per_mac, **vars(ratios), power_mw=mean_power_mw(networks))

    def rounded(self) -> dict[str, float | None]:
        """Coefficient -> value to the decimals of a device's file."""
        return {key: None if value is None else round(value, DIGITS[key]) for key, value in vars(self).items()}

    def to_significant_digits(self) -> dict[str, float | None]:
        """Coefficient -> value to five significant digits, for devices of any speed."""
        return {key: None if value is None else float(f"{value:.5g}") for key, value in vars(self).items()}


def fit_coefficients(system: MeasuredSystem, systems: Sequence[MeasuredSystem]) -> Coefficients:
    """Coefficients of `system`: ratios from all fitted systems of its kernel library, scale and power from itself."""
    ratios = library_ratios([s for s in systems if s.library == system.library])
    return Coefficients.of(ratios, system.networks, system.clock_mhz)


def library_ratios(systems: Sequence[MeasuredSystem]) -> Ratios:
    """The ratios of a kernel library, from those of its systems that coefficients are fitted on.

    Raises:
        SuiteError: there is none.
    """
    fitted = [system.networks for system in systems if system.fitted]
    if not fitted:
        raise SuiteError("no system of this kernel library was measured: its ratios cannot be fitted")
    return fit_ratios(fitted)


def other_systems(system: MeasuredSystem, systems: Sequence[MeasuredSystem]) -> list[MeasuredSystem]:
    """Systems of the same library on other boards; of a library with a single board, its systems with other versions.

    With ratios from these, the error of a network that is left out tells of a board that nobody measured before.
    """
    library = [s for s in systems if s.library == system.library and s.fitted and s is not system]
    return [s for s in library if s.board != system.board] or library


def mean_power_mw(networks: Sequence[Measurement]) -> float | None:
    """Geometric mean over the networks of energy / latency in the energy run; None where no energy was measured."""
    powers = [n.energy_uj / n.energy_run_ms for n in networks if n.energy_uj and n.energy_run_ms]
    return float(np.exp(np.mean(np.log(powers)))) if powers else None
