"""ToyCar of DCASE 2020 task 2 as its authors publish it: log-mel spectrograms of normal and damaged toy cars."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.archives import iter_members
from suite.data.audio import LogMel
from suite.data.official import Archive, PackContents
from suite.data.progress import ReportProgress
from suite.data.wav import read_wav

DEVELOPMENT = Archive(
    name="dev_data_ToyCar.zip",
    url="https://zenodo.org/record/3678171/files/dev_data_ToyCar.zip?download=1",
    checksum="md5:4dec75ca8d9f666aa9e4c1894a740501",
    size=1_816_443_231,
)
ADDITIONAL = Archive(
    name="eval_data_train_ToyCar.zip",
    url="https://zenodo.org/record/3727685/files/eval_data_train_ToyCar.zip?download=1",
    checksum="md5:a5d4ccd498af70b04dd74b644b820006",
    size=861_354_584,
)
FEATURES = LogMel()
_TRAIN = re.compile(r"ToyCar/train/(normal)_id_(\d\d)_\d{8}\.wav")
_TEST = re.compile(r"ToyCar/test/(normal|anomaly)_id_(\d\d)_\d{8}\.wav")
_CLIPS_AT_ONCE = 32


@dataclass(frozen=True)
class _Clip:
    archive: Path
    member: str
    test: bool
    anomalous: bool
    machine: int


@dataclass(frozen=True)
class ToyCar:
    """Training on normal clips of machines 1 to 7, test on the labelled clips of machines 1 to 4, as in MLPerf Tiny.

    The validation split is the share `validation` of each machine's training clips, those whose file names have the
    smallest SHA-256; all of them are normal.

    Raises:
        ValueError: `validation` is not in (0, 0.5].
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "ToyADMOS ToyCar (DCASE 2020 task 2), log-mel spectrograms in dB, 200 frames x 128 bands"
    licence: ClassVar[str] = "CC BY-NC-SA 4.0"

    validation: float = 0.1
    development: Archive = DEVELOPMENT
    additional: Archive = ADDITIONAL

    def __post_init__(self) -> None:
        if not 0 < self.validation <= 0.5:
            raise ValueError(f"validation={self.validation} must lie between 0 and 0.5, without 0")

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The development set, and the additional training set with machines 5 to 7."""
        return self.development, self.additional

    def pack(self, files: Mapping[str, Path], report_progress: ReportProgress) -> PackContents:
        """Spectrograms `x` (N, 200, 128) float16 in dB, by archive and name; `machine` (N,) int8.

        Memory holds 32 waveforms at a time.
        """
        clips = _list_clips(files[self.development.name], (_TRAIN, _TEST))
        clips += _list_clips(files[self.additional.name], (_TRAIN,))
        if {clip.anomalous for clip in clips if clip.test} != {False, True}:
            raise SuiteError(f"{files[self.development.name]}: lacks either normal or anomalous clips in ToyCar/test/")
        arrays: dict[str, NDArray[Any]] = {
            "x": _compute_features(clips, report_progress),
            "y": np.array([clip.anomalous for clip in clips], dtype=np.int16),
            "split": self._split(clips),
            "machine": np.array([clip.machine for clip in clips], dtype=np.int8),
        }
        shares = (
            f"validation: {self.validation:g} of each machine's training clips, by hash of the file name; "
            "test: that of the development set"
        )
        return PackContents(arrays, {"splits": shares})

    def _split(self, clips: Sequence[_Clip]) -> NDArray[np.uint8]:
        split = np.array([2 if clip.test else 0 for clip in clips], dtype=np.uint8)
        for machine in {clip.machine for clip in clips}:
            rows = [row for row, clip in enumerate(clips) if clip.machine == machine and not clip.test]
            rows.sort(key=lambda row: hashlib.sha256(Path(clips[row].member).name.encode()).digest())
            split[rows[: round(self.validation * len(rows))]] = 1
        if 1 not in split:
            raise SuiteError(f"{clips[0].archive}: has too few training clips for validation={self.validation:g}")
        return split


def _list_clips(archive: Path, patterns: Sequence[re.Pattern[str]]) -> list[_Clip]:
    """List the clips whose names match `patterns`, by pattern and name; each pattern must match some."""
    names: list[str] = []

    def collect(name: str) -> bool:
        names.append(name)
        return False

    list(iter_members(archive, collect))  # nothing is wanted, so only the zip's directory is read
    clips = []
    for pattern in patterns:
        matches = [match for name in sorted(names) if (match := pattern.fullmatch(name))]
        if not matches:
            raise SuiteError(f"{archive}: lacks clips in ToyCar/{'test' if pattern is _TEST else 'train'}/")
        clips += [_Clip(archive, m[0], pattern is _TEST, m[1] == "anomaly", int(m[2])) for m in matches]
    return clips


def _compute_features(clips: Sequence[_Clip], report_progress: ReportProgress) -> NDArray[np.float16]:
    x = np.empty((len(clips), FEATURES.frames, FEATURES.mels), dtype=np.float16)
    sounds, done = _read_sounds(clips), 0
    while batch := list(islice(sounds, _CLIPS_AT_ONCE)):
        report_progress("computing spectrograms", done, len(clips))
        rows, waves = zip(*batch, strict=True)
        x[list(rows)] = FEATURES(torch.from_numpy(np.stack(waves))).half().numpy()
        done += len(batch)
    return x


def _read_sounds(clips: Sequence[_Clip]) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Yield row and samples of each clip, in the archives' order, cut to as many samples as the features need."""
    for archive in dict.fromkeys(clip.archive for clip in clips):
        rows = {clip.member: row for row, clip in enumerate(clips) if clip.archive == archive}
        for member, content in iter_members(archive, rows.__contains__):
            sound = read_wav(content, f"{archive}: {member}")
            if len(sound) < FEATURES.samples:
                raise SuiteError(
                    f"{archive}: {member}: has {len(sound)} samples, at least {FEATURES.samples} are needed"
                )
            yield rows[member], sound[: FEATURES.samples]
