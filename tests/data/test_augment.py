import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import affine_grid, grid_sample

from suite.data.augment import Affine

# without a deadline: a test that asserts a law should not also assert a time
PROPERTY = settings(deadline=None)
RANGES = st.builds(
    Affine,
    rotate=st.sampled_from([0.0, 15.0]),
    shift=st.sampled_from([0.0, 0.1]),
    flip=st.booleans(),
    zoom=st.sampled_from([0.0, 0.2]),
)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
SEEDS = st.integers(0, 2**31)
DTYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=seeded(1)).to(dtype)


@PROPERTY
@given(SHAPES, SEEDS)
def test_zero_ranges_return_the_very_input(shape, seed):
    x = images(shape)
    assert Affine()(x, seeded(seed)) is x


@PROPERTY
@given(RANGES, SHAPES, SEEDS)
def test_the_same_seed_gives_the_same_images(affine, shape, seed):
    x = images(shape)
    assert torch.equal(affine(x, seeded(seed)), affine(x, seeded(seed)))


@PROPERTY
@given(SHAPES, SEEDS)
def test_flipping_twice_is_the_identity(shape, seed):
    x, flip = images(shape), Affine(flip=True)
    assert torch.equal(flip(flip(x, seeded(seed)), seeded(seed)), x)


@PROPERTY
@given(RANGES, SHAPES, DTYPES, st.sampled_from([torch.contiguous_format, torch.channels_last]))
def test_keeps_shape_dtype_and_memory_format(affine, shape, dtype, memory_format):
    x = images(shape, dtype).contiguous(memory_format=memory_format)
    out = affine(x, seeded())
    assert (out.shape, out.dtype) == (x.shape, x.dtype)
    assert out.is_contiguous(memory_format=memory_format)


@PROPERTY
@given(RANGES, SHAPES)
def test_memory_format_does_not_change_the_images(affine, shape):
    x = images(shape)
    out = affine(x.contiguous(memory_format=torch.channels_last), seeded())
    torch.testing.assert_close(out.contiguous(), affine(x, seeded()))


@PROPERTY
@given(RANGES, SHAPES)
def test_leaves_its_input_alone(affine, shape):
    x = images(shape)
    before = x.clone()
    affine(x, seeded())
    assert torch.equal(x, before)


@PROPERTY
@given(RANGES, SHAPES)
def test_invents_no_values_outside_the_images_range(affine, shape):
    x = images(shape)
    out = affine(x, seeded())
    assert out.min() >= x.min() - 1e-6
    assert out.max() <= x.max() + 1e-6


def test_an_empty_batch_stays_empty():
    x = torch.empty(0, 3, 8, 8)
    assert Affine(shift=0.1)(x, seeded()).shape == x.shape
    assert Affine(rotate=5)(x, seeded()).shape == x.shape


