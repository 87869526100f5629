import hashlib
import io
import json
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from suite import SuiteError
from suite.data import pack as pack_module
from suite.data.pack import PackSource

SPLIT = np.array([0, 0, 0, 1, 2, 2, 3], dtype=np.uint8)
LABELS = np.array([0, 1, 1, 0, 1, 0, 1], dtype=np.int16)
TERMS = {"benchmark": "toy", "title": "seven toys", "source": "made here", "licence": "free"}
META = {"format": "pack-1", "classes": ["cat", "dog"], **TERMS}


def encode(image: np.ndarray, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def joined(files: list[bytes]) -> dict[str, np.ndarray]:
    offsets = np.cumsum([0, *map(len, files)], dtype=np.int64)
    return {"x_encoded": np.frombuffer(b"".join(files), np.uint8), "x_offsets": offsets}


def write(path: Path, x: dict[str, np.ndarray], meta: object = META, **changes: np.ndarray | None) -> PackSource:
    arrays = {"y": LABELS, "split": SPLIT, "meta": np.array(json.dumps(meta)), **x, **changes}
    np.savez_compressed(path, **{key: value for key, value in arrays.items() if value is not None})
    return PackSource(path, "toy")


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in META.items() if name != key}


PIXELS = np.random.default_rng(0).integers(0, 256, (7, 5, 4, 3), dtype=np.uint8)
FEATURES = {"x": np.arange(7 * 6, dtype=np.float16).reshape(7, 3, 2)}
IMAGES = joined([encode(image) for image in PIXELS])


def test_images_become_uint8_channels_first(tmp_path):
    data = write(tmp_path / "p.npz", IMAGES).load(tmp_path / "cache")
    expected = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2).copy())
    assert data.train.x.dtype == torch.uint8
    assert torch.equal(data.train.x, expected[:3])
    assert torch.equal(data.validation.x, expected[3:4])
    assert torch.equal(data.test.x, expected[4:6])


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_reads_the_lossy_image_formats(tmp_path, kind):
    flat = np.full((7, 16, 16, 3), 90, dtype=np.uint8)
    data = write(tmp_path / "p.npz", joined([encode(image, kind) for image in flat])).load(tmp_path / "cache")
    assert (data.train.x.int() - 90).abs().max() <= 3


def test_grey_images_get_three_channels(tmp_path):
    grey = joined([encode(image[:, :, 0]) for image in PIXELS])
    x = write(tmp_path / "p.npz", grey).load(tmp_path / "cache").train.x
    assert torch.equal(x, torch.from_numpy(PIXELS[:3, :, :, 0].copy())[:, None].expand(3, 3, 5, 4))


def test_labels_follow_their_split(tmp_path):
    data = write(tmp_path / "p.npz", IMAGES).load(tmp_path / "cache")
    assert [part.y.tolist() for part in (data.train, data.validation, data.test)] == [[0, 1, 1], [0], [1, 0]]
    assert data.train.y.dtype == torch.int64
    assert data.classes == ("cat", "dog")


def test_float_sequences_become_float32_and_keep_their_axes(tmp_path):
    data = write(tmp_path / "p.npz", FEATURES).load(tmp_path / "cache")
    assert data.train.x.dtype == torch.float32
    assert torch.equal(data.test.x, torch.arange(42.0).view(7, 3, 2)[4:6])


@pytest.mark.parametrize("shape", [(7, 6), (7, 1, 3, 2)])
def test_other_float_features_keep_their_shape(tmp_path, shape):
    data = write(tmp_path / "p.npz", {"x": FEATURES["x"].reshape(shape)}).load(tmp_path / "cache")
    assert data.train.x.shape == (3, *shape[1:])


def test_uint8_features_stay_as_stored(tmp_path):
    x, meta = FEATURES["x"].astype(np.uint8), META | {"scale": 0.5, "offset": -81.5}
    data = write(tmp_path / "p.npz", {"x": x}, meta).load(tmp_path / "cache")
    assert torch.equal(data.train.x, torch.from_numpy(x[:3]))
    assert (data.meta["scale"], data.meta["offset"]) == ("0.5", "-81.5")


def test_without_classes_a_pack_is_one_of_anomalies(tmp_path):
    data = write(tmp_path / "p.npz", FEATURES, without("classes")).load(tmp_path / "cache")
    assert data.classes == ("normal", "anomalous")


def test_meta_tells_title_source_and_licence(tmp_path):
    meta = write(tmp_path / "p.npz", FEATURES).load(tmp_path / "cache").meta
    assert meta == TERMS


