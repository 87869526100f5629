"""The quantities that instruction counts of CMSIS-NN's int8 kernels are made of, by the symbols that a law uses.

The kernels work in steps: two output pixels by two output channels, inputs in groups of 16 and of 4, leftovers one by
one. Of a layer with P output pixels, T taps, K = T cin values under its window:

Geometry alone
    call    1: what a call of the kernel costs whatever its size
    oh, P   output rows; output pixels
    kh, T   kernel rows; taps
    S       taps that lie inside the map, summed over the output pixels
    R       kernel rows that lie inside the map, summed over the output pixels
    xpad    taps at the left and right of the map, in kernel rows inside it: R kw - S
    S-P     taps inside the map but one an output pixel: comparisons of a maximum
    N       matrix products of a 1x1 convolution: 1, and one an output row where the stride is above 1
    h, q    pairs of output pixels, and pixels without a partner: within each of the N products
Channels
    ci, co  input channels, output channels
    c2, o   pairs of output channels; 1 where one is left over
    c4, r   groups of 4 input channels; what is left over
    K       values under the window
    K4, Kr  groups of 4 among them; what is left over
    K16, Kq groups of 16 among them; groups of 4 beyond those
    n       values of the input at P pixels, cin P: what an addition adds
    n4, nr  groups of 4 among them; what is left over
    U       bytes that unaligned copies move one by one: min(cin - 3, 6), at least 0, where channels are left over
    x>0     for each of these: 1 where it is above 0, else 0

With relaxed counts all values are exact and gradients are those of the mean line (straight through): floor(x / n) has
slope 1 / n, what is left over, `x>0` and U have slope 0.
"""

from collections.abc import Callable
from functools import wraps
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from suite.hardware.layers import LayerTable

_GEOMETRY = ("call", "oh", "P", "kh", "T", "S", "R", "xpad", "S-P", "N", "h", "q")
_CHANNELS = ("ci", "K", "n", "c4", "K4", "n4", "r", "Kr", "nr", "co", "c2", "o", "K16", "Kq", "U")
SYMBOLS = (*_GEOMETRY, *_CHANNELS, *(f"{name}>0" for name in _CHANNELS))


def once_a_table(function: Callable[[LayerTable], Tensor]) -> Callable[[LayerTable], Tensor]:
    """Cache what follows from a table's geometry: it is the same in thousands of calls with other channel counts."""
    cache: WeakKeyDictionary[LayerTable, Tensor] = WeakKeyDictionary()

    @wraps(function)
    def cached(table: LayerTable) -> Tensor:
        value = cache.get(table)
        if value is None:
            value = cache[table] = function(table)
        return value

    return cached


def symbol_values(table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
    """Values of all `SYMBOLS` for each layer, shape (L, symbols), float64; channel counts `cin`, `cout` of shape (L,).

    Values of symbols that have no meaning for a layer's kind are arbitrary.
    """
    channels = _channel_values(table, cin.double(), cout.double())
    return torch.cat([_geometry_values(table), channels, (channels.detach() > 0).double()], 1)


@once_a_table
def _geometry_values(table: LayerTable) -> Tensor:
    pixels, taps = table.area, table.kernel_area
    (height, width), (kernel_height, kernel_width) = table.size.T, table.kernel.T
    rows, columns = _taps_inside(table).T
    inside, rows_inside = rows * columns, rows * width
    strided = (table.stride > 1).any(1)
    products = torch.where(strided & (taps == 1), height, 1)
    a_product = pixels // products
    values = {
        "call": torch.ones_like(pixels),
        "oh": height,
        "P": pixels,
        "kh": kernel_height,
        "T": taps,
        "S": inside,
        "R": rows_inside,
        "xpad": rows_inside * kernel_width - inside,
        "S-P": inside - pixels,
        "N": products,
        "h": products * (a_product // 2),
        "q": products * (a_product % 2),
    }
    return torch.stack([values[name] for name in _GEOMETRY], 1).double()


def _taps_inside(table: LayerTable) -> Tensor:
    """Taps of each axis that lie inside the map, summed over the output positions of this axis, shape (L, 2)."""
    kernel, stride, padding, in_size, size = (
        pair.unsqueeze(2) for pair in (table.kernel, table.stride, table.padding, table.in_size, table.size)
    )
    position = torch.arange(max(size.flatten().tolist(), default=0))
    start = position * stride - padding
    end = torch.minimum(start + kernel, in_size)
    return ((end - start.clamp(min=0)).clamp(min=0) * (position < size)).sum(2)


def _channel_values(table: LayerTable, cin: Tensor, cout: Tensor) -> Tensor:
    """Columns of `_CHANNELS`."""
    window = table.kernel_area * cin
    in_fours = torch.stack([cin, window, table.area * cin], 1)
    left_over = _left_over(in_fours, 4)
    unaligned = (left_over[:, 0] > 0) * (cin.detach() - 3).clamp(0, 6)
    outputs = [cout, _groups(cout, 2), _left_over(cout, 2)]
    in_sixteens = [_groups(window, 16), _groups(_left_over(window, 16), 4)]
    others = torch.stack([*outputs, *in_sixteens, unaligned], 1)
    return torch.cat([in_fours, _groups(in_fours, 4), left_over, others], 1)


def _groups(x: Tensor, n: int) -> Tensor:
    """floor(x / n), with slope 1 / n."""
    if not x.requires_grad:
        return (x / n).floor()
    return (x.detach() / n).floor() + (x - x.detach()) / n


def _left_over(x: Tensor, n: int) -> Tensor:
    """The remainder of x / n, with slope 0."""
    return x.detach() % n