def test_flips_about_half_of_the_images_left_to_right():
    x = images((400, 1, 4, 5))
    out = Affine(flip=True)(x, seeded())
    unchanged = (out == x).flatten(1).all(1)
    mirrored = (out == x.flip(-1)).flatten(1).all(1)
    assert (unchanged ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_shift_moves_whole_pixels_up_to_its_share_and_repeats_the_border():
    position = torch.arange(16.0)
    x = torch.stack([position.expand(16, 16), position[:, None].expand(16, 16)])
    out = Affine(shift=0.125)(x.expand(300, 2, 16, 16), seeded())
    moves = [(dx, dy) for dx in range(-2, 3) for dy in range(-2, 3)]
    expected = {
        move: torch.stack(torch.meshgrid(*[(position + m).clamp(0, 15) for m in move], indexing="xy")) for move in moves
    }
    seen = {move for image in out for move in moves if torch.equal(image, expected[move])}
    assert seen == set(moves)
    assert all(any(torch.equal(image, e) for e in expected.values()) for image in out)


def test_resampling_agrees_with_moving_pixels_where_both_apply():
    x = images((64, 3, 12, 10))
    exact = Affine(flip=True)(x, seeded())
    almost = Affine(flip=True, rotate=1e-5)(x, seeded())
    torch.testing.assert_close(almost, exact, atol=1e-4, rtol=0)


def test_resampling_is_the_affine_map_of_its_draws():
    affine = Affine(rotate=30, shift=0.2, flip=True, zoom=0.3)
    x, n = images((32, 2, 8, 12)), 32
    flip, right, down, angle, zoom = torch.rand(5, n, generator=seeded(7))
    angle, zoom = math.radians(30) * (2 * angle - 1), 1 + 0.3 * (2 * zoom - 1)
    cos, sin, mirror = torch.cos(angle) / zoom, torch.sin(angle) / zoom, torch.where(flip < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0] = torch.stack([cos * mirror, -sin * 8 / 12, 0.4 * (2 * right - 1)], 1)
    theta[:, 1] = torch.stack([sin * 12 / 8 * mirror, cos, 0.4 * (2 * down - 1)], 1)
    grid = affine_grid(theta, [n, 2, 8, 12], align_corners=False)
    expected = grid_sample(x, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(affine(x, seeded(7)), expected, atol=1e-5, rtol=0)


def test_turning_by_a_right_angle_keeps_distances_in_oblong_images():
    x = torch.zeros(1, 1, 9, 21)
    x[0, 0, 4, 14] = 1.0  # 4 pixels to the right of the centre
    turned = 0
    for seed in range(400):
        generator = seeded(seed)
        angle = 180 * (2 * torch.rand(5, 1, generator=generator)[3].item() - 1)
        if abs(abs(angle) - 90) < 2:
            brightest = Affine(rotate=180)(x, seeded(seed))[0, 0].argmax().item()
            assert brightest in (0 * 21 + 10, 8 * 21 + 10)  # 4 pixels above or below it
            turned += 1
    assert turned > 0


def test_one_setting_does_not_shift_the_draws_of_another():
    x = images((64, 1, 6, 6))
    seen = []
    for affine in (Affine(flip=True), Affine(shift=0.2), Affine(rotate=10)):
        generator = seeded()
        affine(x, generator)
        seen.append(torch.rand(1, generator=generator).item())
    assert len(set(seen)) == 1


@PROPERTY
@given(SEEDS)
def test_resampling_keeps_its_precision_under_autocast(seed):
    x, affine = images((4, 3, 32, 32)), Affine(rotate=15)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = affine(x, seeded(seed))
    assert torch.equal(out, affine(x, seeded(seed)))


@pytest.mark.parametrize(
    ("name", "value"),
    [("rotate", -1), ("rotate", 181), ("shift", -0.1), ("shift", 0.6), ("zoom", 1.0), ("zoom", float("nan"))],
)
def test_a_range_out_of_bounds_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"{name}={value} must lie between 0 and"):
        Affine(**{name: value})


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bytes_move_as_floats_do(memory_format):
    x = torch.randint(0, 256, (16, 3, 9, 7), dtype=torch.uint8).contiguous(memory_format=memory_format)
    augment = Affine(shift=0.3, flip=True)
    moved = augment(x, torch.Generator().manual_seed(3))
    assert moved.dtype == torch.uint8
    assert torch.equal(moved.float(), augment(x.float(), torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("x", [torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.zeros(3, 4, 4)])
def test_anything_but_float_images_is_refused(x):
    with pytest.raises(ValueError, match=r"x must be float \(N, C, H, W\), not torch"):
        Affine(flip=True, rotate=5)(x, seeded())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("affine", [Affine(shift=0.1, flip=True), Affine(rotate=15, zoom=0.1)])
def test_a_cpu_generator_gives_the_same_images_on_a_gpu(affine):
    x = images((16, 3, 32, 32))
    torch.testing.assert_close(affine(x.cuda(), seeded()).cpu(), affine(x, seeded()), atol=1e-4, rtol=0)
