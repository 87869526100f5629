"""Packs: one .npz file (format "pack-1") with a benchmark's features or image files, labels, splits and licence.

| array | meaning |
|---|---|
| `x` (N, ...) | features, float, uint8 or int16; or instead |
| `x_encoded` (bytes,) uint8 | image files (JPEG, PNG, WebP) back to back |
| `x_offsets` (N+1,) int | file i is `x_encoded[x_offsets[i]:x_offsets[i+1]]` |
| `y` (N,) int | class; without `classes` in `meta`, 0 is normal and 1 anomalous |
| `split` (N,) int | 0 train, 1 validation, 2 test, 3 extra (left out) |
| any other (N,) int | beside features: a column of each split, such as `machine` or `speaker` |
| `background` (M, samples) int16 | where `x` holds waveforms (int16): recordings of noise to mix into training clips |
| `meta` () | JSON text: format, benchmark, title, source, licence and, unless it is anomaly detection, classes |
"""

import io
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from PIL import Image

from suite import SuiteError
from suite.data.base import Data, Split
from suite.data.cache import SPLIT_NAMES, Splits, cached_splits, file_digest, format_megabytes
from suite.data.files import check_unpacked

FORMAT = "pack-1"
ANOMALY_CLASSES = ("normal", "anomalous")
# No others: some of Pillow's decoders start other programs (EPS) or are rarely maintained.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP")
EXTRA = 3


