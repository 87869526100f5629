"""Speech Commands v0.02 as Google publishes it: waveforms of 1 s in 12 classes, ten words, silence and unknown."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.archives import iter_members, read_members
from suite.data.official import Archive, PackContents, Preparation
from suite.data.progress import ReportProgress, track
from suite.data.wav import RATE, read_wav

ARCHIVE = Archive(
    name="speech_commands_v0.02.tar.gz",
    url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    checksum="sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    size=2_428_923_189,
)
WORDS = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
SILENCE, UNKNOWN = "_silence_", "_unknown_"
CLASSES = (*WORDS, SILENCE, UNKNOWN)
LISTS = ("validation_list.txt", "testing_list.txt")
SPLITS = ("training", "validation", "testing")
NO_SPEAKER = -1
"""The `speaker` of silence."""
_CLIP = re.compile(r"(?P<word>[a-z]\w*)/(?P<speaker>\w+)_nohash_\d+\.wav")
_NOISE = re.compile(r"_background_noise_/\w+\.wav")
# Where each background recording is cut, as shares of its length: 80 % training, 10 % validation, 10 % test.
_NOISE_CUTS = (0.8, 0.9)
_SAMPLES = RATE
_MAX_PIECE_SAMPLES = 10 * RATE


@dataclass(frozen=True)
class SpeechCommands(Preparation):
    """Validation and test clips are those of the official lists, so that each speaker is in one split only.

    The class "_unknown_" holds clips of the archive's 25 other words: in every split `unknown` times as many as a word
    has there on average, those whose names have the smallest SHA-256. The class "_silence_", `silence` times as many,
    holds seconds of the background recordings at even distances; of each recording the first 80 % are for training,
    the next 10 % for validation and the last 10 % for test.

    Raises:
        ValueError: `unknown` or `silence` is not in [0, 25].
    """

    version = 1
    title = "Google Speech Commands v0.02, 12 classes, waveforms of 1 s at 16 kHz"
    licence = "CC BY 4.0"

    unknown: float = 1.0
    silence: float = 1.0
    archive: Archive = ARCHIVE

    def __post_init__(self) -> None:
        for name in ("unknown", "silence"):
            if not 0 <= getattr(self, name) <= 25:
                raise ValueError(f"{name}={getattr(self, name)} must lie between 0 and 25")

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The archive of all clips, lists and recordings, 2.4 GB."""
        return (self.archive,)

    def pack(self, files: Sequence[Path], report_progress: ReportProgress) -> PackContents:
        """Waveforms `x` (N, 16000) int16 by name, then silence; `background` (M, samples) int16 for training.

        `speaker` (N,) numbers the archive's speakers in the order of their names; silence has -1. The archive is
        read twice, so that memory holds only the clips in use: 1.5 GB of 3.4 GB.
        """
        (path,) = files
        listed, noise = _list_clips(path, report_progress)
        clips, counts = self._choose_clips(path, listed)
        parts = list(zip(*_cut_recordings(path, noise), strict=True))
        x = np.zeros((len(clips) + sum(counts), _SAMPLES), dtype=np.int16)
        _read_clips(path, list(clips.index), x, report_progress)
        x[len(clips) :] = np.concatenate(list(map(_cut_seconds, parts, counts)))
        labels = [CLASSES.index(word if word in WORDS else UNKNOWN) for word in clips["word"]]
        arrays: dict[str, NDArray[Any]] = {
            "x": x,
            "y": np.array(labels + [CLASSES.index(SILENCE)] * sum(counts), dtype=np.int16),
            "split": np.array([*clips["split"], *np.repeat(range(3), counts)], dtype=np.uint8),
            "speaker": np.array([*clips["speaker"], *[NO_SPEAKER] * sum(counts)], dtype=np.int32),
            "background": _cut_pieces(parts[0]),
        }
        return PackContents(arrays, CLASSES)

    def _choose_clips(self, archive: Path, listed: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
        """The clips in use, ordered by name, and the number of silent clips for each split."""
        chosen, counts = [], []
        for split, title in enumerate(SPLITS):
            members = listed[listed["split"] == split]
            words, others = members[members["word"].isin(WORDS)], members[~members["word"].isin(WORDS)]
            if missing := set(WORDS) - set(words["word"]):
                raise SuiteError(f"{archive}: holds no {title} clip of {', '.join(sorted(missing))}")
            if self.unknown and others.empty:
                raise SuiteError(f"{archive}: holds no {title} clip of any word but {', '.join(WORDS)}")
            mean = len(words) / len(WORDS)
            by_hash = sorted(others.index, key=lambda name: hashlib.sha256(name.encode()).digest())
            chosen += [*words.index, *by_hash[: round(self.unknown * mean)]]
            counts.append(round(self.silence * mean))
        return listed.loc[sorted(chosen)], counts


def _list_clips(archive: Path, report_progress: ReportProgress) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """The clips of the archive by name: word, number of the speaker, and split (0, 1, 2); the recordings as WAV files.

    A clip is called, for example, "go/004ae714_nohash_0.wav": its word, and its speaker.
    """
    splits: dict[str, int] = {}

    def is_recording(name: str) -> bool:
        if _CLIP.fullmatch(name):
            splits[name] = 0
            if len(splits) % 1000 == 0:
                report_progress("listing clips", len(splits), None)
        return _NOISE.fullmatch(name) is not None

    contents = read_members(archive, LISTS, is_recording)
    for split, name in enumerate(LISTS, start=1):
        for clip in contents.pop(name).decode("utf-8", errors="replace").split():
            if clip not in splits:
                raise SuiteError(f"{archive}: lacks {clip}, which {name} lists")
            if splits[clip]:
                raise SuiteError(f"{archive}: {clip} is in both {' and '.join(LISTS)}")
            splits[clip] = split
    names = pd.Series(list(splits), dtype=str)
    clips = names.str.extract(_CLIP.pattern)
    speakers = np.unique(clips["speaker"], return_inverse=True)[1]
    return clips.assign(speaker=speakers, split=list(splits.values())).set_index(names), contents


def _cut_recordings(archive: Path, noise: Mapping[str, bytes]) -> list[list[NDArray[np.int16]]]:
    """The background recordings, ordered by name, each cut in time into the parts of the three splits."""
    if not noise:
        raise SuiteError(f"{archive}: lacks the recordings in _background_noise_/")
    recordings = []
    for name in sorted(noise):
        sound = read_wav(noise[name], f"{archive}: {name}")
        parts = np.split(sound, [round(share * len(sound)) for share in _NOISE_CUTS])
        if min(map(len, parts)) < _SAMPLES:
            raise SuiteError(f"{archive}: {name}: lasts {len(sound) / RATE:.1f} s, at least 10 s are needed")
        recordings.append(parts)
    return recordings


def _read_clips(archive: Path, clips: Sequence[str], x: NDArray[np.int16], report_progress: ReportProgress) -> None:
    """Fill the first rows of `x`, which are 0, with the clips called `clips`, in their order; longer ones are cut."""
    rows = {name: row for row, name in enumerate(clips)}
    members = iter_members(archive, rows.__contains__)
    for name, content in track(members, "reading clips", len(clips), report_progress):
        clip = read_wav(content, f"{archive}: {name}")[:_SAMPLES]
        x[rows[name], : len(clip)] = clip


def _cut_seconds(parts: Sequence[NDArray[np.int16]], count: int) -> NDArray[np.int16]:
    """Cut `count` seconds (count, 16000) from `parts`, their starts at even distances over all possible ones."""
    ends = np.cumsum([len(part) - _SAMPLES + 1 for part in parts])  # numbers the possible starts part after part
    starts = np.linspace(0, ends[-1] - 1, count).astype(np.int64)
    seconds = np.empty((count, _SAMPLES), dtype=np.int16)
    for row, (start, index) in enumerate(zip(starts, np.searchsorted(ends, starts, side="right"), strict=True)):
        first = start - (ends[index - 1] if index else 0)
        seconds[row] = parts[index][first : first + _SAMPLES]
    return seconds


def _cut_pieces(parts: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    """Cut `parts` into pieces of equal length (M, samples), at most 10 s, which overlap so that no sample is lost."""
    size = min(_MAX_PIECE_SAMPLES, *map(len, parts))
    pieces = []
    for part in parts:
        starts = np.linspace(0, len(part) - size, -(-len(part) // size)).astype(np.int64)
        pieces += [part[start : start + size] for start in starts]
    return np.stack(pieces)
