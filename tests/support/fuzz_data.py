"""What is fuzzed of data: packs, archives, one's own examples, and tables of measurements."""

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from checkout import PUBLISHED
from fuzzing import ODD_VALUES, Fuzz, as_json, damaged, mutated, suite
from hypothesis import strategies as st
from PIL import Image
from sounds import wav

from suite import SuiteError
from suite.data.archives import iter_members, load_restricted_pickle
from suite.data.cifar10 import TEST, TRAIN, Cifar10
from suite.data.pack import PackSource
from suite.data.wav import read_wav
from suite.hardware.calibration.tables import PublishedDevices

META = {"format": "pack-1", "benchmark": "toy", "title": "t", "source": "s", "licence": "l", "classes": ["a", "b"]}
SPLIT, LABELS = np.array([0, 0, 0, 1, 2, 2, 3], np.uint8), np.array([0, 1, 1, 0, 1, 0, 1])
DTYPES = ("<f8", "<f2", "|u1", "<i8", "<u8", "|b1", "<c16", "<U3", "|S0", "|V8", "<M8[s]", "|O", "<f16")
SHAPES = ((), (0,), (7,), (7, 0), (7, 3), (7, 1, 2, 2), (8, 3), (7, 3, 10**13), (10**13,), (0, 2**62), (2**62, 2**62))


def _npy(dtype: str, shape: tuple[int, ...]) -> bytes:
    """A .npy file whose header claims this; at most some kB of its numbers are there."""
    buffer = io.BytesIO()
    header = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + bytes(min(int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize, 1000))


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def _npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _image(size: tuple[int, int] = (4, 5), kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, kind)
    return buffer.getvalue()


def _image_pack(files: list[bytes]) -> bytes:
    offsets = np.cumsum([0, *map(len, files)])
    return _npz(x_encoded=np.frombuffer(b"".join(files), np.uint8), x_offsets=offsets, y=LABELS, split=SPLIT,
                meta=np.array(json.dumps(META)))  # fmt: skip


def changed_npz(whole: bytes) -> st.SearchStrategy[bytes]:
    """The .npz with one array of another type, shape or content, or with no bytes of it."""
    members = _members(whole)
    names = st.sampled_from([*members, "background.npy", "machine.npy", "odd.txt", "../odd.npy"])
    arrays = st.builds(_npy, st.sampled_from(DTYPES), st.sampled_from(SHAPES))
    contents = st.one_of(arrays, st.binary(max_size=30), *map(damaged, members.values()))
    return st.tuples(names, contents).map(lambda drawn: _zip(members | dict([drawn])))


def pack(folder: Path) -> Fuzz:
    """Packs of features, waveforms and images, as they are listed, and loaded."""
    features = _npz(x=np.ones((7, 3, 2), np.float16), y=LABELS, split=SPLIT, meta=np.array(json.dumps(META)))
    waves = _npz(x=np.ones((7, 9), np.int16), y=LABELS, split=SPLIT, background=np.ones((2, 9), np.int16),
                 machine=LABELS, meta=np.array(json.dumps(META)))  # fmt: skip
    images = _image_pack([_image(kind=kind) for kind in ("PNG", "JPEG", "WEBP", "PNG", "PNG", "JPEG", "PNG")])
    metas = mutated(META).map(lambda tree: _zip(_members(features) | {"meta.npy": _text(as_json(tree).decode())}))
    pictures = st.lists(
        st.one_of(damaged(_image()), st.just(_image()), st.just(_image((5, 4)))), min_size=7, max_size=7
    )
    path = folder / "p.npz"
    inputs = [metas, pictures.map(_image_pack), *map(changed_npz, (features, waves, images))]

    def check(content: bytes) -> None:
        path.write_bytes(content)
        source = PackSource(path, "toy")
        source.describe()
        for read in (source.example_shape, lambda: source.load(folder / "cache")):
            with suppress(SuiteError):
                read()

    return Fuzz(st.one_of(*inputs, *map(damaged, (features, waves, images))), check)


def _text(text: str) -> bytes:
    buffer = io.BytesIO()
    with suppress(UnicodeEncodeError):
        np.save(buffer, np.array(text))
    return buffer.getvalue()