@dataclass(frozen=True)
class PackSource:
    """The data of `benchmark` from the pack at `path`."""

    path: Path
    benchmark: str

    def describe(self) -> dict[str, str]:
        """Title, location, licence, size and present ("yes", "no" or "damaged") of the pack."""
        facts = {"title": f"pack of {self.benchmark}", "location": str(self.path), "licence": "unknown"}
        if not self.path.is_file():
            return facts | {"present": "no", "size": "-"}
        facts["size"] = format_megabytes(self.path.stat().st_size)
        try:
            with self._open() as pack:
                meta = _meta(pack, self.benchmark)
        except SuiteError:
            return facts | {"present": "damaged"}
        return facts | {"title": meta["title"], "licence": meta["licence"], "present": "yes"}

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes in hex, cached until the file changes.

        Raises:
            SuiteError: the file is missing or cannot be read.
        """
        try:
            return file_digest(self.path)
        except OSError as error:
            raise self._error(_os_reason(error)) from error

    def load(self, cache: Path) -> Data:
        """The three splits: images uint8 (N, 3, H, W), float features float32, integer features as stored.

        Images are decoded once and cached in the folder `cache`. `Data.meta` holds the texts and numbers of the pack's
        meta as text, such as `scale` and `offset` of uint8 features.

        Raises:
            SuiteError: the pack is missing, damaged or does not follow the format; the text names it.
        """
        fingerprint = self.fingerprint()
        with self._open() as pack:
            meta = _meta(pack, self.benchmark)
            classes = _classes(meta)
            if _holds_images(pack):
                splits = cached_splits(cache, fingerprint, lambda: _image_splits(pack, len(classes)))
            else:
                splits = _feature_splits(pack, len(classes))
            background = _background(pack) if "background" in pack.files else None
        return Data(**splits, classes=classes, meta=_text_meta(meta), background=background)

    def example_shape(self) -> tuple[int, ...]:
        """Shape of one stored example; reads the header of the array `x` only.

        Raises:
            SuiteError: the pack is missing, damaged or holds no features.
        """
        with self._open() as pack:
            if "x" not in pack.files:
                raise ValueError("lacks the array 'x'")
            try:
                with pack.zip.open("x.npy") as member:  # type: ignore[union-attr]
                    np.lib.format.read_magic(member)
                    return tuple(np.lib.format.read_array_header_1_0(member)[0][1:])
            except Exception as error:  # zipfile and numpy raise several types on damaged bytes
                raise ValueError(f"the array 'x' is damaged ({error})") from error

    @contextmanager
    def _open(self) -> Iterator[NpzFile]:
        """The pack; what a ValueError says is wrong with it becomes a SuiteError with its path."""
        try:
            pack = np.load(self.path, allow_pickle=False)
        except FileNotFoundError as error:
            raise self._error(_os_reason(error)) from error
        except Exception as error:  # zipfile and numpy raise several types on damaged bytes
            raise self._error("truncated, or not an .npz file") from error
        if not isinstance(pack, NpzFile):
            raise self._error("not an .npz file but a single array")
        with pack:
            try:
                members = pack.zip.infolist()  # type: ignore[union-attr]
                check_unpacked(self.path.stat().st_size, sum(member.file_size for member in members))
                yield pack
            except ValueError as error:
                raise self._error(str(error)) from error

    def _error(self, reason: str) -> SuiteError:
        return SuiteError(f"benchmark.data.pack={self.path}: {reason}")


def _os_reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no such file; give the path of an .npz file of the format {FORMAT}"
    return f"cannot be read ({error.strerror})"


def _array(pack: NpzFile, key: str) -> NDArray[Any]:
    if key not in pack.files:
        raise ValueError(f"lacks the array {key!r}")
    try:
        array = pack[key]
    except Exception as error:  # zlib, zipfile and numpy raise a dozen types on damaged bytes
        raise ValueError(f"the array {key!r} is damaged ({error})") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{key!r} is not an array")
    return array


def _integers(pack: NpzFile, key: str) -> NDArray[np.int64]:
    array = _array(pack, key)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{key!r} must hold integers (N,), not {array.dtype} {array.shape}")
    return array.astype(np.int64)


def _meta(pack: NpzFile, benchmark: str) -> dict[str, Any]:
    text = _array(pack, "meta")
    try:
        meta = json.loads(text.item())
    except (TypeError, ValueError) as error:
        raise ValueError(f"'meta' is not a text in JSON ({error})") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        actual = meta.get("format") if isinstance(meta, dict) else meta
        raise ValueError(f"the format in 'meta' is {actual!r}, not {FORMAT!r}")
    for key in ("benchmark", "title", "source", "licence"):
        if not isinstance(meta.get(key), str):
            raise ValueError(f"'meta' lacks the text {key!r}")
    if meta["benchmark"] != benchmark:
        raise ValueError(f"holds the benchmark {meta['benchmark']!r}, not {benchmark!r}")
    return meta


def _classes(meta: dict[str, Any]) -> tuple[str, ...]:
    classes = meta.get("classes", list(ANOMALY_CLASSES))
    if not (isinstance(classes, list) and classes and all(isinstance(name, str) for name in classes)):
        raise ValueError(f"'classes' in 'meta' must be a list of names, not {classes!r}")
    return tuple(classes)


def _text_meta(meta: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in meta.items() if key != "format" and isinstance(value, str | int | float)}


def _holds_images(pack: NpzFile) -> bool:
    features, images = "x" in pack.files, "x_encoded" in pack.files
    if features == images:
        raise ValueError(f"must hold either 'x' or 'x_encoded', not {'both' if features else 'neither'}")
    return images


def _labels(pack: NpzFile, n_classes: int) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    """Labels (N,) of all examples, and the indices of each split's examples."""
    y, codes = _integers(pack, "y"), _integers(pack, "split")
    if len(y) != len(codes):
        raise ValueError(f"'y' has {len(y)} examples, but 'split' has {len(codes)}")
    for index in np.flatnonzero((y < 0) | (y >= n_classes))[:1]:
        raise ValueError(f"'y' is {y[index]} in example {index}, but there are {n_classes} classes")
    for index in np.flatnonzero((codes < 0) | (codes > EXTRA))[:1]:
        raise ValueError(f"'split' is {codes[index]} in example {index}, but it can be 0 to {EXTRA}")
    indices = {name: np.flatnonzero(codes == code) for code, name in enumerate(SPLIT_NAMES)}
    if empty := [name for name, members in indices.items() if not len(members)]:
        raise ValueError(f"'split' leaves no example for {empty[0]}")
    return y, indices


