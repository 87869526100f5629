"""Tiny ImageNet as Stanford publishes it: 200 classes, 64 x 64 pixels."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from suite import SuiteError
from suite.data.archives import read_members
from suite.data.encoded import join_images
from suite.data.official import Archive, PackContents, Preparation
from suite.data.progress import ReportProgress, track
from suite.data.splits import stratified_validation

ARCHIVE = Archive(
    name="tiny-imagenet-200.zip",
    url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
    checksum="md5:90528d7ca1a48142e341f4ef8d21d0de",
    size=248_100_043,
)
SIZE = 64
WNIDS, ANNOTATIONS = "tiny-imagenet-200/wnids.txt", "tiny-imagenet-200/val/val_annotations.txt"
LISTS = (WNIDS, "tiny-imagenet-200/words.txt", ANNOTATIONS)
_TRAIN = re.compile(r"tiny-imagenet-200/train/(n\d+)/images/\1_(\d+)\.JPEG")
_TEST = re.compile(r"tiny-imagenet-200/val/images/val_(\d+)\.JPEG")


@dataclass(frozen=True)
class TinyImageNet(Preparation):
    """The official validation images are the test split, since the official test images have no labels.

    The paper's code does the same (eml-eda/pytorch-benchmarks 509401c, pytorch_benchmarks/tiny_imagenet/data.py). The
    validation split is the share `validation` of each training class, chosen by `stratified_validation`. Classes are
    in the order of their wnids, training images in that of their classes and numbers.
    """

    version = 1
    title = "Tiny ImageNet, 200 classes of 64 x 64 pixels"
    licence = "ImageNet terms, non-commercial research"
    archives = (ARCHIVE,)

    validation: float = 0.1

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        """The JPEG files unchanged, training before test; a class is called, for example, "n01443537 goldfish"."""
        (archive,) = files
        report_progress(f"reading {archive.name}", 0, None)
        members = read_members(archive, LISTS, lambda name: _TRAIN.fullmatch(name) or _TEST.fullmatch(name))
        wnids, words, annotations = (members[name].decode("utf-8", errors="replace") for name in LISTS)
        labels = {wnid: label for label, wnid in enumerate(sorted(wnids.split()))}
        training = _training_images(archive, members, labels)
        labelled = training | _test_images(archive, members, labels, annotations)
        names = track(labelled, "checking images", len(labelled), report_progress)
        _, images = join_images(archive, ((name, members.pop(name)) for name in names), SIZE)
        y, split = np.array(list(labelled.values()), dtype=np.int16), np.full(len(labelled), 2, dtype=np.uint8)
        try:
            split[: len(training)] = stratified_validation(y[: len(training)], share=self.validation)
        except ValueError as error:
            raise SuiteError(f"{archive}: cannot be split ({error})") from error
        synonyms = _first_synonyms(words)
        classes = [f"{wnid} {synonyms.get(wnid, '')}".strip() for wnid in labels]
        return PackContents(images | {"y": y, "split": split}, classes)


def _first_synonyms(text: str) -> dict[str, str]:
    """The first synonym of each wnid, such as n01443537: "goldfish"."""
    pairs = (line.partition("\t") for line in text.splitlines())
    return {wnid: words.split(",")[0].strip() for wnid, _, words in pairs}


def _training_images(archive: Path, members: Iterable[str], labels: Mapping[str, int]) -> dict[str, int]:
    """Names and labels of the training images, ordered by class and number."""
    images = sorted((m[1], int(m[2]), m[0]) for m in map(_TRAIN.fullmatch, members) if m)
    if missing := labels.keys() ^ {wnid for wnid, _, _ in images}:
        raise SuiteError(
            f"{archive}: {WNIDS} and train/ do not hold the same classes: {', '.join(sorted(missing)[:5])}"
        )
    return {name: labels[wnid] for wnid, _, name in images}


def _test_images(archive: Path, members: Iterable[str], labels: Mapping[str, int], annotations: str) -> dict[str, int]:
    """Names and labels of the official validation images, ordered by number."""
    rows = [line.split("\t") for line in annotations.splitlines()]
    classes = {f"tiny-imagenet-200/val/images/{row[0]}": labels.get(row[1]) for row in rows if len(row) > 1}
    images: dict[str, int] = {}
    for _, name in sorted((int(m[1]), m[0]) for m in map(_TEST.fullmatch, members) if m):
        if (label := classes.get(name)) is None:
            raise SuiteError(f"{archive}: {ANNOTATIONS} names no class of {WNIDS} for {name}")
        images[name] = label
    if lost := classes.keys() - images.keys():
        raise SuiteError(f"{archive}: lacks {min(lost)}, which {ANNOTATIONS} lists")
    return images
