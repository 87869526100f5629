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
from collections.abc import Iterator, Mapping, Sequence
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
from suite.data.cache import Splits, cached_splits, file_digest, format_megabytes
from suite.data.files import replacing

FORMAT = "pack-1"
ANOMALY_CLASSES = ("normal", "anomalous")
LOSSY_NOTE = "lossy copy: scores are not comparable with those on the original data"
# No others: some of Pillow's decoders start other programs (EPS) or are rarely maintained.
IMAGE_FORMATS = ("JPEG", "PNG", "WEBP")


def write_pack(
    path: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], *, compress: bool = False
) -> None:
    """Write a pack of `arrays`, `meta` (without its format) as text among them; equal content, equal bytes.

    Without `compress`, reading 1 GB takes a second instead of ten.

    Raises:
        OSError: the folder cannot be written.
    """
    text = json.dumps({**meta, "format": FORMAT}, sort_keys=True, ensure_ascii=False)
    content = {name: arrays[name] for name in sorted(arrays)} | {"meta": np.array(text)}
    with replacing(path) as file:
        (np.savez_compressed if compress else np.savez)(file, **content)  # type: ignore[arg-type]


def encode_files(files: Sequence[bytes]) -> dict[str, NDArray[Any]]:
    """The arrays `x_encoded` and `x_offsets` of image files."""
    ends = np.cumsum([0, *map(len, files)], dtype=np.int64)
    return {"x_encoded": np.frombuffer(b"".join(files), np.uint8), "x_offsets": ends}


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
            raise self._error(error) from error

    def load(self, cache: Path) -> Data:
        """The three splits: images uint8 (N, 3, H, W), float features float32, integer features as stored.

        Float features (N, H, W) get a channel axis: (N, 1, H, W). Images are decoded once and cached in the folder
        `cache`. `Data.meta` holds the texts and numbers of the pack's meta as text, such as `scale` and `offset` of
        uint8 features, and says in `note` if the pack is a lossy copy.

        Raises:
            SuiteError: the pack is missing, damaged or does not follow the format; the text names it.
        """
        fingerprint = self.fingerprint()
        with self._open() as pack:
            meta = _meta(pack, self.benchmark)
            classes = tuple(meta.get("classes", ANOMALY_CLASSES))
            if "x" in pack.files:
                splits = _feature_splits(pack, len(classes))
            else:
                splits = cached_splits(cache, fingerprint, lambda: _image_splits(pack, len(classes)))
            background = torch.from_numpy(pack["background"]) if "background" in pack.files else None
        return Data(*splits, classes=classes, meta=_text_meta(meta), background=background)

    def example_shape(self) -> tuple[int, ...]:
        """Shape of one stored example; reads the header of the array `x` only.

        Raises:
            SuiteError: the pack is missing, damaged or holds no features.
        """
        with self._open() as pack, pack.zip.open("x.npy") as member:  # type: ignore[union-attr]
            np.lib.format.read_magic(member)
            shape, _, _ = np.lib.format.read_array_header_1_0(member)
        return tuple(shape[1:])

    @contextmanager
    def _open(self) -> Iterator[NpzFile]:
        try:
            with np.load(self.path, allow_pickle=False) as pack:
                yield pack
        except Exception as error:  # zipfile, zlib and numpy raise a dozen types on damaged bytes
            raise self._error(error) from error

    def _error(self, error: Exception) -> SuiteError:
        reason = f"no such file; give the path of an .npz file of the format {FORMAT}"
        if not isinstance(error, FileNotFoundError):
            reason = " ".join(str(error).split()) or type(error).__name__
        return SuiteError(f"benchmark.data.pack={self.path}: {reason}")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _meta(pack: NpzFile, benchmark: str) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads(pack["meta"].item())
    _require(meta["format"] == FORMAT, f"the format in 'meta' is {meta['format']!r}, not {FORMAT!r}")
    for key in ("benchmark", "title", "source", "licence"):
        _require(isinstance(meta.get(key), str), f"'meta' lacks the text {key!r}")
    _require(meta["benchmark"] == benchmark, f"holds the benchmark {meta['benchmark']!r}, not {benchmark!r}")
    return meta