def test_fingerprint_is_the_sha256_of_the_bytes_whatever_the_name(tmp_path):
    source = write(tmp_path / "p.npz", FEATURES)
    content = source.path.read_bytes()
    (tmp_path / "other.npz").write_bytes(content)
    assert source.fingerprint() == hashlib.sha256(content).hexdigest()
    assert PackSource(tmp_path / "other.npz", "toy").fingerprint() == source.fingerprint()


def test_fingerprint_follows_a_changed_file(tmp_path):
    source = write(tmp_path / "p.npz", FEATURES)
    first = source.fingerprint()
    write(source.path, FEATURES, META | {"title": "other toys"})
    assert source.fingerprint() != first


def decoded(source: PackSource, cache: Path, monkeypatch) -> int:
    """How many images a load decodes."""
    calls, decode = [], pack_module._decode
    with monkeypatch.context() as patch:
        patch.setattr(pack_module, "_decode", lambda *given: calls.append(1) or decode(*given))
        source.load(cache)
    return len(calls)


def test_images_are_decoded_once_and_found_again_by_content(tmp_path, monkeypatch):
    source = write(tmp_path / "p.npz", IMAGES)
    assert decoded(source, tmp_path / "cache", monkeypatch) > 0
    assert decoded(source, tmp_path / "cache", monkeypatch) == 0
    source.path.rename(tmp_path / "q.npz")
    assert decoded(PackSource(tmp_path / "q.npz", "toy"), tmp_path / "cache", monkeypatch) == 0


def test_another_pack_in_the_same_place_does_not_get_the_old_images(tmp_path):
    write(tmp_path / "p.npz", IMAGES).load(tmp_path / "cache")
    black = joined([encode(np.zeros_like(image)) for image in PIXELS])
    assert write(tmp_path / "p.npz", black).load(tmp_path / "cache").train.x.sum() == 0


def test_a_missing_pack_is_named_with_its_key(tmp_path):
    source = PackSource(tmp_path / "gone.npz", "toy")
    message = f"benchmark.data.pack={tmp_path / 'gone.npz'}: no such file"
    for act in (source.fingerprint, lambda: source.load(tmp_path)):
        with pytest.raises(SuiteError) as caught:
            act()
        assert str(caught.value).startswith(message)


def test_a_folder_is_no_pack(tmp_path):
    with pytest.raises(SuiteError, match=r"benchmark.data.pack=.*: cannot be read \(Is a directory\)"):
        PackSource(tmp_path, "toy").load(tmp_path / "cache")


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 no zip"])
def test_a_file_that_is_no_npz_is_named(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(SuiteError, match=r"benchmark.data.pack=.*p\.npz: truncated, or not an \.npz file"):
        PackSource(tmp_path / "p.npz", "toy").load(tmp_path / "cache")


def test_a_truncated_pack_is_named_wherever_it_was_cut(tmp_path):
    source = write(tmp_path / "p.npz", FEATURES)
    content = source.path.read_bytes()
    for size in range(0, len(content), 53):
        source.path.write_bytes(content[:size])
        with pytest.raises(SuiteError, match=r"p\.npz: truncated"):
            source.load(tmp_path / "cache")


def test_a_single_array_is_no_pack(tmp_path):
    np.save(tmp_path / "p.npy", np.zeros(3))
    with pytest.raises(SuiteError, match=r"p\.npy: not an \.npz file but a single array"):
        PackSource(tmp_path / "p.npy", "toy").load(tmp_path / "cache")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 2**16), value=st.integers(1, 255))
def test_a_flipped_byte_is_an_error_of_the_suite_or_harmless(tmp_path, position, value):
    source = write(tmp_path / "p.npz", IMAGES)
    content = bytearray(source.path.read_bytes())
    content[position % len(content)] ^= value
    source.path.write_bytes(content)
    expected = torch.from_numpy(PIXELS.transpose(0, 3, 1, 2)[:3].copy())
    with suppress(SuiteError):
        assert torch.equal(source.load(tmp_path / "cache").train.x, expected)


BAD_META = {
    "the format in 'meta' is 'pack-9', not 'pack-1'": META | {"format": "pack-9"},
    "the format in 'meta' is None, not 'pack-1'": without("format"),
    "the format in 'meta' is [1], not 'pack-1'": [1],
    "'meta' lacks the text 'benchmark'": without("benchmark"),
    "'meta' lacks the text 'title'": META | {"title": 3},
    "'meta' lacks the text 'licence'": without("licence"),
    "holds the benchmark 'other', not 'toy'": META | {"benchmark": "other"},
    "'classes' in 'meta' must be a list of names, not [1, 2]": META | {"classes": [1, 2]},
    "'classes' in 'meta' must be a list of names, not []": META | {"classes": []},
    "'y' is 1 in example 1, but there are 1 classes": META | {"classes": ["cat"]},
}


