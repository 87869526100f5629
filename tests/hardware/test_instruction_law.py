"""Counted instructions: golden layers of every kernel, which kernel a layer takes, and what a term may be."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from checkout import PUBLISHED
from devices import device

from suite.hardware.calibration.instruction_fit import CountedLayer, read_counts, split_rows
from suite.hardware.counted_kernels import CountedKernels
from suite.hardware.instruction_law import NO_PATH, PATHS, InstructionLaw, kernel_paths
from suite.hardware.instruction_terms import SYMBOLS, symbol_values
from suite.hardware.layers import Kind, Layer, LayerTable

ROWS = read_counts(PUBLISHED / "devices" / "cmsisnn_counts.csv")


def _device(**changes: Any) -> CountedKernels:
    """Cortex-M4 whose cycles are instructions."""
    m4 = device("cortex_m4_cmsisnn").device
    assert isinstance(m4, CountedKernels)
    return replace(m4, cycles_per_instruction=1.0, weight_read=0.0, **changes)


def _table(rows: list[CountedLayer]) -> LayerTable:
    return LayerTable.of([row.layer for row in rows])


# kind, (in, out) height = width, cin, cout, kernel, stride, zeros on each side, counted instructions
GOLDEN = [
    ("conv", (8, 6), 9, 32, 3, 1, 0, 236_347),
    ("conv", (8, 8), 40, 36, 1, 1, 0, 236_221),
    ("conv", (8, 4), 44, 17, 1, 2, 0, 43_596),
    ("depthwise", (3, 3), 16, 16, 3, 1, 1, 9_504),
    ("depthwise", (5, 3), 32, 32, 5, 2, 2, 66_732),
    ("conv", (8, 8), 1, 32, 5, 1, 2, 268_016),
    ("conv", (10, 10), 1, 3, 3, 1, 1, 77_516),
    ("linear", (1, 1), 33, 21, 1, 1, 0, 2_777),
    ("average_pool", (8, 1), 18, 18, 8, 8, 0, 8_138),
    ("mean", (12, 1), 16, 16, 12, 12, 0, 15_960),
    ("max_pool", (16, 8), 16, 16, 2, 2, 0, 43_597),
    ("add", (16, 16), 17, 17, 1, 1, 0, 340_075),
]


@pytest.mark.parametrize(("kind", "sizes", "cin", "cout", "kernel", "stride", "zeros", "counted"), GOLDEN)
def test_golden_layers(
    kind: Kind, sizes: tuple[int, int], cin: int, cout: int, kernel: int, stride: int, zeros: int, counted: int
) -> None:
    size, out = sizes
    layer = Layer(
        "x", kind, (), cout, (out, out), cin, (size, size), (kernel, kernel), (stride, stride), padding=(zeros,) * 4
    )
    table = LayerTable.of([layer])
    assert float(_device().layer_cycles(table, table.cin, table.cout)) == pytest.approx(counted, rel=0.025)


@pytest.mark.parametrize("path", PATHS)
def test_instructions_of_every_path_are_within_the_laws_error(path: str) -> None:
    _, tested = split_rows(ROWS, path)
    table = _table(tested)
    index = torch.full((len(tested),), PATHS.index(path))
    predicted = _device().law.instructions(index, table, table.cin, table.cout)
    counted = torch.tensor([row.instructions for row in tested])
    errors = (predicted / counted - 1).abs()
    assert float(errors.mean()) < 0.013
    assert float(errors.max()) < 0.12


def _exporter_of(row: CountedLayer) -> str:
    """Who writes this operator: one scale of a linear layer, and convolutions of one channel, are TensorFlow's."""
    return (
        "tensorflow"
        if row.path == "fc" or (row.layer.kind == "conv" and row.layer.in_channels == 1)
        else "litert_torch"
    )


@pytest.mark.parametrize("exporter", ["litert_torch", "tensorflow"])
def test_a_layer_takes_the_kernel_that_was_seen_at_work(exporter: str) -> None:
    """A network holds depthwise layers with as many outputs as inputs, and convolutions of one input in their place."""
    own = [r for r in ROWS if _exporter_of(r) == exporter and not r.path.startswith("dw_")]
    multiplied = [
        r for r in ROWS if exporter == "litert_torch" and r.path.startswith("dw_") and r.layer.in_channels == 1
    ]
    layers = [r.layer for r in own] + [replace(r.layer, kind="conv") for r in multiplied]
    table = LayerTable.of(layers)
    cycles = _device(exporter=exporter).layer_cycles(table, table.cin, table.cout)
    index = torch.tensor([PATHS.index(row.path) for row in own + multiplied])
    assert torch.equal(cycles, _device().law.instructions(index, table, table.cin, table.cout))


