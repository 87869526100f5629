"""A device model against measurements: errors, errors of networks left out, and what MACs alone would predict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import kendalltau, spearmanr

from suite.hardware.calibration.coefficients import library_ratios, other_systems
from suite.hardware.calibration.measurements import MeasuredSystem, latencies_ms
from suite.hardware.calibration.ratios import Floats, errors, fit_scale, leave_one_out_errors
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.latency import Device, KernelLibrary
from suite.hardware.layers import Layer, LayerTable


@dataclass(frozen=True)
class Comparison:
    """One network on a system: latencies in ms, energies in uJ, errors as fractions, predicted / measured - 1.

    leave_one_out: of a prediction whose scale does not know this network, nor the ratios its board; None on a system
        that only checks the device: there is nothing to leave out.
    macs_only: of milliseconds in proportion to MACs, at the rate of the board's other networks; on a system that checks
        a device fitted on another, at the rate there.
    """

    network: str
    macs: float
    measured_ms: float
    predicted_ms: float
    error: float
    leave_one_out: float | None
    macs_only: float
    measured_uj: float | None = None
    predicted_uj: float | None = None


@dataclass(frozen=True)
class Summary:
    """Errors over several networks, as fractions, and rank correlations of predicted with measured latencies."""

    networks: int
    mean: float
    median: float
    largest: float
    bias: float
    spearman: float
    kendall: float


def network_cycles(device: Device, layers: Sequence[Layer]) -> float:
    """Cycles of a published network on a device of any kind.

    All published networks were written by TensorFlow's converter: linear layers have one scale, a convolution of one
    input channel is one. Counted kernels tell this from the files of other exporters.
    """
    if isinstance(device, CountedKernels):
        device = replace(device, exporter="tensorflow")
    table = LayerTable.of(layers)
    return float(device.layer_cycles(table, table.cin, table.cout).sum())


def predict_ms(device: Device, system: MeasuredSystem) -> list[float]:
    """Milliseconds of each network of `system`, at the system's clock."""
    return [network_cycles(device, n.layers) / (1e3 * system.clock_mhz) for n in system.networks]


def compare(device: Device, system: MeasuredSystem, systems: Sequence[MeasuredSystem]) -> list[Comparison]:
    """The device's predictions beside the measurements of `system`, at the system's clock.

    systems: all measured ones: ratios for a left-out board, and the rate of MACs for a system that was not fitted on.
    """
    predicted = predict_ms(device, system)
    is_check = device.name in system.checks
    fitted_on = [s for s in systems if is_check and device.name in s.devices]
    left_out = None if is_check else _left_out(device, system, systems)
    macs = [n.work.macs for n in system.networks]
    latencies = latencies_ms(system.networks)
    macs_only = _macs_at_rate_of(fitted_on[0], system) if fitted_on else leave_one_out_errors(macs, latencies)
    return [
        Comparison(
            network=network.name,
            macs=network.work.macs,
            measured_ms=network.latency_ms,
            predicted_ms=predicted[i],
            error=predicted[i] / network.latency_ms - 1,
            leave_one_out=None if left_out is None else float(left_out[i]),
            macs_only=float(macs_only[i]),
            measured_uj=network.energy_uj,
            predicted_uj=device.power_mw * predicted[i] if device.power_mw and network.energy_uj else None,
        )
        for i, network in enumerate(system.networks)
    ]


def _left_out(device: Device, system: MeasuredSystem, systems: Sequence[MeasuredSystem]) -> Floats:
    """Errors of each network with a scale from the system's others, and ratios, if the device has any, from others."""
    if isinstance(device, KernelLibrary) and (others := other_systems(system, systems)):
        ratios = library_ratios(others)
        device = replace(device, depthwise=ratios.depthwise, linear=ratios.linear)
    cycles = [network_cycles(device, network.layers) for network in system.networks]
    return leave_one_out_errors(cycles, latencies_ms(system.networks))


def _macs_at_rate_of(reference: MeasuredSystem, system: MeasuredSystem) -> Floats:
    """Errors of MACs at the reference's cycles a MAC, in the geometric mean over its networks."""
    rate = fit_scale([n.work.macs for n in reference.networks], latencies_ms(reference.networks))
    scale = rate * reference.clock_mhz / system.clock_mhz
    return errors([scale * n.work.macs for n in system.networks], latencies_ms(system.networks))


def with_cycles_of(device: CountedKernels, system: MeasuredSystem) -> CountedKernels:
    """The device with one constant of `system` and no other: cycles of an instruction, reading weights costs nothing.

    The constant is the geometric mean over the networks of measured cycles / instructions.
    """
    instructions = replace(device, cycles_per_instruction=1.0, weight_read=0.0)
    counts = [network_cycles(instructions, network.layers) for network in system.networks]
    cycles = 1e3 * system.clock_mhz * fit_scale(counts, latencies_ms(system.networks))
    return replace(instructions, cycles_per_instruction=cycles)


def summarise(predicted: Sequence[float], measured: Sequence[float]) -> Summary:
    """Errors and rank correlations over the networks; correlations are NaN for fewer than two."""
    signed = errors(predicted, measured)
    ranked = len(measured) > 1
    return Summary(
        networks=len(measured),
        mean=float(np.abs(signed).mean()),
        median=float(np.median(np.abs(signed))),
        largest=float(np.abs(signed).max()),
        bias=float(signed.mean()),
        spearman=float(spearmanr(predicted, measured).statistic) if ranked else np.nan,
        kendall=float(kendalltau(predicted, measured).statistic) if ranked else np.nan,
    )