@pytest.mark.parametrize("message", BAD_META)
def test_refuses_wrong_meta(tmp_path, message):
    source = write(tmp_path / "p.npz", FEATURES, BAD_META[message])
    with pytest.raises(SuiteError) as caught:
        source.load(tmp_path / "cache")
    assert str(caught.value) == f"benchmark.data.pack={source.path}: {message}"


def spoiled_file(index: int, content: bytes) -> dict[str, np.ndarray]:
    files = [encode(image) for image in PIXELS]
    files[index] = content
    return joined(files)


OFFSETS, SIZE = IMAGES["x_offsets"], len(IMAGES["x_encoded"])
BAD_ARRAYS = {
    "lacks the array 'meta'": FEATURES | {"meta": None},
    "lacks the array 'y'": FEATURES | {"y": None},
    "lacks the array 'x_offsets'": IMAGES | {"x_offsets": None},
    "'meta' is not a text in JSON": FEATURES | {"meta": np.array("{")},
    "'meta' is not a text in JSON (can only": FEATURES | {"meta": np.array(["{}", "{}"])},
    "must hold either 'x' or 'x_encoded', not neither": {},
    "must hold either 'x' or 'x_encoded', not both": FEATURES | IMAGES,
    "the array 'y' is damaged (Object arrays": FEATURES | {"y": np.array([1, "a"], dtype=object)},
    "'y' must hold integers (N,), not float64 (7,)": FEATURES | {"y": np.zeros(7)},
    "'split' must hold integers (N,), not uint8 (7, 1)": FEATURES | {"split": SPLIT[:, None]},
    "'y' has 6 examples, but 'split' has 7": FEATURES | {"y": LABELS[:6]},
    "'y' is -1 in example 1, but there are 2 classes": FEATURES | {"y": -LABELS},
    "'split' is 4 in example 3, but it can be 0 to 3": FEATURES | {"split": SPLIT * 4},
    "'split' leaves no example for train": FEATURES | {"split": np.array([1, 1, 1, 2, 2, 2, 3])},
    "'split' leaves no example for validation": FEATURES | {"split": np.array([0, 0, 0, 2, 2, 2, 3])},
    "'split' leaves no example for test": FEATURES | {"split": np.array([0, 0, 0, 1, 1, 1, 3])},
    "'x' must be float, uint8 or int16 (N, ...), not int64 (7, 2)": {"x": np.zeros((7, 2), np.int64)},
    "'x' must be float, uint8 or int16 (N, ...), not float64 (7,)": {"x": np.zeros(7)},
    "'y' has 7 examples, but 'x' has 6": {"x": FEATURES["x"][:6]},
    "'x' is not finite in example 2": {"x": np.where(np.arange(7)[:, None] < 2, 0.0, np.nan)},
    "'x' is not finite in example 0": {"x": np.full((7, 1), 1e300)},
    "'x' must be float, uint8 or int16 (N, ...), not float64 (7, 0)": {"x": np.zeros((7, 0))},
    "'background' must be int16 (M, samples), not |S1 (2, 9)": FEATURES | {"background": np.full((2, 9), b"a")},
    "'background' must be int16 (M, samples), not int16 (9,)": FEATURES | {"background": np.zeros(9, np.int16)},
    "'x_encoded' must be uint8 (bytes,), not float32": IMAGES | {"x_encoded": np.zeros(9, np.float32)},
    "'x_offsets' must hold integers (N,), not float64": IMAGES | {"x_offsets": OFFSETS * 1.0},
    "'y' has 7 examples, but 'x_offsets' has 7 and not one more": IMAGES | {"x_offsets": OFFSETS[:7]},
    f"'x_offsets' must rise within the {SIZE} bytes": IMAGES | {"x_offsets": OFFSETS + 1},
    f"'x_offsets' must rise within the {SIZE} ": IMAGES | {"x_offsets": OFFSETS - 1},
    f"'x_offsets' must rise within the {SIZE}": IMAGES | {"x_offsets": OFFSETS[::-1]},
    "image 2 is corrupt": spoiled_file(2, b"no image at all"),
    "image 3 is corrupt": spoiled_file(3, b""),
    "image 4 is corrupt": spoiled_file(4, encode(PIXELS[4])[:60]),
    "image 5 is (3, 4, 5), but the first is (3, 5, 4)": spoiled_file(5, encode(PIXELS[5].transpose(1, 0, 2))),
    "image 0 is corrupt: it cannot be decoded as JPEG, PNG, WEBP": spoiled_file(0, encode(PIXELS[0], "GIF")),
}


