"""ToyCar of DCASE 2020 task 2 as its authors publish it: log-mel spectrograms of normal and damaged toy cars."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from suite import SuiteError
from suite.data import log_mel
from suite.data.archives import iter_members
from suite.data.official import Archive, PackContents, Preparation
from suite.data.progress import ReportProgress, track
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
_CLIPS = {
    "train": r"ToyCar/train/(?P<label>normal)_id_(?P<machine>\d\d)_\d{8}\.wav",
    "test": r"ToyCar/test/(?P<label>normal|anomaly)_id_(?P<machine>\d\d)_\d{8}\.wav",
}
_CLIPS_AT_ONCE = 32


@dataclass(frozen=True)
class ToyCar(Preparation):
    """Training on normal clips of machines 1 to 7, test on the labelled clips of machines 1 to 4, as in MLPerf Tiny.

    The validation split is the share `validation` of each machine's training clips, those whose file names have the
    smallest SHA-256; all of them are normal.

    Raises:
        ValueError: `validation` is not in (0, 0.5].
    """

    version = 1
    title = "ToyADMOS ToyCar (DCASE 2020 task 2), log-mel spectrograms in dB, 200 frames x 128 bands"
    licence = "CC BY-NC-SA 4.0"

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

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        """Spectrograms `x` (N, 200, 128) float16 in dB, by archive and name; `machine` (N,) int8.

        Memory holds 32 waveforms at a time.
        """
        development, additional = files
        clips = [*_list_clips(development, ("train", "test")), *_list_clips(additional, ("train",))]
        table = pd.concat(clips, ignore_index=True)
        if table["label"][table["split"] == "test"].nunique() < 2:
            raise SuiteError(f"{development}: lacks either normal or anomalous clips in ToyCar/test/")
        arrays = {
            "x": _compute_features(table, report_progress),
            "y": (table["label"] == "anomaly").to_numpy(np.int16),
            "split": self._split(development, table),
            "machine": table["machine"].to_numpy(np.int8),
        }
        return PackContents(arrays)

    def _split(self, archive: Path, clips: pd.DataFrame) -> NDArray[np.uint8]:
        split = np.where(clips["split"] == "test", 2, 0).astype(np.uint8)
        for _, members in clips[split == 0].groupby("machine")["member"]:
            by_hash = sorted(members.index, key=lambda row: hashlib.sha256(Path(members[row]).name.encode()).digest())
            split[by_hash[: round(self.validation * len(members))]] = 1
        if 1 not in split:
            raise SuiteError(f"{archive}: has too few training clips for validation={self.validation:g}")
        return split


def _list_clips(archive: Path, splits: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the clips of each split by name: label, machine, split, archive and member; there must be some."""
    names: list[str] = []
    list(iter_members(archive, names.append))  # nothing is wanted, so only the zip's directory is read
    members = pd.Series(sorted(names), dtype=str)
    for split in splits:
        clips = members.str.extract(f"^{_CLIPS[split]}$").dropna()
        if clips.empty:
            raise SuiteError(f"{archive}: lacks clips in ToyCar/{split}/")
        yield clips.assign(split=split, archive=str(archive), member=members[clips.index])


def _compute_features(clips: pd.DataFrame, report_progress: ReportProgress) -> NDArray[np.float16]:
    x = np.empty((len(clips), log_mel.FRAMES, log_mel.BANDS), dtype=np.float16)
    sounds = track(_read_sounds(clips), "computing spectrograms", len(clips), report_progress)
    while batch := list(islice(sounds, _CLIPS_AT_ONCE)):
        rows, waves = zip(*batch, strict=True)
        x[list(rows)] = log_mel.log_mel(torch.from_numpy(np.stack(waves))).half().numpy()
    return x


def _read_sounds(clips: pd.DataFrame) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Yield row and samples of each clip, in the archives' order, cut to as many samples as the features need."""
    for archive, members in clips.groupby("archive", sort=False)["member"]:
        rows = {str(member): int(row) for row, member in zip(members.index, members, strict=True)}
        for member, content in iter_members(Path(str(archive)), rows.__contains__):
            sound = read_wav(content, f"{archive}: {member}")
            if len(sound) < log_mel.SAMPLES:
                raise SuiteError(
                    f"{archive}: {member}: has {len(sound)} samples, at least {log_mel.SAMPLES} are needed"
                )
            yield rows[member], sound[: log_mel.SAMPLES]
