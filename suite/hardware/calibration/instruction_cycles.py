"""Cycles of an instruction on one board, from whole networks measured there."""

from dataclasses import replace

from suite.hardware.calibration.measurements import MeasuredSystem, latencies_ms
from suite.hardware.calibration.ratios import fit_scale
from suite.hardware.calibration.validation import network_cycles
from suite.hardware.counted_kernels import CountedKernels


def with_cycles_of(device: CountedKernels, system: MeasuredSystem) -> CountedKernels:
    """The device with one constant of `system` and no other: cycles of an instruction, reading weights costs nothing.

    The constant is the geometric mean over the networks of measured cycles / instructions.
    """
    instructions = replace(device, cycles_per_instruction=1.0, weight_read=0.0)
    counts = [network_cycles(instructions, network.layers) for network in system.networks]
    cycles = 1e3 * system.clock_mhz * fit_scale(counts, latencies_ms(system.networks))
    return replace(instructions, cycles_per_instruction=cycles)
