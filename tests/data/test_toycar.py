import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pooch
import pytest
from sounds import librosa_log_mel, tone, wav
from toys import archive_of, described

from suite import SuiteError
from suite.data import log_mel, toycar
from suite.data.official import OfficialSource, PackContents
from suite.data.toycar import ToyCar

SAMPLES = 11 * 16_000
PER_MACHINE = 10
Members = dict[str, bytes]


def sounding(names: list[str]) -> Members:
    """A tone of its own for every clip, in no order."""
    content = {name: wav(tone(SAMPLES, 100 + 37.0 * i)) for i, name in enumerate(names)}
    return {name: content[name] for name in sorted(names, key=lambda name: hash_of(name))}


def hash_of(member: str) -> bytes:
    return hashlib.sha256(member.rpartition("/")[2].encode()).digest()


def training(machines: range) -> list[str]:
    return [f"ToyCar/train/normal_id_{m:02}_{i:08}.wav" for m in machines for i in range(PER_MACHINE)]


@pytest.fixture(scope="module")
def development() -> Members:
    test = [f"ToyCar/test/{kind}_id_{m:02}_{0:08}.wav" for kind in ("normal", "anomaly") for m in (1, 2)]
    return sounding(training(range(1, 3)) + test) | {"ToyCar/readme.txt": b"read me", "ToyCar/test/x.wav": b""}


@pytest.fixture(scope="module")
def additional() -> Members:
    return sounding(training(range(5, 7)))


@pytest.fixture
def packed(tmp_path: Path) -> Callable[..., PackContents]:
    def pack(development: Members, additional: Members, **options: float) -> PackContents:
        paths = archive_of(tmp_path / "dev.zip", development), archive_of(tmp_path / "more.zip", additional)
        preparation = ToyCar(development=described(paths[0]), additional=described(paths[1]), **options)
        return preparation.pack(paths, lambda task, done, total: None)

    return pack


def test_expects_the_official_archives():
    facts = [(archive.name, archive.url, archive.checksum, archive.size) for archive in ToyCar().archives]
    zenodo = "https://zenodo.org/record"
    assert facts == [
        (
            "dev_data_ToyCar.zip",
            f"{zenodo}/3678171/files/dev_data_ToyCar.zip?download=1",
            "md5:4dec75ca8d9f666aa9e4c1894a740501",
            1_816_443_231,
        ),
        (
            "eval_data_train_ToyCar.zip",
            f"{zenodo}/3727685/files/eval_data_train_ToyCar.zip?download=1",
            "md5:a5d4ccd498af70b04dd74b644b820006",
            861_354_584,
        ),
    ]


@pytest.fixture(scope="module")
def contents(development: Members, additional: Members, tmp_path_factory) -> PackContents:
    folder = tmp_path_factory.mktemp("toycar")
    paths = archive_of(folder / "dev.zip", development), archive_of(folder / "more.zip", additional)
    preparation = ToyCar(development=described(paths[0]), additional=described(paths[1]))
    return preparation.pack(paths, lambda task, done, total: None)


def expected_names(development: Members, additional: Members) -> list[str]:
    names = sorted(name for name in development if "_id_" in name)
    train, test = ([n for n in names if f"/{kind}/" in n] for kind in ("train", "test"))
    return train + test + sorted(additional)


def test_every_clip_has_its_label_machine_and_split(contents, development, additional):
    names = expected_names(development, additional)
    assert contents.arrays["y"].tolist() == [int("anomaly" in name) for name in names]
    assert contents.arrays["machine"].tolist() == [int(name.split("_id_")[1][:2]) for name in names]
    assert [split == 2 for split in contents.arrays["split"]] == ["/test/" in name for name in names]
    kinds = {"x": np.float16, "y": np.int16, "split": np.uint8, "machine": np.int8}
    assert {name: array.dtype for name, array in contents.arrays.items()} == kinds


def test_every_clip_has_the_features_of_its_own_sound(contents, development, additional):
    names, members = expected_names(development, additional), development | additional
    assert contents.arrays["x"].shape == (len(names), 200, 128)
    for row in (0, 7, 19, 20, 23, 24, 43):
        sound = np.frombuffer(members[names[row]][44:], "<i2") / 2**15
        expected = librosa_log_mel(sound)[50:250]
        np.testing.assert_allclose(contents.arrays["x"][row], expected, atol=0.06)  # float16 has steps of 0.03 here


