"""Tiny ImageNet as Stanford publishes it: 200 classes, 64 x 64 pixels."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.archives import iter_members
from suite.data.encoded import EncodedImages
from suite.data.official import Archive, PackContents, Tell
from suite.data.splits import stratified_validation

ARCHIVE = Archive(
    name="tiny-imagenet-200.zip",
    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    checksum="md5:90528d7ca1a48142e341f4ef8d21d0de",
    size=248_100_043,
)
SIZE = 64
WNIDS, WORDS, ANNOTATIONS = (
    f"tiny-imagenet-200/{name}" for name in ("wnids.txt", "words.txt", "val/val_annotations.txt")
)
_TRAIN = re.compile(r"tiny-imagenet-200/train/(n\d+)/images/\1_(\d+)\.JPEG")
_TEST = re.compile(r"tiny-imagenet-200/val/images/val_(\d+)\.JPEG")


def _wanted(name: str) -> bool:
    return name in (WNIDS, WORDS, ANNOTATIONS) or any(kind.fullmatch(name) for kind in (_TRAIN, _TEST))


@dataclass(frozen=True)
class TinyImageNet:
    """The labelled validation images are the test split, as in the paper's code: the official test has no labels.

    `validation` is the share of each training class that validates, chosen by `stratified_validation`; classes are in
    the order of their wnids, training images in that of their classes and numbers.
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Tiny ImageNet, 200 classes of 64 x 64 pixels"
    licence: ClassVar[str] = "ImageNet terms, non-commercial research"

    validation: float = 0.1

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The archive of Stanford's course CS231n."""
        return (ARCHIVE,)

    def pack(self, files: Mapping[str, Path], tell: Tell) -> PackContents:
        """The JPEG files as they are, training before test; classes are called "wnid first word"."""
        archive = files[ARCHIVE.name]
        tell(f"reading {archive.name}", 0, None)
        members = dict(iter_members(archive, _wanted))
        wnids = sorted(_text(archive, members, WNIDS).split())
        labelled = _training(archive, members, wnids) + _testing(archive, members, wnids)
        images = EncodedImages(SIZE, SIZE)
        for done, (name, _) in enumerate(labelled):
            images.add(members.pop(name), archive, name)
            if done % 500 == 0:
                tell("checking images", done, len(labelled))
        y = np.array([label for _, label in labelled], dtype=np.int16)
        tests = np.array([_TEST.fullmatch(name) is not None for name, _ in labelled])
        arrays = images.arrays() | {"y": y, "split": self._split(archive, y, tests)}
        words = _words(_text(archive, members, WORDS))
        classes = [f"{wnid} {words.get(wnid, '')}".strip() for wnid in wnids]
        shares = f"validation {self.validation:g} of each training class, test = official validation images"
        return PackContents(arrays, {"classes": classes, "encoding": "jpeg", "splits": shares})

    def _split(self, archive: Path, y: NDArray[np.int16], tests: NDArray[np.bool_]) -> NDArray[np.uint8]:
        split = np.where(tests, 2, 0).astype(np.uint8)
        try:
            split[~tests] = stratified_validation(y[~tests], share=self.validation)
        except ValueError as error:
            raise SuiteError(f"{archive}: cannot be split ({error})") from error
        return split


def _text(archive: Path, members: Mapping[str, bytes], name: str) -> str:
    if name not in members:
        raise SuiteError(f"{archive}: lacks {name}")
    return members[name].decode("utf-8", errors="replace")


def _words(text: str) -> dict[str, str]:
    """The first of each wnid's synonyms."""
    pairs = (line.partition("\t") for line in text.splitlines())
    return {wnid: words.split(",")[0].strip() for wnid, _, words in pairs}


def _training(archive: Path, members: Mapping[str, bytes], wnids: Sequence[str]) -> list[tuple[str, int]]:
    """Names and labels of the training images, by class and number."""
    found = sorted((m[1], int(m[2]), m[0]) for m in map(_TRAIN.fullmatch, members) if m)
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    if missing := labels.keys() ^ {wnid for wnid, _, _ in found}:
        raise SuiteError(
            f"{archive}: {WNIDS} and train/ do not hold the same classes: {', '.join(sorted(missing)[:5])}"
        )
    return [(name, labels[wnid]) for wnid, _, name in found]


def _testing(archive: Path, members: Mapping[str, bytes], wnids: Sequence[str]) -> list[tuple[str, int]]:
    """Names and labels of the validation images, by number."""
    labels = {wnid: label for label, wnid in enumerate(wnids)}
    rows = [line.split("\t") for line in _text(archive, members, ANNOTATIONS).splitlines()]
    classes = {f"tiny-imagenet-200/val/images/{row[0]}": labels.get(row[1]) for row in rows if len(row) > 1}
    testing = []
    for _, name in sorted((int(m[1]), m[0]) for m in map(_TEST.fullmatch, members) if m):
        if (label := classes.get(name)) is None:
            raise SuiteError(f"{archive}: {ANNOTATIONS} names no class of {WNIDS} for {name}")
        testing.append((name, label))
    if lost := classes.keys() - {name for name, _ in testing}:
        raise SuiteError(f"{archive}: lacks {min(lost)}, which {ANNOTATIONS} lists")
    return testing
