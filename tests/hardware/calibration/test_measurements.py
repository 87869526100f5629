"""Work of layer lists, on layers whose MACs are known by hand."""

from suite.hardware.calibration.measurements import Work
from suite.hardware.layers import Layer

CONV = Layer("c", "conv", (), 8, (4, 6), 3, kernel=(3, 3))
DEPTHWISE = Layer("d", "depthwise", (), 8, (4, 6), 8, kernel=(3, 3))
LINEAR = Layer("l", "linear", (), 10, (1, 1), 16)
POOL = Layer("p", "average_pool", (), 8, (2, 3))


def test_macs_by_kind_and_outputs_of_convolutions() -> None:
    work = Work.of([CONV, DEPTHWISE, POOL, LINEAR])
    assert work == Work(macs_conv=3 * 8 * 9 * 24, conv_outputs=8 * 24, macs_depthwise=8 * 9 * 24, macs_linear=160)
    assert work.macs == 5184 + 1728 + 160


def test_work_adds_up_over_layers() -> None:
    parts = [Work.of([layer]) for layer in (CONV, DEPTHWISE, LINEAR)]
    assert sum(part.macs for part in parts) == Work.of([CONV, DEPTHWISE, LINEAR]).macs
