"""Tiny ImageNet as Stanford publishes it: 200 classes, 64 x 64 pixels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from suite.data.official import Archive, PackContents, iter_members
from suite.data.pack import encode_files
from suite.data.progress import ReportProgress
from suite.data.splits import stratified_validation

ARCHIVE = Archive(
    name="tiny-imagenet-200.zip",
    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    checksum="md5:90528d7ca1a48142e341f4ef8d21d0de",
    size=248_100_043,
)
WNIDS, WORDS, ANNOTATIONS = (
    f"tiny-imagenet-200/{name}" for name in ("wnids.txt", "words.txt", "val/val_annotations.txt")
)
_TRAIN = re.compile(r"tiny-imagenet-200/train/(n\d+)/images/\1_(\d+)\.JPEG")
_TEST = re.compile(r"tiny-imagenet-200/val/images/(val_(\d+)\.JPEG)")


def _is_wanted(name: str) -> bool:
    return name in (WNIDS, WORDS, ANNOTATIONS) or any(kind.fullmatch(name) for kind in (_TRAIN, _TEST))


@dataclass(frozen=True)
class TinyImageNet:
    """The official validation images are the test split, since the official test images have no labels.

    The paper's code does the same (eml-eda/pytorch-benchmarks 509401c, pytorch_benchmarks/tiny_imagenet/data.py). The
    validation split is the share `validation` of each training class, chosen by `stratified_validation`. Classes are
    in the order of their wnids, training images in that of their classes and numbers.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Tiny ImageNet, 200 classes of 64 x 64 pixels"
    licence: ClassVar[str] = "ImageNet terms, non-commercial research"

    validation: float = 0.1

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The archive of Stanford's course CS231n."""
        return (ARCHIVE,)

    def pack(self, files: Mapping[str, Path], report_progress: ReportProgress) -> PackContents:
        """The JPEG files unchanged, training before test; a class is called, for example, "n01443537 goldfish"."""
        archive = files[ARCHIVE.name]
        report_progress(f"reading {archive.name}", 0, None)
        members = dict(iter_members(archive, _is_wanted))
        wnids = sorted(members.pop(WNIDS).decode().split())
        labels = {wnid: label for label, wnid in enumerate(wnids)}
        words = _first_words(members.pop(WORDS).decode())
        rows = (line.split("\t") for line in members.pop(ANNOTATIONS).decode().splitlines())
        wnid_of = {row[0]: row[1] for row in rows}
        train = sorted((m[1], int(m[2]), m[0]) for m in map(_TRAIN.fullmatch, members) if m)
        test = sorted((int(m[2]), m[1], m[0]) for m in map(_TEST.fullmatch, members) if m)
        y = np.array([labels[wnid] for wnid, *_ in train] + [labels[wnid_of[file]] for _, file, _ in test], np.int16)
        split = np.full(len(y), 2, dtype=np.uint8)
        split[: len(train)] = stratified_validation(y[: len(train)], share=self.validation)
        arrays = encode_files([members[name] for *_, name in train + test]) | {"y": y, "split": split}
        classes = [f"{wnid} {words.get(wnid, '')}".strip() for wnid in wnids]
        shares = f"validation {self.validation:g} of each training class, test = official validation images"
        return PackContents(arrays, {"classes": classes, "encoding": "jpeg", "splits": shares})


def _first_words(text: str) -> dict[str, str]:
    """The first synonym of each wnid, such as n01443537: "goldfish"."""
    pairs = (line.partition("\t") for line in text.splitlines())
    return {wnid: words.split(",")[0].strip() for wnid, _, words in pairs}
