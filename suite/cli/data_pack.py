"""`suite data pack`: one's own examples as a pack, and the benchmark's YAML file that reads it."""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.examples import Columns, Examples, read_arrays, read_images, read_table
from suite.data.files import replacing
from suite.data.pack import FORMAT
from suite.data.splitting import split_examples

_ABOUT = """Turn a folder of images (CLASS/IMAGE, or SPLIT/CLASS/IMAGE with splits train, validation, test), a CSV
table or an .npz file with arrays x and y into a pack, which runs read. Splits that are not given are drawn by class
alike."""

_YAML = """# Examples of one's own, made by suite data pack
_target_: suite.benchmarks.base.Classification
name: {name}
title: {title}
input_shape: {shape}
chance: {chance}
data: {{pack: {pack}, folder: null, download: true}}
network: {network}
recipe: {{epochs: 20, batch: 32, mask_lr: 6e-3}}
"""
_NETWORKS = {
    3: ("resnet8.ResNet8", "in_channels"),
    2: ("starters.SequenceNet", "in_channels"),
    1: ("starters.TableNet", "inputs"),
}
"""Axes of an example -> a network to start from, and what it calls the length of the first axis."""


def add_parser(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """The parser of `suite data pack`."""
    parser = verbs.add_parser("pack", help="your images, table or arrays as a pack", description=_ABOUT)
    parser.add_argument("examples", type=Path, help="a folder, a .csv or an .npz file")
    parser.add_argument("--name", required=True, help="of the benchmark: benchmark=NAME")
    parser.add_argument("--out", type=Path, help="the pack's file; NAME.npz by default")
    for key in ("title", "source", "licence"):
        parser.add_argument(f"--{key}", default="", help=f"{key} of the data, for reports")
    images = parser.add_argument_group("images")
    images.add_argument("--size", type=_size, help="resize to HEIGHTxWIDTH, or a square's side")
    images.add_argument("--crop", action="store_true", help="keep the aspect ratio and cut off what is too much")
    images.add_argument("--grey", action="store_true", help="one channel")
    table = parser.add_argument_group("tables: names of columns; all others are features")
    table.add_argument("--label", default="label", help="the class; label by default")
    table.add_argument("--split", help="train, validation or test")
    table.add_argument("--group", help="examples of one group stay in one split")
    table.add_argument("--sequence", help="rows of one value are a sequence, in their order; features are its channels")
    splits = parser.add_argument_group("splits that are not given")
    splits.add_argument("--validation", type=float, default=0.15, help="share of validation examples; 0.15 by default")
    splits.add_argument("--test", type=float, default=0.15, help="share of test examples; 0.15 by default")
    splits.add_argument("--seed", type=int, default=0, help="random seed of the draw; 0 by default")
    return parser


def main(options: argparse.Namespace) -> int:
    """Write the pack, and with --config-dir the benchmark's YAML file; say what is in it and what to do next.

    Raises:
        SuiteError: the examples cannot be read or split, or a file cannot be written.
    """
    if not re.fullmatch(r"[A-Za-z]\w*", options.name):
        raise SuiteError(f"--name={options.name}: letters, digits and underscores, a letter first")
    examples = _read(options)
    split = split_examples(examples, options.validation, options.test, options.seed)
    out: Path = options.out or Path(f"{options.name}.npz")
    title = options.title or options.name
    meta = {"format": FORMAT, "benchmark": options.name, "title": title, "classes": list(examples.classes)}
    meta |= {"source": options.source or str(options.examples.name), "licence": options.licence or "not stated"}
    arrays = {"x": examples.x, "y": examples.y, "split": split.astype(np.uint8), "meta": np.array(json.dumps(meta))}
    with replacing(out) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    print("\n".join(_summary(out, examples, split)))
    yaml = _benchmark_yaml(options.name, title, out, examples, split)
    print("\n".join(_next_steps(options, yaml)))
    return 0


def _read(options: argparse.Namespace) -> Examples:
    path: Path = options.examples
    if path.is_dir():
        return read_images(path, options.size, crop=options.crop, grey=options.grey)
    if not path.is_file():
        raise SuiteError(f"{path}: no such folder or file")
    columns = Columns(options.label, options.split, options.group, options.sequence)
    examples = read_arrays(path) if path.suffix == ".npz" else read_table(path, columns)
    bad = ~np.isfinite(examples.x).reshape(len(examples.x), -1).all(axis=1)
    if bad.any():
        raise SuiteError(f"{path}: {bad.sum()} of {len(bad)} examples are not finite, the first is {bad.argmax()}")
    return examples


def _summary(out: Path, examples: Examples, split: NDArray[np.int64]) -> Iterator[str]:
    yield f"{out}: {len(examples.y)} examples of shape {tuple(examples.x.shape[1:])}, {examples.x.dtype}"
    for number, name in enumerate(("train", "validation", "test")):
        counts = np.bincount(examples.y[split == number], minlength=len(examples.classes))
        classes = ", ".join(f"{label} {count}" for label, count in zip(examples.classes, counts, strict=True))
        yield f"  {name:<11}{counts.sum():>7}  {classes}"


def _benchmark_yaml(name: str, title: str, pack: Path, examples: Examples, split: NDArray[np.int64]) -> str:
    shape = list(examples.x.shape[1:])
    counts = np.bincount(examples.y[split == 2])
    class_path, first = _NETWORKS[len(shape)]
    network = f"{{_target_: suite.models.{class_path}, {first}: {shape[0]}, classes: {len(examples.classes)}}}"
    chance = round(float(counts.max() / counts.sum()), 3)
    quoted = {"title": json.dumps(title, ensure_ascii=False), "pack": json.dumps(str(pack), ensure_ascii=False)}
    return _YAML.format(name=name, shape=shape, chance=chance, network=network, **quoted)


def _next_steps(options: argparse.Namespace, yaml: str) -> Iterator[str]:
    if options.config_dir is None:
        yield f"add --config-dir=DIR to get DIR/benchmark/{options.name}.yaml:\n\n{yaml}"
        return
    path: Path = options.config_dir / "benchmark" / f"{options.name}.yaml"
    if path.exists():
        yield f"{path}: is there, and stays as it is"
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml)
        yield f"{path}: written; its network and recipe are a start"
    run = f"suite run --config-dir {options.config_dir} benchmark={options.name}"
    yield f"next: {run} preset=smoke budget.weights=50%"


def _size(text: str) -> tuple[int, int]:
    """(height, width) of "96" or "64x48"."""
    found = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if not found or int(found[1]) < 1 or int(found[2] or 1) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected HEIGHTxWIDTH or a side, such as 64x48 or 96")
    return int(found[1]), int(found[2] or found[1])
