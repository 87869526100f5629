"""`suite data pack`: folders of images, tables and arrays become packs; what cannot is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from suite.cli.main import main
from suite.data.pack import PackSource


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def image(path: str, size: tuple[int, int] = (12, 10), grey: int = 0) -> None:
    """A PNG of (width, height)."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (grey, 0, 255 - grey)).save(path)


def images(per_class: int = 12, folder: str = "photos") -> None:
    for number in range(per_class):
        for label, grey in (("cat", 40), ("dog", 200)):
            image(f"{folder}/{label}/{number}.png", grey=grey + number)


def table(**columns: Any) -> None:
    pd.DataFrame(columns).to_csv("t.csv", index=False)


def rows(count: int = 40) -> dict[str, Any]:
    labels = ["walk", "run"] * (count // 2)
    return {"label": labels, "a": np.arange(count) / 3, "b": np.arange(count) % 5}


def pack(*options: str) -> Any:
    assert main(["data", "pack", *options, "--name", "own"]) == 0
    return np.load("own.npz")


class TestImages:
    def test_classes_are_folders_and_splits_are_drawn_by_class_alike(self) -> None:
        images()
        made = pack("photos")
        assert made["x"].shape == (24, 3, 10, 12)
        assert made["x"].dtype == np.uint8
        assert json.loads(made["meta"].item())["classes"] == ["cat", "dog"]
        assert made["x"][made["y"] == 1][:, 0, 0, 0].min() == 200
        for number, expected in enumerate((8, 2, 2)):
            assert np.bincount(made["y"][made["split"] == number]).tolist() == [expected] * 2

    def test_splits_of_folders_are_kept(self) -> None:
        for split, count in (("train", 6), ("val", 3), ("test", 4)):
            images(count, f"photos/{split}")
        assert np.bincount(pack("photos")["split"]).tolist() == [12, 6, 8]

    def test_sizes_and_grey_on_request(self) -> None:
        images()
        image("photos/cat/wide.png", (30, 10))
        assert pack("photos", "--size", "8x6", "--crop", "--grey")["x"].shape == (25, 1, 8, 6)

    def test_a_run_on_the_pack(self, capsys: pytest.CaptureFixture[str]) -> None:
        images()
        pack("photos", "--size", "16", "--config-dir", "mine", "--title", "pets: cats & dogs #1")
        command = capsys.readouterr().out.splitlines()[-1].removeprefix("next: suite ").split()
        assert main([*command, "threads=1"]) == 0
        assert "own | duccio_projected | weights 50% | seed 0 | smoke" in capsys.readouterr().out


class TestTables:
    def test_rows_are_examples(self) -> None:
        table(**rows())
        made = pack("t.csv")
        assert made["x"].shape == (40, 2)
        assert made["x"].dtype == np.float32

    def test_rows_of_a_sequence_are_in_their_order(self) -> None:
        columns = {"label": np.repeat(["up", "down"], 60), "clip": np.repeat(np.arange(24)[::-1], 5)}
        table(**columns, a=np.arange(120), b=-np.arange(120))
        made = pack("t.csv", "--sequence", "clip")
        assert made["x"].shape == (24, 2, 5)
        assert made["x"][1].tolist() == [[5, 6, 7, 8, 9], [-5, -6, -7, -8, -9]]
        assert PackSource(Path("own.npz"), "own").load(Path("cache")).train.x.dim() == 3

    def test_groups_stay_together(self) -> None:
        table(**rows(60), person=np.repeat(np.arange(15), 4))
        made = pack("t.csv", "--group", "person")
        of_person = made["split"].reshape(15, 4)
        assert (of_person == of_person[:, :1]).all()
        assert set(made["split"]) == {0, 1, 2}

    def test_splits_of_a_column_are_kept(self) -> None:
        table(**rows(), part=["train"] * 20 + ["validation"] * 10 + ["test"] * 10)
        assert pack("t.csv", "--split", "part")["split"].tolist() == [0] * 20 + [1] * 10 + [2] * 10


@pytest.mark.parametrize("shape", [(3, 16, 16), (3, 64), (2, 7), (6,)])
def test_each_shape_has_a_network_to_start_from(shape: tuple[int, ...]) -> None:
    np.savez("a.npz", x=np.random.default_rng(0).normal(size=(40, *shape)), y=np.arange(40) % 4)
    pack("a.npz", "--config-dir", "mine")
    assert main(["check", "--config-dir", "mine", "own"]) == 0
    run = ["run", "--config-dir", "mine", "benchmark=own", "preset=smoke", "threads=1", "budget.weights=60%"]
    assert main(run) == 0


def test_a_benchmark_without_a_network_says_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("a.npz", x=np.random.default_rng(0).normal(size=(40, 3, 64)), y=np.arange(40) % 4)
    pack("a.npz", "--config-dir", "mine")
    yaml = Path("mine/benchmark/own.yaml")
    yaml.write_text(re.sub(r"^network:.*", "network: null", yaml.read_text(), flags=re.MULTILINE))
    run = ["run", "--config-dir", "mine", "benchmark=own", "preset=smoke", "threads=1"]
    assert main(run) == 2
    assert "benchmark own has no network: give network=MODULE.CLASS" in capsys.readouterr().err
    assert main([*run, "network=architectures.SequenceNet"]) == 0
    assert main(["check", "--config-dir", "mine", "own"]) == 0
    assert "skip  benchmark own" in capsys.readouterr().out


def test_arrays_with_names_as_labels() -> None:
    np.savez("a.npz", x=np.ones((40, 2, 30)), y=np.array(["no", "yes"] * 20))
    made = pack("a.npz")
    assert made["x"].dtype == np.float32
    assert made["y"].tolist() == [0, 1] * 20


def _broken_images() -> None:
    images()
    for number in range(5):
        Path(f"photos/cat/{number}.png").write_bytes(b"no image")


def _ragged_images() -> None:
    images()
    image("photos/cat/wide.png", (30, 10))


def _ragged_sequences() -> None:
    clip = np.repeat(np.arange(4), [10, 10, 9, 11])
    table(**rows(), clip=clip)


def _mixed_sequence() -> None:
    table(**rows(), clip=np.repeat(np.arange(4), 10))


def _broken_chunk() -> None:
    images()
    content = Path("photos/cat/0.png").read_bytes()
    Path("photos/cat/broken.png").write_bytes(content.replace(b"IDAT", b"\xcf\x80AT"))


WRONG: list[tuple[Callable[[], object], list[str], str]] = [
    (lambda: None, ["nowhere"], "nowhere: no such folder or file"),
    (lambda: Path("empty").mkdir(), ["empty"], "empty: no images; expected SPLIT/CLASS/IMAGE or CLASS/IMAGE"),
    (_broken_images, ["photos"], "5 of 24 images cannot be read: cat/0.png, cat/1.png, cat/2.png and 2 more"),
    (_ragged_images, ["photos"], "images of 2 sizes, 1 of 25 are not 10x12; give --size=10x12"),
    (lambda: images(2), ["photos"], "cannot be split further"),
    (lambda: images(), ["photos", "--validation", "0.6", "--test", "0.5"], "shares above 0 that leave examples"),
    (lambda: images(12, "photos/train"), ["photos"], "the test split has no example of cat, dog"),
    (lambda: Path("t.csv").write_text(""), ["t.csv"], "t.csv: cannot be read as a CSV table"),
    (
        lambda: table(**rows()),
        ["t.csv", "--label", "l", "--group", "g"],
        "no column for --label=l, --group=g. Its",
    ),
    (lambda: table(**rows(), c=["x"] * 40), ["t.csv"], "no numbers in c"),
    (lambda: table(**rows(), c=[np.nan, *range(39)]), ["t.csv"], "gaps in c"),
    (lambda: table(label=["a", "b"] * 20), ["t.csv"], "no column of features is left"),
    (
        lambda: table(**rows(), part=["train", "dev"] * 20),
        ["t.csv", "--split", "part"],
        "dev; expected train, ",
    ),
    (_ragged_sequences, ["t.csv", "--sequence", "clip"], "sequences of 3 lengths, 2 of 4 do not have 10 rows"),
    (_mixed_sequence, ["t.csv", "--sequence", "clip"], "4 sequences have several labels: 0, 1, 2 and 1 more"),
    (lambda: np.savez("a.npz", z=np.ones(3)), ["a.npz"], "a.npz: lacks the array x and y"),
    (lambda: np.savez("a.npz", x=np.ones((3, 2)), y=np.ones(4)), ["a.npz"], "arrays of different lengths: x 3, y 4"),
    (lambda: np.savez("a.npz", x=np.array([["a"]] * 3), y=np.ones(3)), ["a.npz"], "x must be numbers (N, ...)"),
    (lambda: np.savez("a.npz", x=np.ones((3, 2)), y=np.ones(3), split=[0, 1, 3]), ["a.npz"], "split must be 0 for"),
    (lambda: table(**rows() | {"b": [np.inf, *range(39)]}), ["t.csv"], "1 of 40 examples are not finite"),
    (lambda: Path("a.npz").write_text("no"), ["a.npz"], "a.npz: cannot be read as an .npz file"),
    (_broken_chunk, ["photos"], "1 of 25 images cannot be read: cat/broken.png"),
    (lambda: np.savez("a.npz", x=np.ones((3, 2)), y=1), ["a.npz"], "arrays of different lengths: x 3, y 1"),
    (lambda: np.savez("a.npz", x=np.ones((3, 2)), y=np.ones((3, 2))), ["a.npz"], "y must have one entry an example"),
    (lambda: np.savez("a.npz", x=1.0, y=[1, 2]), ["a.npz"], "arrays of different lengths: x 1, y 2"),
    (lambda: images(), ["photos", "--out", "photos"], "photos: cannot be written"),
]


@pytest.mark.parametrize(("make", "arguments", "message"), WRONG)
def test_what_is_wrong_is_named_and_nothing_is_written(
    make: Callable[[], object], arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make()
    assert main(["data", "pack", *arguments, "--name", "own"]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not Path("own.npz").exists()


def test_a_name_that_no_key_can_have() -> None:
    assert main(["data", "pack", "photos", "--name", "my data"]) == 2