def test_a_tenth_of_each_machines_training_clips_validates_by_hash_of_the_name(contents, development, additional):
    names, split = expected_names(development, additional), contents.arrays["split"]
    for machine in (1, 2, 5, 6):
        clips = [name for name in names if f"train/normal_id_{machine:02}" in name]
        assert len(clips) == PER_MACHINE
        assert [name for name in clips if split[names.index(name)] == 1] == [min(clips, key=hash_of)]
    assert set(contents.arrays["y"][split == 1]) == {0}


def test_the_share_for_validation_can_be_chosen(development, additional, packed):
    split = packed(development, additional, validation=0.3).arrays["split"]
    assert np.bincount(split).tolist() == [28, 12, 4]


def test_few_waveforms_are_held_at_a_time(development, additional, packed, monkeypatch):
    sizes = []
    monkeypatch.setattr(toycar, "_CLIPS_AT_ONCE", 5)
    monkeypatch.setattr(log_mel, "log_mel", lambda clips, of=log_mel.log_mel: sizes.append(len(clips)) or of(clips))
    packed(development, additional)
    assert sizes == [5] * 8 + [4]


def test_the_pack_loads_as_any_other(development, additional, tmp_path, monkeypatch):
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "user-cache")
    paths = archive_of(tmp_path / "dev.zip", development), archive_of(tmp_path / "more.zip", additional)
    preparation = ToyCar(development=described(paths[0]), additional=described(paths[1]))
    data = OfficialSource("anomaly_detection", preparation, tmp_path, download=False).load(tmp_path / "cache")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [36, 4, 4]
    assert data.train.x.shape == (36, 200, 128)
    assert data.classes == ("normal", "anomalous")
    assert data.meta["licence"] == "CC BY-NC-SA 4.0"
    assert data.train.columns["machine"].unique().tolist() == [1, 2, 5, 6]


CLIP = "ToyCar/train/normal_id_02_00000003.wav"


BAD_WAVS = {
    "not a whole WAV file": b"",
    "holds no samples": wav(np.zeros(0, np.int16)),
    "has 8000 Hz, not 16000 Hz": wav(np.zeros(SAMPLES, np.int16), rate=8_000),
    f"truncated, {SAMPLES - 1} of {SAMPLES} samples are there": wav(np.zeros(SAMPLES, np.int16))[:-2],
    "has 127999 samples, at least 128000 are needed": wav(np.zeros(127_999, np.int16)),
}


@pytest.mark.parametrize("message", BAD_WAVS)
def test_a_bad_clip_is_named_with_its_archive(development, additional, packed, tmp_path, message):
    with pytest.raises(SuiteError) as caught:
        packed(development | {CLIP: BAD_WAVS[message]}, additional)
    assert str(caught.value).startswith(f"{tmp_path / 'dev.zip'}: {CLIP}: {message}")


def test_an_archive_without_its_clips_is_named(development, additional, packed):
    without = {k: v for k, v in development.items() if "/test/" not in k}
    with pytest.raises(SuiteError, match=r"dev\.zip: lacks clips in ToyCar/test/"):
        packed(without, additional)
    with pytest.raises(SuiteError, match=r"more\.zip: lacks clips in ToyCar/train/"):
        packed(development, {"ToyCar/x": b""})


@pytest.mark.parametrize("kind", ["normal", "anomaly"])
def test_the_test_split_needs_both_labels(development, additional, packed, kind):
    without = {k: v for k, v in development.items() if f"test/{kind}" not in k}
    with pytest.raises(SuiteError, match=r"dev\.zip: lacks either normal or anomalous clips in ToyCar/test/"):
        packed(without, additional)


def test_too_few_clips_to_validate_are_an_error(development, additional, packed):
    with pytest.raises(SuiteError, match=r"dev\.zip: has too few training clips for validation=0\.04"):
        packed(development, additional, validation=0.04)


@pytest.mark.parametrize("share", [0.0, 0.6, float("nan")])
def test_a_share_out_of_range_is_refused_by_name(share):
    with pytest.raises(ValueError, match=f"^validation={share} must lie between 0 and 0.5"):
        ToyCar(validation=share)


def test_reports_progress(development, additional, tmp_path):
    paths = archive_of(tmp_path / "dev.zip", development), archive_of(tmp_path / "more.zip", additional)
    preparation, reports = ToyCar(development=described(paths[0]), additional=described(paths[1])), []
    preparation.pack(paths, lambda *report: reports.append(report))
    assert reports == [("computing spectrograms", 0, 44)]
