"""Examples of one's own, from a folder of images, a CSV table or an .npz file, as the arrays of a pack."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps

from suite import SuiteError
from suite.data.files import check_unpacked

SPLITS: Mapping[str, int] = {"train": 0, "training": 0, "validation": 1, "valid": 1, "val": 1, "test": 2}
"""Names of splits in folders and columns -> their numbers in a pack."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_SHOWN = 3


@dataclass(frozen=True)
class Examples:
    """Examples with labels, and how they are to be split where that is given.

    x: (N, C, H, W) uint8, (N, C, L) or (N, features).
    y: (N,) indices of `classes`.
    split: (N,) 0 train, 1 validation, 2 test; None where it is not given.
    groups: (N,) examples of one group stay in one split; None where each is on its own.
    """

    x: NDArray[Any]
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    split: NDArray[np.int64] | None = None
    groups: NDArray[Any] | None = None


@dataclass(frozen=True)
class Columns:
    """Names of a table's columns: the label's, and where there are such those of split, group and sequence."""

    label: str = "label"
    split: str | None = None
    group: str | None = None
    sequence: str | None = None


def read_images(folder: Path, size: tuple[int, int] | None, *, crop: bool, grey: bool) -> Examples:
    """Images in FOLDER/CLASS/, or in FOLDER/SPLIT/CLASS/ where all first folders are named after splits.

    Args:
        folder: where they are; files that are no images are refused.
        size: (height, width) that each image is resized to; None: all must have one size.
        crop: keep the aspect ratio and cut off what is too much, in place of stretching.
        grey: one channel in place of three.

    Raises:
        SuiteError: there are no images, some cannot be read, or their sizes differ; the text says how many.
    """
    by_split = all(child.name in SPLITS for child in folder.iterdir() if child.is_dir())
    pattern = "*/*/*" if by_split else "*/*"
    paths = sorted(path for path in folder.glob(pattern) if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        layout = "SPLIT/CLASS/IMAGE or CLASS/IMAGE, SPLIT one of train, validation, test"
        raise SuiteError(f"{folder}: no images; expected {layout}, {', '.join(IMAGE_SUFFIXES)}")
    arrays, broken = [], []
    for path in paths:
        try:
            with Image.open(path) as image:
                arrays.append(_pixels(image, size, crop=crop, grey=grey))
        except Exception:  # Pillow's decoders raise whatever they meet in damaged bytes
            broken.append(str(path.relative_to(folder)))
    if broken:
        raise SuiteError(f"{folder}: {len(broken)} of {len(paths)} images cannot be read: {_some(broken)}")
    sizes = Counter(array.shape[1:] for array in arrays)
    if len(sizes) > 1:
        (common, count), *_ = sizes.most_common(1)
        raise SuiteError(
            f"{folder}: images of {len(sizes)} sizes, {len(paths) - count} of {len(paths)} are not "
            f"{common[0]}x{common[1]}; give --size={common[0]}x{common[1]}, and --crop to keep their aspect ratio"
        )
    split = np.array([SPLITS[path.parent.parent.name] for path in paths]) if by_split else None
    return _labelled(np.stack(arrays), [path.parent.name for path in paths], split)


def _pixels(image: Image.Image, size: tuple[int, int] | None, *, crop: bool, grey: bool) -> NDArray[np.uint8]:
    """(C, H, W)."""
    check_unpacked(0, 3 * image.width * image.height)
    image = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    if size is not None:
        wanted = (size[1], size[0])
        image = ImageOps.fit(image, wanted) if crop else image.resize(wanted)
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[None] if grey else pixels.transpose(2, 0, 1)


def read_table(path: Path, columns: Columns) -> Examples:
    """Rows of a CSV file as examples (N, features), or those of one `columns.sequence` as a sequence (N, C, L).

    Every column that `columns` does not name is a feature, or a channel.

    Raises:
        SuiteError: columns are missing, are no numbers or have gaps, or sequences differ in length; all are named.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' errors of parsing are ValueErrors
        raise SuiteError(f"{path}: cannot be read as a CSV table ({error})") from error
    named = {f"--{key}": name for key, name in vars(columns).items() if name is not None}
    if missing := [f"{key}={name}" for key, name in named.items() if name not in table]:
        known = ", ".join(map(str, table.columns))
        raise SuiteError(f"{path}: no column for {', '.join(missing)}. Its columns: {known}")
    features = [name for name in table.columns if name not in named.values()]
    wrong = [str(name) for name in features if not pd.api.types.is_numeric_dtype(table[name])]
    gaps = [str(name) for name in table.columns if table[name].isna().any()]
    if wrong or gaps or not features:
        reasons = [f"no numbers in {_some(wrong)}"] * bool(wrong) + [f"gaps in {_some(gaps)}"] * bool(gaps)
        raise SuiteError(f"{path}: {'; '.join(reasons) or 'no column of features is left'}")
    values = table[features].to_numpy(np.float32)
    if columns.sequence is None:
        return _table_examples(values, table, columns)
    lengths = table.groupby(columns.sequence, sort=False).size()
    if lengths.nunique() > 1:
        common = int(lengths.mode().iloc[0])
        raise SuiteError(
            f"{path}: sequences of {lengths.nunique()} lengths, {int((lengths != common).sum())} of {len(lengths)} do "
            f"not have {common} rows: cut or pad them to one length"
        )
    one_label = table.groupby(columns.sequence)[columns.label].nunique()
    if (several := one_label[one_label > 1]).size:
        raise SuiteError(f"{path}: {len(several)} sequences have several labels: {_some(map(str, several.index))}")
    order = np.concatenate(list(table.groupby(columns.sequence, sort=False).indices.values()))
    sequences = values[order].reshape(len(lengths), int(lengths.iloc[0]), len(features)).transpose(0, 2, 1)
    return _table_examples(sequences, table.iloc[order[:: int(lengths.iloc[0])]], columns)


def _table_examples(x: NDArray[Any], rows: pd.DataFrame, columns: Columns) -> Examples:
    split = None
    if columns.split is not None:
        names = rows[columns.split].astype(str).str.lower()
        if unknown := sorted(set(names) - set(SPLITS)):
            raise SuiteError(f"--split={columns.split}: {_some(unknown)}; expected train, validation and test")
        split = np.array([SPLITS[name] for name in names])
    groups = None if columns.group is None else rows[columns.group].to_numpy()
    return _labelled(np.ascontiguousarray(x), rows[columns.label].astype(str), split, groups)


def _labelled(
    x: NDArray[Any], labels: ArrayLike, split: NDArray[np.int64] | None, groups: NDArray[Any] | None = None
) -> Examples:
    classes, y = np.unique(labels, return_inverse=True)
    return Examples(x, y.astype(np.int64), tuple(map(str, classes)), split, groups)


def read_arrays(path: Path) -> Examples:
    """Arrays `x` (N, ...), `y` (N,) of integers or names, and where there are such `split` and `group` (N,).

    Raises:
        SuiteError: the file or an array cannot be read, or their lengths differ.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            check_unpacked(path.stat().st_size, sum(member.file_size for member in file.zip.infolist()))
            arrays = {name: np.atleast_1d(file[name]) for name in file.files if name in ("x", "y", "split", "group")}
    except Exception as error:  # zipfile and numpy raise several types on damaged bytes
        raise SuiteError(f"{path}: cannot be read as an .npz file ({error})") from error
    if missing := [name for name in ("x", "y") if name not in arrays]:
        raise SuiteError(f"{path}: lacks the array {' and '.join(missing)}")
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise SuiteError(f"{path}: arrays of different lengths: {', '.join(f'{k} {n}' for k, n in lengths.items())}")
    if wrong := [name for name, array in arrays.items() if name != "x" and array.ndim != 1]:
        raise SuiteError(f"{path}: {wrong[0]} must have one entry an example (N,), not {arrays[wrong[0]].shape}")
    x, split = arrays["x"], arrays.get("split")
    if x.ndim < 2 or x.dtype.kind not in "fiub":
        raise SuiteError(f"{path}: x must be numbers (N, ...), not {x.dtype} {x.shape}")
    if split is not None and (split.dtype.kind not in "iu" or not np.isin(split, (0, 1, 2)).all()):
        raise SuiteError(f"{path}: split must be 0 for training, 1 for validation, 2 for test")
    x = x if x.dtype in (np.uint8, np.int16) else x.astype(np.float32)
    return _labelled(x, arrays["y"], split, arrays.get("group"))


def _some(names: Iterable[str]) -> str:
    """The first names, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
