"""Speech Commands v0.02 as Google publishes it: ten words, silence and unknown, as waveforms of one second."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from suite import SuiteError
from suite.data.archives import iter_members
from suite.data.audio import RATE, fit_length, read_wav
from suite.data.official import Archive, PackContents, Tell

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
NOBODY = -1
"""The speaker of silence."""
_CLIP = re.compile(r"([a-z]\w*)/(\w+)_nohash_\d+\.wav")
_NOISE = re.compile(r"_background_noise_/\w+\.wav")
# A tenth of the time of each recording validates, the last tenth tests.
_NOISE_SHARES = (0.8, 0.9)
_SAMPLES = RATE
_PIECE = 10 * RATE


@dataclass(frozen=True)
class SpeechCommands:
    """The official lists say which clips validate and test; whoever speaks in one split speaks in no other.

    "_unknown_" are the archive's other words: in every split `unknown` times as many clips as a word has there on
    average, those whose names have the smallest SHA-256. "_silence_", `silence` times as many, are seconds of the
    background recordings at even distances; the first 80 % of a recording train, 10 % validate, 10 % test.

    Raises:
        ValueError: `unknown` or `silence` is not in [0, 25].
    """

    version: ClassVar[int] = 1
    title: ClassVar[str] = "Google Speech Commands v0.02, 12 classes, waveforms of 1 s at 16 kHz"
    licence: ClassVar[str] = "CC BY 4.0"

    unknown: float = 1.0
    silence: float = 1.0
    archive: Archive = ARCHIVE

    def __post_init__(self) -> None:
        for name in ("unknown", "silence"):
            if not 0 <= getattr(self, name) <= 25:
                raise ValueError(f"{name}={getattr(self, name)} must lie between 0 and 25")

    @property
    def archives(self) -> tuple[Archive, ...]:
        """The one archive."""
        return (self.archive,)

    def pack(self, files: Mapping[str, Path], tell: Tell) -> PackContents:
        """Waveforms `x` (N, 16000) int16, by name, silence last; `background` (M, samples) int16 of training's part.

        `speaker` (N,) numbers the archive's speakers in the order of their names, silence has none: -1. The archive
        is read twice, so that only what is used is ever held: 1.5 GB of its 3.4.
        """
        path = files[self.archive.name]
        listing = _Listing.read(path, tell)
        clips, counts = self._chosen(listing)
        parts = list(zip(*listing.recordings(), strict=True))
        silence = [_cuts(parts[split], count) for split, count in enumerate(counts)]
        x = np.empty((len(clips) + sum(counts), _SAMPLES), dtype=np.int16)
        _read_clips(path, clips, x, tell)
        x[len(clips) :] = np.concatenate(silence)
        speakers = {name: i for i, name in enumerate(sorted({_parts_of(clip)[1] for clip in listing.splits}))}
        arrays: dict[str, NDArray[Any]] = {
            "x": x,
            "y": np.array([*map(_label, clips), *[CLASSES.index(SILENCE)] * sum(counts)], dtype=np.int16),
            "split": np.array([*(listing.splits[c] for c in clips), *np.repeat(range(3), counts)], dtype=np.uint8),
            "speaker": np.array([*(speakers[_parts_of(c)[1]] for c in clips), *[NOBODY] * sum(counts)], np.int32),
            "background": _pieces(parts[0]),
        }
        shares = "official lists; silence: of each background recording 80 % train, 10 % validate, 10 % test"
        return PackContents(arrays, {"classes": CLASSES, "splits": shares})

    def _chosen(self, listing: "_Listing") -> tuple[list[str], list[int]]:
        """Names of the clips to take, sorted, and the number of silent ones for each split."""
        chosen, counts = [], []
        for split, title in enumerate(SPLITS):
            members = [name for name in listing.splits if listing.splits[name] == split]
            words = [name for name in members if _parts_of(name)[0] in WORDS]
            if missing := set(WORDS) - {_parts_of(name)[0] for name in words}:
                raise SuiteError(f"{listing.archive}: holds no {title} clip of {', '.join(sorted(missing))}")
            others = sorted(set(members) - set(words), key=lambda name: hashlib.sha256(name.encode()).digest())
            if self.unknown and not others:
                raise SuiteError(f"{listing.archive}: holds no {title} clip of any word but {', '.join(WORDS)}")
            mean = len(words) / len(WORDS)
            chosen += words + others[: round(self.unknown * mean)]
            counts.append(round(self.silence * mean))
        return sorted(chosen), counts


@dataclass(frozen=True)
class _Listing:
    """What the archive holds: the split of each clip by name, and the background recordings as files."""

    archive: Path
    splits: Mapping[str, int]
    noise: Mapping[str, bytes]

    @classmethod
    def read(cls, archive: Path, tell: Tell) -> "_Listing":
        splits: dict[str, int] = {}

        def wanted(name: str) -> bool:
            if _CLIP.fullmatch(name):
                splits[name] = 0
                if len(splits) % 1000 == 0:
                    tell("listing clips", len(splits), None)
            return name in LISTS or _NOISE.fullmatch(name) is not None

        texts = dict(iter_members(archive, wanted))
        for split, name in enumerate(LISTS, start=1):
            if name not in texts:
                raise SuiteError(f"{archive}: lacks {name}")
            for clip in texts.pop(name).decode("utf-8", errors="replace").split():
                if clip not in splits:
                    raise SuiteError(f"{archive}: lacks {clip}, which {name} lists")
                if splits[clip]:
                    raise SuiteError(f"{archive}: {clip} is in both {' and '.join(LISTS)}")
                splits[clip] = split
        return cls(archive, splits, texts)

    def recordings(self) -> list[list[NDArray[np.int16]]]:
        """The background recordings by name, each cut in time into the parts of the three splits."""
        if not self.noise:
            raise SuiteError(f"{self.archive}: lacks the recordings in _background_noise_/")
        recordings = []
        for name in sorted(self.noise):
            sound = read_wav(self.noise[name], f"{self.archive}: {name}")
            parts = np.split(sound, [round(share * len(sound)) for share in _NOISE_SHARES])
            if min(map(len, parts)) < _SAMPLES:
                raise SuiteError(f"{self.archive}: {name}: lasts {len(sound) / RATE:.1f} s, at least 10 s are needed")
            recordings.append(parts)
        return recordings


def _parts_of(clip: str) -> tuple[str, str]:
    """Word and speaker."""
    word, file = clip.split("/")
    return word, file.partition("_nohash_")[0]


def _label(clip: str) -> int:
    word, _ = _parts_of(clip)
    return CLASSES.index(word if word in WORDS else UNKNOWN)


def _read_clips(archive: Path, clips: Sequence[str], x: NDArray[np.int16], tell: Tell) -> None:
    """Fill the first rows of `x` with the clips, in their order."""
    rows = {name: row for row, name in enumerate(clips)}
    for done, (name, content) in enumerate(iter_members(archive, rows.__contains__)):
        x[rows[name]] = fit_length(read_wav(content, f"{archive}: {name}"), _SAMPLES)
        if done % 500 == 0:
            tell("reading clips", done, len(clips))


def _cuts(parts: Sequence[NDArray[np.int16]], count: int) -> NDArray[np.int16]:
    """`count` seconds (count, 16000) at even distances over all places where one fits."""
    ends = np.cumsum([len(part) - _SAMPLES + 1 for part in parts])
    places = np.linspace(0, ends[-1] - 1, count).astype(np.int64)
    cuts = np.empty((count, _SAMPLES), dtype=np.int16)
    for row, (place, index) in enumerate(zip(places, np.searchsorted(ends, places, side="right"), strict=True)):
        start = place - (ends[index - 1] if index else 0)
        cuts[row] = parts[index][start : start + _SAMPLES]
    return cuts


def _pieces(parts: Sequence[NDArray[np.int16]]) -> NDArray[np.int16]:
    """All of `parts` as pieces of equal length (M, samples), at most 10 s; a part's pieces overlap to fill it."""
    size = min(_PIECE, *map(len, parts))
    starts = [(part, np.linspace(0, len(part) - size, -(-len(part) // size)).astype(np.int64)) for part in parts]
    return np.stack([part[start : start + size] for part, places in starts for start in places])