def _text_meta(meta: dict[str, Any]) -> dict[str, str]:
    texts = {key: str(value) for key, value in meta.items() if isinstance(value, str | int | float)}
    del texts["format"]
    if "lossy" in meta["title"].lower():
        texts["note"] = "; ".join(filter(None, (texts.get("note"), LOSSY_NOTE)))
    return texts


def _labels(pack: NpzFile, n_classes: int) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Labels (N,) of all examples, and for each of the three splits the indices of its examples."""
    y, codes = pack["y"].astype(np.int64, casting="safe"), pack["split"].astype(np.int64, casting="safe")
    _require(y.ndim == 1 and y.shape == codes.shape, f"'y' {y.shape} and 'split' {codes.shape} must be (N,) both")
    _require(bool(((y >= 0) & (y < n_classes)).all()), f"'y' must lie between 0 and {n_classes - 1}, a class each")
    indices = [np.flatnonzero(codes == code) for code in range(len(Splits._fields))]
    _require(all(map(len, indices)), "'split' must leave examples for train (0), validation (1) and test (2)")
    return y, indices


def _feature_splits(pack: NpzFile, n_classes: int) -> Splits:
    y, indices = _labels(pack, n_classes)
    x = pack["x"]
    known = x.dtype.kind == "f" or x.dtype in (np.uint8, np.int16)
    _require(x.ndim > 1 and known, f"'x' must be float, uint8 or int16 (N, ...), not {x.dtype} {x.shape}")
    _require(len(x) == len(y), f"'y' has {len(y)} examples, but 'x' has {len(x)}")
    if x.dtype.kind == "f":
        with np.errstate(over="ignore"):
            x = x.astype(np.float32)
        _require(bool(np.isfinite(x).all()), "'x' is not finite")
    names = [name for name in pack.files if name not in ("x", "y", "split", "meta", "background")]
    others = {name: pack[name] for name in names}
    columns = {
        name: torch.from_numpy(array.astype(np.int64))
        for name, array in others.items()
        if array.shape == y.shape and array.dtype.kind in "iu"
    }
    whole = Split(torch.from_numpy(x), torch.from_numpy(y), columns)
    return Splits(*(whole.take(torch.from_numpy(members)) for members in indices))


def _image_splits(pack: NpzFile, n_classes: int) -> Splits:
    y, indices = _labels(pack, n_classes)
    content, offsets = pack["x_encoded"], pack["x_offsets"].tolist()
    _require(len(offsets) == len(y) + 1, f"'y' has {len(y)} examples, but 'x_offsets' {len(offsets)}, not one more")
    files = [content[start:end].data for start, end in itertools.pairwise(offsets)]
    shape = _decode(files, int(indices[0][0])).shape
    return Splits(*(_decode_split(files, shape, y, members) for members in indices))


def _decode_split(
    files: Sequence[memoryview], shape: tuple[int, ...], y: NDArray[np.int64], members: NDArray[np.int64]
) -> Split:
    x = np.empty((len(members), *shape), dtype=np.uint8)

    def decode(row: int) -> None:
        image = _decode(files, int(members[row]))
        _require(image.shape == shape, f"image {members[row]} is {image.shape}, but the first is {shape}")
        x[row] = image

    with ThreadPoolExecutor() as threads:  # Pillow decodes outside the interpreter's lock
        list(threads.map(decode, range(len(members))))
    return Split(torch.from_numpy(x), torch.from_numpy(y[members]))


def _decode(files: Sequence[memoryview], index: int) -> NDArray[np.uint8]:
    """Decode image `index` to (3, H, W)."""
    try:
        with Image.open(io.BytesIO(files[index]), formats=IMAGE_FORMATS) as image:
            return np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    except Exception as error:  # Pillow's decoders raise whatever they meet in damaged bytes
        raise ValueError(f"image {index} is corrupt: it cannot be decoded as {', '.join(IMAGE_FORMATS)}") from error