def _tar(members: Mapping[str, bytes], kind: bytes = tarfile.REGTYPE, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "../../odd"
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def data_archive(folder: Path) -> Fuzz:
    """Archives of data sets with damaged bytes, odd members and damaged pickles and sounds."""
    batch = {b"data": np.zeros((10, 3072), np.uint8), b"labels": list(range(10))}
    pickled = pickle.dumps(batch, 2)
    batches = dict.fromkeys((*TRAIN, TEST), pickled)
    whole = _tar(batches)
    names = st.sampled_from(("../odd", "/odd", "a/../../odd", "a\0b", "名" * 100, "C:\\odd", "~/odd", "a//b"))
    kinds = st.sampled_from((tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE))
    odd_tars = st.builds(lambda name, kind: _tar(batches | {name: b""}, kind), names, kinds)
    odd_batches = st.one_of(damaged(pickled), mutated([*batch.values()]).map(_pickle)).map(
        lambda content: _tar(batches | {TEST: content})
    )
    odd_zips = names.map(lambda name: _zip({"b": b"1", name: b"2"}))

    def check(drawn: tuple[str, bytes]) -> None:
        name, content = drawn
        path = folder / name
        path.write_bytes(content)
        with suppress(SuiteError):
            for _ in iter_members(path, lambda _: True):
                pass
        with suppress(SuiteError):
            Cifar10().pack([path], lambda *_: None)

    tars = st.one_of(damaged(whole), odd_tars, odd_batches)
    zips = st.one_of(odd_zips, damaged(_zip({"a": b"1" * 99, "b/c": b"2"})))
    return Fuzz(st.one_of(st.tuples(st.just("a.tgz"), tars), st.tuples(st.just("a.zip"), zips)), check)


def _pickle(values: Any) -> bytes:
    keys = (b"data", b"labels", b"odd")
    try:
        return pickle.dumps(dict(zip(keys, values, strict=False)), 2)
    except (UnicodeEncodeError, TypeError):
        return b""


def members(folder: Path) -> Fuzz:
    """Pickles and sounds, as they lie in archives."""
    batch = {b"data": np.zeros((3, 4), np.uint8), b"labels": [1, 2]}
    sound = wav(np.arange(50, dtype=np.int16))

    def check(content: bytes) -> None:
        for read in (load_restricted_pickle, read_wav):
            with suppress(SuiteError):
                read(content, "member")

    pickles = [damaged(pickle.dumps(batch, protocol)) for protocol in (0, 2, 5)]
    return Fuzz(st.one_of(*pickles, damaged(sound)), check)


def examples(folder: Path) -> Fuzz:
    """`suite data pack` of tables, arrays and folders of images."""
    rows = [["a", "b", "label", "person"], *([i, i * 0.5, "xy"[i % 2], f"p{i % 5}"] for i in range(20))]
    arrays = _npz(x=np.ones((20, 4), np.float32), y=np.arange(20) % 2, split=np.arange(20) % 3)
    for i in range(12):
        image = folder / "photos" / "xy"[i % 2] / f"{i}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(_image())

    def check(drawn: tuple[str, bytes]) -> None:
        name, content = drawn
        (folder / name).write_bytes(content)
        own = ("--group", "person") if name.endswith(".csv") else ()
        examples = "photos" if name.startswith("photos") else name
        suite("data", "pack", folder / examples, "--name", "own", "--out", folder / "own.npz", *own)

    inputs = {
        "a.csv": _csv(rows),
        "a.npz": st.one_of(damaged(arrays), changed_npz(arrays)),
        "photos/x/0.png": st.one_of(damaged(_image()), st.just(_image((9, 9)))),
    }
    return Fuzz(st.one_of([st.tuples(st.just(name), contents) for name, contents in inputs.items()]), check, few=8)


def _csv(rows: list[list[Any]]) -> st.SearchStrategy[bytes]:
    """A table with other cells, rows or bytes."""
    odd = (*(value for value in ODD_VALUES if not isinstance(value, dict | list)), '"', "a,b", "1\n2", "0x10", "1_0")

    def encode(rows: list[Any]) -> bytes:
        lines = (",".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows)
        return "\n".join(lines).encode(errors="replace")

    return st.one_of(mutated(rows, odd).map(encode), damaged(encode(rows)))


def measurements(folder: Path) -> Fuzz:
    """`suite device fit` of one's own measurements, of networks by name and by their work."""
    by_name = [["network", "latency_ms", "energy_uj"], ["resnet8", 100, 9], ["ds_cnn", 30, ""], ["mobilenet_v1", 90, 8]]
    by_work = [["macs_conv", "conv_outputs", "macs_depthwise", "macs_linear", "latency_ms"]]
    by_work += [[1000 * i, 20 * i, 50, 60 * i * i, 3 * i] for i in range(1, 4)]
    options = st.sampled_from(
        ((), ("--clock-mhz", "nan"), ("--power-mw", "1e400"), ("--name", "../odd"), ("--like", "名"))
    )

    def check(drawn: tuple[bytes, tuple[str, ...]]) -> None:
        (folder / "measured.csv").write_bytes(drawn[0])
        suite("device", "fit", folder / "measured.csv", *drawn[1])

    return Fuzz(st.tuples(st.one_of(_csv(by_name), _csv(by_work)), options), check, few=3)


def published(folder: Path) -> Fuzz:
    """The tables of published measurements, in a folder that `--published` names."""
    tables = {path.name: path.read_bytes() for path in (PUBLISHED / "devices").glob("*.csv")}
    for name, content in tables.items():
        (folder / name).write_bytes(content)

    def rows(content: bytes) -> list[list[Any]]:
        return [line.split(",") for line in content.decode().splitlines()[:12]]

    def check(drawn: tuple[str, bytes]) -> None:
        name, content = drawn
        (folder / name).write_bytes(content)
        with suppress(SuiteError):
            _ = PublishedDevices(folder).systems
        (folder / name).write_bytes(tables[name])

    files = [st.tuples(st.just(name), st.one_of(damaged(c), _csv(rows(c)))) for name, c in tables.items()]
    return Fuzz(st.one_of(files), check)


DATA: dict[str, Callable[[Path], Fuzz]] = {
    f.__name__: f for f in (pack, data_archive, members, examples, measurements, published)
}
"""Name -> what makes the target in a folder."""
