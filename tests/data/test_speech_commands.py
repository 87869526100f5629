from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from sounds import wav
from toys import archive_of, described

from suite import SuiteError
from suite.data.base import Data
from suite.data.official import OfficialSource, PackContents
from suite.data.speech_commands import CLASSES, LISTS, WORDS, SpeechCommands

SILENCE, UNKNOWN = CLASSES.index("_silence_"), CLASSES.index("_unknown_")
# Sample t is t // 16, so that a second of it tells when it was recorded: 20 s.
CLOCK = (np.arange(20 * 16_000) // 16).astype(np.int16)
DISHES, BIKE = "_background_noise_/doing_the_dishes.wav", "_background_noise_/exercise_bike.wav"
Members = dict[str, bytes]


@pytest.fixture(scope="module")
def members(packs: Path) -> Members:
    """The real clips in the official layout, their speakers dealt out to the splits in turn."""
    with np.load(packs / "keyword_spotting_audio.npz") as audio, np.load(packs / "keyword_spotting.npz") as features:
        waves, words, names = audio["waveform"], audio["word"], features["clip"][audio["row"]]
    spoken = words != "_silence_"
    members = {f"{words[i]}/{names[i]}.wav": wav(waves[i]) for i in np.flatnonzero(spoken)}
    speakers = sorted({name.split("_")[0] for name in names[spoken]})
    turn = {name: speakers.index(speaker_of(name)) % 3 for name in members}
    for split, name in enumerate(LISTS, start=1):
        members[name] = "".join(f"{clip}\n" for clip, code in turn.items() if code == split).encode()
    noise = {DISHES: wav(np.concatenate(waves[~spoken])), "_background_noise_/README.md": b"noise"}
    return {"README.md": b"speech", **members, **noise, "go/._x_nohash_0.wav": b"of a Mac", ".DS_Store": b"too"}


def speaker_of(name: str) -> str:
    return name.split("/")[1].split("_")[0]


def split_of(members: Members) -> dict[str, int]:
    """The split of every clip by the lists."""
    listed = {clip: code for code, name in enumerate(LISTS, 1) for clip in members[name].decode().split()}
    return {name: listed.get(name, 0) for name in members if "_nohash_" in name and "/._" not in name}


@pytest.fixture(scope="module")
def contents(members: Members, tmp_path_factory: pytest.TempPathFactory) -> PackContents:
    """From an archive as the official one is."""
    path = tmp_path_factory.mktemp("official") / "speech.tar.gz"
    archive_of(path, {f"./{name}": content for name, content in members.items()})
    return SpeechCommands(archive=described(path)).pack([path], lambda task, done, total: None)


@pytest.fixture
def packed(tmp_path: Path) -> Callable[..., PackContents]:
    def pack(members: Members, **options: float) -> PackContents:
        path = archive_of(tmp_path / "speech.zip", members)  # which takes less time
        preparation = SpeechCommands(archive=described(path), **options)
        return preparation.pack([path], lambda task, done, total: None)

    return pack


def test_expects_the_official_archive():
    (archive,) = SpeechCommands().archives
    assert archive.url == "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
    assert archive.checksum == "sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
    assert (archive.name, archive.size) == ("speech_commands_v0.02.tar.gz", 2_428_923_189)


def test_classes_are_those_of_the_official_test_set():
    assert ",".join(CLASSES) == "down,go,left,no,off,on,right,stop,up,yes,_silence_,_unknown_"


def test_every_clip_of_the_ten_words_is_in_its_official_split(members, contents):
    arrays = contents.arrays
    packed_clips = {
        (x.tobytes(), int(y), int(split))
        for x, y, split in zip(arrays["x"], arrays["y"], arrays["split"], strict=True)
        if y < len(WORDS)
    }
    expected = {
        (members[name][44:], WORDS.index(name.split("/")[0]), split)
        for name, split in split_of(members).items()
        if name.split("/")[0] in WORDS
    }
    assert len(expected) == 120
    assert packed_clips == expected


def test_arrays_have_the_types_and_lengths_of_a_pack(contents):
    arrays = contents.arrays
    n = len(arrays["x"])
    assert arrays["x"].shape == (n, 16_000)
    kinds = {"x": np.int16, "y": np.int16, "split": np.uint8, "speaker": np.int32, "background": np.int16}
    assert {name: array.dtype for name, array in arrays.items()} == kinds
    assert {len(arrays[name]) for name in ("y", "split", "speaker")} == {n}


def test_whoever_speaks_in_one_split_speaks_in_no_other(members, packed):
    arrays = packed(members, unknown=25).arrays
    speakers = sorted({speaker_of(name) for name in split_of(members)})
    spoken = [set(arrays["speaker"][(arrays["split"] == s) & (arrays["y"] != SILENCE)]) for s in range(3)]
    assert sum(map(len, spoken)) == len(set.union(*spoken)) == len(speakers)
    by_content = {members[name][44:]: speakers.index(speaker_of(name)) for name in split_of(members)}
    rows = arrays["y"] != SILENCE
    assert [by_content[x.tobytes()] for x in arrays["x"][rows]] == arrays["speaker"][rows].tolist()
    assert set(arrays["speaker"][~rows]) == {-1}


@pytest.mark.parametrize("factor", [0.5, 1.0])
def test_unknown_and_silence_are_in_proportion_to_the_mean_word_of_each_split(members, packed, factor):
    arrays = packed(members, unknown=factor, silence=3 * factor).arrays
    for split in range(3):
        y = arrays["y"][arrays["split"] == split]
        mean, others = np.mean([(y == word).sum() for word in range(10)]), split_of(members)
        there = sum(code == split and name.startswith("bed/") for name, code in others.items())
        assert (y == UNKNOWN).sum() == min(there, round(factor * mean)) > 0
        assert (y == SILENCE).sum() == round(3 * factor * mean)


def test_the_same_unknown_clips_are_drawn_whatever_else_the_archive_holds(members, packed):
    def unknown(members: Members, factor: float) -> set[bytes]:
        arrays = packed(members, unknown=factor).arrays
        return {x.tobytes() for x in arrays["x"][arrays["y"] == UNKNOWN]}

    few, more = unknown(members, 0.5), unknown(members, 1.0)
    assert few < more
    assert unknown(dict(reversed(members.items())), 0.5) == few


def test_without_unknown_and_silence_there_are_words_only(members, packed):
    arrays = packed({k: v for k, v in members.items() if "bed/" not in k} | lists_without(members, "bed/"), unknown=0)
    assert UNKNOWN not in arrays.arrays["y"]
    assert SILENCE not in packed(members, silence=0).arrays["y"]


def lists_without(members: Members, start: str) -> Members:
    lines = {name: members[name].decode().split() for name in LISTS}
    return {n: "\n".join(line for line in clips if not line.startswith(start)).encode() for n, clips in lines.items()}


@pytest.mark.parametrize("silence", [0.25, 1.0, 25.0])
def test_no_second_of_a_recording_is_in_two_splits(members, packed, silence):
    arrays = packed(members | {DISHES: wav(CLOCK)}, silence=silence).arrays
    times = [arrays["x"][(arrays["y"] == SILENCE) & (arrays["split"] == split)] for split in range(3)]
    for seconds, (low, high) in zip(times, ((0, 16_000), (16_000, 18_000), (18_000, 20_000)), strict=True):
        assert len(seconds) > 0
        assert low <= seconds.min()
        assert seconds.max() < high
        assert (np.diff(seconds.astype(int)) >= 0).all()
    assert arrays["background"].min() == 0
    assert arrays["background"].max() == 15_999


def test_silence_comes_from_all_recordings_and_is_one_whole_second(members, packed):
    loud = np.full(30 * 16_000, -7, np.int16)
    arrays = packed(members | {DISHES: wav(CLOCK), BIKE: wav(loud)}, silence=5.0).arrays
    for split in range(3):
        seconds = arrays["x"][(arrays["y"] == SILENCE) & (arrays["split"] == split)]
        of_the_clock = [second for second in seconds if second[0] >= 0]
        assert 0 < len(of_the_clock) < len(seconds) / 2
        for second in of_the_clock:
            assert second[-1] - second[0] in (999, 1000)
        assert all((second == -7).all() for second in seconds if second[0] < 0)


def test_the_background_is_all_of_the_training_part_in_equal_pieces(members, packed):
    loud = np.full(15 * 16_000, -7, np.int16)
    background = packed(members | {DISHES: wav(CLOCK), BIKE: wav(loud)}).arrays["background"]
    assert background.shape == (4, 10 * 16_000)
    clock = background[background[:, 0] >= 0]
    assert set(clock.ravel().tolist()) == set(range(16_000))
    assert (background[background[:, 0] < 0] == -7).all()


def test_pieces_of_the_background_are_no_longer_than_its_shortest_part(members, packed):
    background = packed(members | {DISHES: wav(CLOCK), BIKE: wav(CLOCK[: 10 * 16_000])}).arrays["background"]
    assert background.shape == (3, 8 * 16_000)
    assert background[:, 0].tolist() == [0, 8_000, 0]


def test_short_and_long_clips_get_one_second(members, packed):
    names = sorted(name for name in split_of(members) if name.startswith("go/"))[:2]
    changed = members | {names[0]: wav(np.full(9_000, 4, np.int16)), names[1]: wav(np.full(20_000, 5, np.int16))}
    x = packed(changed).arrays["x"]
    (short,), (long,) = x[x[:, 0] == 4][:1], x[(x == 5).all(1)]
    assert short.tolist() == [4] * 9_000 + [0] * 7_000
    assert len(long) == 16_000


def test_the_real_pack_of_waveforms_loads_as_any_other(members, tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "user-cache")
    path = archive_of(tmp_path / "speech.tar.gz", members)
    source = OfficialSource("keyword_spotting", SpeechCommands(archive=described(path)), tmp_path, download=False)
    data: Data = source.load(tmp_path / "cache")
    assert data.train.x.dtype == torch.int16
    assert data.train.x.shape[1:] == (16_000,)
    assert data.classes == CLASSES
    assert data.meta["licence"] == "CC BY 4.0"
    assert data.train.columns["speaker"].min() == -1
    assert data.background.shape[1] == round(0.8 * 12 * 16_000)
    assert data.background.dtype == torch.int16


def clip_of(members: Members, word: str, *, split: int = 0) -> str:
    return next(name for name, code in split_of(members).items() if name.startswith(f"{word}/") and code == split)


BAD_WAVS = {
    "not a whole WAV file": b"",
    "holds no samples": wav(np.zeros(0, np.int16)),
    "has 8000 Hz, not 16000 Hz": wav(np.zeros(8_000, np.int16), rate=8_000),
    "has 2 channels, not 1": wav(np.zeros(16_000, np.int16), channels=2),
    "truncated": wav(np.zeros(16_000, np.int16))[:9_000],
}


@pytest.mark.parametrize("message", BAD_WAVS)
@pytest.mark.parametrize("kind", ["clip", "recording"])
def test_a_bad_sound_is_named_with_its_archive(members, packed, tmp_path, message, kind):
    name = clip_of(members, "stop", split=2) if kind == "clip" else DISHES
    with pytest.raises(SuiteError) as caught:
        packed(members | {name: BAD_WAVS[message]})
    assert str(caught.value).startswith(f"{tmp_path / 'speech.zip'}: {name}: {message}")


def refused(packed: Callable[..., PackContents], members: Members) -> str:
    with pytest.raises(SuiteError, match=r"speech\.zip: ") as caught:
        packed(members)
    return str(caught.value).partition("speech.zip: ")[2]


@pytest.mark.parametrize("name", LISTS)
def test_a_missing_list_is_named(members, packed, name):
    assert refused(packed, {k: v for k, v in members.items() if k != name}) == f"lacks {name}"


def test_a_listed_clip_that_is_missing_is_named(members, packed):
    name = clip_of(members, "on", split=1)
    assert refused(packed, {k: v for k, v in members.items() if k != name}) == f"lacks {name}, which {LISTS[0]} lists"


def test_a_clip_in_both_lists_is_named(members, packed):
    name = clip_of(members, "on", split=1)
    changed = members | {LISTS[1]: members[LISTS[1]] + name.encode()}
    assert refused(packed, changed) == f"{name} is in both validation_list.txt and testing_list.txt"


@pytest.mark.parametrize("word", ["go", "yes"])
def test_a_missing_word_is_named(members, packed, word):
    left = {k: v for k, v in members.items() if not k.startswith(f"{word}/")}
    assert refused(packed, left | lists_without(members, f"{word}/")) == f"holds no training clip of {word}"


def test_a_word_missing_from_one_split_is_named(members, packed):
    changed = members | lists_without(members, "off/")
    assert refused(packed, changed) == "holds no validation clip of off"


def test_missing_other_words_are_an_error_unless_none_are_wanted(members, packed):
    left = {k: v for k, v in members.items() if not k.startswith("bed/")} | lists_without(members, "bed/")
    assert refused(packed, left).startswith("holds no training clip of any word but down, go")


def test_missing_recordings_are_an_error(members, packed):
    left = {k: v for k, v in members.items() if k != DISHES}
    assert refused(packed, left) == "lacks the recordings in _background_noise_/"


def test_a_recording_too_short_to_be_split_is_named(members, packed):
    changed = members | {BIKE: wav(np.zeros(9 * 16_000, np.int16))}
    assert refused(packed, changed) == f"{BIKE}: lasts 9.0 s, at least 10 s are needed"


@pytest.mark.parametrize("options", [{"unknown": -0.1}, {"silence": 26.0}, {"unknown": float("nan")}])
def test_a_factor_out_of_range_is_refused_by_name(options):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"^{name}={value} must lie between 0 and 25$"):
        SpeechCommands(**options)


def test_reports_progress(members, tmp_path):
    path, reports = archive_of(tmp_path / "speech.zip", members), []
    SpeechCommands(archive=described(path)).pack([path], lambda *report: reports.append(report))
    task, done, total = reports[-1]
    assert task == "reading clips"
    assert 0 <= done < total


def test_options_and_archive_are_part_of_the_key():
    default = SpeechCommands()
    keys = {
        OfficialSource("keyword_spotting", preparation).fingerprint()
        for preparation in (default, replace(default, unknown=2.0), replace(default, silence=2.0))
    }
    assert len(keys) == 3