@pytest.mark.parametrize("message", BAD_ARRAYS)
def test_refuses_wrong_arrays(tmp_path, message):
    source = write(tmp_path / "p.npz", BAD_ARRAYS[message])
    with pytest.raises(SuiteError) as caught:
        source.load(tmp_path / "cache")
    assert str(caught.value).startswith(f"benchmark.data.pack={source.path}: {message}")


def test_a_small_file_of_large_arrays_is_refused_before_they_take_memory(tmp_path, monkeypatch):
    source = write(tmp_path / "p.npz", {"x": np.zeros((7, 100_000), np.uint8)})
    source.load(tmp_path / "cache")
    monkeypatch.setattr("suite.data.files.MOST_UNPACKED", 1000)
    for read in (source.example_shape, lambda: source.load(tmp_path / "cache")):
        with pytest.raises(SuiteError, match=r"p\.npz: [\d,]+ bytes that unpack to 70\d,\d{3}"):
            read()
    assert source.describe()["present"] == "damaged"


@pytest.mark.parametrize("shape", [(7, 3, 10**13), (10**13,), (0, 2**62), (2**62, 2**62)])
def test_an_array_that_claims_terabytes_is_damaged(tmp_path, shape):
    source = write(tmp_path / "p.npz", {})
    with zipfile.ZipFile(source.path, "a") as file, file.open("x.npy", "w") as member:
        np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with pytest.raises(SuiteError, match=r"p\.npz: (the array )?'x' (is damaged|must be)|'x' has 0"):
        source.load(tmp_path / "cache")


@pytest.mark.parametrize("index", [0, 4])
def test_a_small_image_of_many_pixels_is_refused_before_they_take_memory(tmp_path, index, monkeypatch):
    large = np.zeros((400, 400, 3), np.uint8)
    source = write(tmp_path / "p.npz", spoiled_file(index, encode(large)))
    monkeypatch.setattr("suite.data.files.MOST_UNPACKED", 100_000)
    with pytest.raises(SuiteError, match=f"image {index} is corrupt"):
        source.load(tmp_path / "cache")


def test_many_small_images_after_a_large_one_take_no_memory(tmp_path, monkeypatch):
    large = np.zeros((150, 150, 3), np.uint8)
    source = write(tmp_path / "p.npz", spoiled_file(0, encode(large)))
    monkeypatch.setattr("suite.data.files.MOST_UNPACKED", 100_000)
    with pytest.raises(SuiteError, match=r"bytes that unpack to 472,500"):
        source.load(tmp_path / "cache")


def test_extra_examples_are_not_even_decoded(tmp_path):
    data = write(tmp_path / "p.npz", spoiled_file(6, b"no image at all")).load(tmp_path / "cache")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [3, 1, 2]


def test_describes_a_pack_that_is_there_damaged_or_missing(tmp_path):
    source = write(tmp_path / "p.npz", FEATURES)
    facts = {"title": "seven toys", "location": str(source.path), "licence": "free"}
    assert source.describe() == facts | {"present": "yes", "size": "0.0 MB"}
    source.path.write_bytes(b"no zip")
    assert source.describe()["present"] == "damaged"
    source.path.unlink()
    assert (source.describe()["title"], source.describe()["present"]) == ("pack of toy", "no")


def test_every_hundredth_image_of_the_real_pack_of_cifar10_loads_and_is_decoded_once(packs, tmp_path, monkeypatch):
    with np.load(packs / "image_classification.npz") as pack:
        content, offsets, y, split, meta = (pack[key] for key in ("x_encoded", "x_offsets", "y", "split", "meta"))
    rows = range(0, len(y), 100)
    files = [content[offsets[row] : offsets[row + 1]].tobytes() for row in rows]
    np.savez(tmp_path / "p.npz", **joined(files), y=y[rows], split=split[rows], meta=meta)
    source = PackSource(tmp_path / "p.npz", "image_classification")
    data = source.load(tmp_path)
    assert [len(part) for part in (data.train, data.validation, data.test)] == np.bincount(split[rows]).tolist()
    assert data.train.x.shape[1:] == (3, 32, 32)
    assert "lossy" in data.meta["title"].lower()
    monkeypatch.setattr(Image, "open", None)
    assert torch.equal(source.load(tmp_path).test.x, data.test.x)
