"""The coefficients of a measured system, as the YAML files of devices state them."""

from collections.abc import Sequence

import numpy as np

from suite.hardware.calibration.measurements import MeasuredSystem, Measurement, latencies_ms
from suite.hardware.calibration.ratios import Ratios, fit_ratios, fit_scale

_DIGITS = {"cycles_per_mac": 4, "conv_output": 0, "depthwise": 3, "linear": 3, "power_mw": 2}
"""Coefficient -> decimals that a device's file states."""


def exact_coefficients(ratios: Ratios, networks: Sequence[Measurement], clock_mhz: float) -> dict[str, float]:
    """What `suite.hardware.latency.KernelLibrary` takes besides a board's facts: these ratios, `cycles_per_mac` of a
    board that runs the networks at this clock, and `power_mw` where energies were measured.

    The power is the geometric mean over the networks of energy / latency in the energy run.
    """
    cycles_per_mac = fit_scale(ratios.equivalent_macs(networks), latencies_ms(networks)) * 1e3 * clock_mhz
    powers = [n.energy_uj / n.energy_run_ms for n in networks if n.energy_uj and n.energy_run_ms]
    power = {"power_mw": float(np.exp(np.mean(np.log(powers))))} if powers else {}
    return {"cycles_per_mac": cycles_per_mac, **vars(ratios), **power}


def fit_coefficients(system: MeasuredSystem, systems: Sequence[MeasuredSystem]) -> dict[str, float]:
    """Coefficients of `system`, rounded as in its device's file: ratios from all fitted systems of its kernel library,
    scale and power from itself.
    """
    ratios = library_ratios([s for s in systems if s.library == system.library])
    exact = exact_coefficients(ratios, system.networks, system.clock_mhz)
    return {key: round(value, _DIGITS[key]) for key, value in exact.items()}


def library_ratios(systems: Sequence[MeasuredSystem]) -> Ratios:
    """The ratios of a kernel library, from those of its systems that coefficients are fitted on."""
    return fit_ratios([system.networks for system in systems if system.fitted])


def other_systems(system: MeasuredSystem, systems: Sequence[MeasuredSystem]) -> list[MeasuredSystem]:
    """Systems of the same library on other boards; of a library with a single board, its systems with other versions.

    With ratios from these, the error of a network that is left out tells of a board that nobody measured before.
    """
    library = [s for s in systems if s.library == system.library and s.fitted and s is not system]
    return [s for s in library if s.board != system.board] or library