def _feature_splits(pack: NpzFile, n_classes: int) -> Splits:
    y, indices = _labels(pack, n_classes)
    x = _array(pack, "x")
    if x.ndim < 2 or 0 in x.shape[1:] or (x.dtype.kind != "f" and x.dtype not in (np.uint8, np.int16)):
        raise ValueError(f"'x' must be float, uint8 or int16 (N, ...), not {x.dtype} {x.shape}")
    if len(x) != len(y):
        raise ValueError(f"'y' has {len(y)} examples, but 'x' has {len(x)}")
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            x = x.astype(np.float32)
        for index in np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[:1]:
            raise ValueError(f"'x' is not finite in example {index}")
    whole = Split(torch.from_numpy(x), torch.from_numpy(y), _columns(pack, len(y)))
    return {name: whole.take(torch.from_numpy(members)) for name, members in indices.items()}


def _columns(pack: NpzFile, n: int) -> dict[str, torch.Tensor]:
    """The pack's further integers per example (n,), int64."""
    others = [name for name in pack.files if name not in ("x", "y", "split", "meta", "background")]
    arrays = {name: _array(pack, name) for name in others}
    columns = {name: array for name, array in arrays.items() if array.shape == (n,) and array.dtype.kind in "iu"}
    return {name: torch.from_numpy(array.astype(np.int64)) for name, array in columns.items()}


def _background(pack: NpzFile) -> torch.Tensor:
    """Recordings of noise (M, samples), int16."""
    background = _array(pack, "background")
    if background.ndim != 2 or background.dtype != np.int16:
        raise ValueError(f"'background' must be int16 (M, samples), not {background.dtype} {background.shape}")
    return torch.from_numpy(background)


def _image_splits(pack: NpzFile, n_classes: int) -> Splits:
    y, indices = _labels(pack, n_classes)
    content, offsets = _array(pack, "x_encoded"), _integers(pack, "x_offsets")
    if content.ndim != 1 or content.dtype != np.uint8:
        raise ValueError(f"'x_encoded' must be uint8 (bytes,), not {content.dtype} {content.shape}")
    if len(offsets) != len(y) + 1:
        raise ValueError(f"'y' has {len(y)} examples, but 'x_offsets' has {len(offsets)} and not one more")
    if (np.diff(offsets) < 0).any() or offsets[0] < 0 or offsets[-1] > len(content):
        raise ValueError(f"'x_offsets' must rise within the {len(content)} bytes of 'x_encoded'")
    files = [content[start:end].data for start, end in itertools.pairwise(offsets.tolist())]
    shape = _decode(files, int(indices["train"][0])).shape
    check_unpacked(len(content), len(y) * math.prod(shape))
    return {name: _decoded(files, shape, y, members) for name, members in indices.items()}


def _decoded(
    files: Sequence[memoryview], shape: tuple[int, ...], y: NDArray[np.int64], members: NDArray[np.int64]
) -> Split:
    x = np.empty((len(members), *shape), dtype=np.uint8)

    def decode(row: int) -> None:
        index = int(members[row])
        image = _decode(files, index)
        if image.shape != shape:
            raise ValueError(f"image {index} is {image.shape}, but the first is {shape}")
        x[row] = image

    with ThreadPoolExecutor() as threads:  # Pillow decodes outside the interpreter's lock
        for _ in threads.map(decode, range(len(members))):
            pass
    return Split(torch.from_numpy(x), torch.from_numpy(y[members]))


def _decode(files: Sequence[memoryview], index: int) -> NDArray[np.uint8]:
    """Decode image `index` to (3, H, W)."""
    try:
        with Image.open(io.BytesIO(files[index]), formats=IMAGE_FORMATS) as image:
            check_unpacked(len(files[index]), 3 * image.width * image.height)
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:  # Pillow's decoders raise whatever they meet in damaged bytes
        raise ValueError(f"image {index} is corrupt: it cannot be decoded as {', '.join(IMAGE_FORMATS)}") from error