@pytest.mark.parametrize(("pad", "path"), [(0, "dw3x3"), (1, "dw3x3"), (2, "dw")])
def test_depthwise_3x3_has_a_kernel_of_its_own_up_to_one_row_of_zeros(pad: int, path: str) -> None:
    size = (8, 8)
    layer = Layer("x", "depthwise", (), 8, size, 8, size, (3, 3), padding=(pad,) * 4)
    assert kernel_paths(LayerTable.of([layer])).tolist() == [PATHS.index(path)]


def test_operators_without_a_kernel_cost_nothing() -> None:
    layers = [Layer("x", kind, (), 8, (4, 4), 8, (4, 4)) for kind in ("pad", "concat", "activation", "flatten")]
    table = LayerTable.of(layers)
    assert kernel_paths(table).tolist() == [NO_PATH] * 4
    assert _device().layer_cycles(table, table.cin, table.cout).tolist() == [0.0] * 4


def test_symbols_of_a_padded_convolution_by_hand() -> None:
    """3x3 on a 5x4 map of 7 channels, stride 2, zeros above and left: outputs 3x2."""
    layer = Layer("x", "conv", (), 5, (3, 2), 7, (5, 4), kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1))
    table = LayerTable.of([layer])
    values = dict(zip(SYMBOLS, symbol_values(table, table.cin, table.cout)[0].tolist(), strict=True))
    rows, columns = 2 + 3 + 2, 2 + 3
    expected = {
        "oh": 3, "P": 6, "kh": 3, "T": 9, "S": rows * columns, "R": 2 * rows, "xpad": 2 * rows * 3 - rows * columns,
        "S-P": rows * columns - 6, "N": 1, "h": 3, "q": 0, "ci": 7, "co": 5, "c2": 2, "o": 1, "c4": 1, "r": 3, "K": 63,
        "K4": 15, "Kr": 3, "K16": 3, "Kq": 3, "n": 42, "n4": 10, "nr": 2, "U": 4, "o>0": 1, "q>0": None,
    }  # fmt: skip
    assert {name: values.get(name) for name in expected} == expected


@pytest.mark.parametrize(("channels", "unaligned"), [(4, 0), (5, 2), (8, 0), (10, 6), (13, 6)])
def test_channels_that_are_no_multiple_of_four_are_copied_unaligned_up_to_six(channels: int, unaligned: int) -> None:
    """Also where the window of all taps is a multiple of four, as with 2x2 taps."""
    table = LayerTable.of([Layer("x", "conv", (), 4, (4, 4), channels, (5, 5), kernel=(2, 2))])
    values = symbol_values(table, table.cin, table.cout)[0, SYMBOLS.index("U")].item()
    assert values == unaligned


def test_taps_outside_the_map_are_none() -> None:
    """A 1x1 convolution with a ring of zeros around its map: the ring's positions have no tap inside."""
    layer = Layer("x", "conv", (), 4, (6, 7), 4, (4, 5), padding=(1, 1, 1, 1))
    table = LayerTable.of([layer])
    assert symbol_values(table, table.cin, table.cout)[0, SYMBOLS.index("S")].item() == 4 * 5


def test_a_1x1_convolution_of_stride_2_is_a_product_for_each_row() -> None:
    layer = Layer("x", "conv", (), 4, (3, 5), 4, (6, 10), stride=(2, 2))
    table = LayerTable.of([layer, replace(layer, stride=(1, 1), in_size=(3, 5))])
    values = symbol_values(table, table.cin, table.cout)
    columns = [SYMBOLS.index(name) for name in ("N", "h", "q")]
    assert values[:, columns].tolist() == [[3, 3 * 2, 3], [1, 7, 1]]


@pytest.mark.parametrize(
    ("terms", "named"),
    [
        ({"h*c3": 1.0}, r"device\.law\.conv\.h\*c3: .*c2"),
        ({"P*P*P*P": 1.0}, "at most 3"),
        ({"P": -1.0}, r"P=-1\.0"),
        ({"P": float("nan")}, "P=nan"),
        ({"P": "many"}, "P=many"),
        (7, "mapping"),
    ],
)
def test_terms_and_coefficients_are_checked(terms: Any, named: str) -> None:
    law = _device().law
    with pytest.raises(ValueError, match=named):
        replace(law, conv=terms)


def test_an_empty_law_counts_nothing() -> None:
    law = InstructionLaw(**{path: {} for path in PATHS})
    table = _table(ROWS[:3])
    assert law.instructions(kernel_paths(table), table, table.cin, table.cout).tolist() == [0.0] * 3
