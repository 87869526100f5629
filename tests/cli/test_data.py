"""`suite data` end to end: list, prepare, verify."""

import hashlib
import io
import json
import pickle
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image
from toys import archive_of, described
from webserver import Server, serving

from suite.cli.main import main
from suite.data import cifar10, download

ARCHIVE = "cifar-10-python.tar.gz"


def write_cifar(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    batch = {b"data": rng.integers(0, 256, (40, 3072), dtype=np.uint8), b"labels": [i % 10 for i in range(40)]}
    folder.mkdir(parents=True, exist_ok=True)
    names = (*cifar10.TRAIN, cifar10.TEST)
    return archive_of(folder / ARCHIVE, dict.fromkeys(names, pickle.dumps(batch, 2)))


def write_pack(path: Path, images: list[bytes]) -> None:
    meta = {"format": "pack-1", "benchmark": "mine", "title": "mine", "source": "made here", "licence": "free"}
    split = np.arange(len(images)) % 3
    offsets = np.cumsum([0, *map(len, images)])
    files = {"x_encoded": np.frombuffer(b"".join(images), np.uint8), "x_offsets": offsets}
    np.savez(path, **files, y=split * 0, split=split, meta=json.dumps(meta | {"classes": ["a"]}))


def png(value: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), value, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "kept")
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    return tmp_path / "kept"


@pytest.fixture
def server(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    path = write_cifar(tmp_path / "server")
    with serving(path.parent) as server:
        monkeypatch.setattr(cifar10.Cifar10, "archives", (described(path, server.url),))
        yield server


@pytest.fixture
def data(kept: Path, capsys: pytest.CaptureFixture) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["data", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def mine(kept: Path, tmp_path: Path) -> Path:
    """A benchmark of one's own that reads a pack; gives the folder of its YAML file."""
    (tmp_path / "mine" / "benchmark").mkdir(parents=True)
    (tmp_path / "mine" / "benchmark" / "mine.yaml").write_text(
        "_target_: suite.benchmarks.base.Classification\nname: mine\ntitle: Mine\ninput_shape: [3, 4, 4]\n"
        "chance: 0.5\ndata: {pack: mine.npz, folder: null, download: true}\n"
    )
    write_pack(tmp_path / "mine.npz", [png(value) for value in range(9)])
    return tmp_path / "mine"


class TestPrepare:
    def test_downloads_verifies_and_says_what_it_wrote(self, data, server, kept):
        code, out, _ = data("prepare", "image_classification")
        (pack,) = kept.glob("*.npz")
        digest = hashlib.sha256(pack.read_bytes()).hexdigest()
        assert code == 0
        assert out.splitlines() == [f"prepared  {pack}", "size      0.7 MB", f"sha256    {digest}"]
        assert data("prepare", "image_classification")[1] == out
        assert server.requests == ["whole"]

    def test_force_prepares_again_without_a_second_download(self, data, server, kept):
        out = data("prepare", "image_classification")[1]
        (pack,) = kept.glob("*.npz")
        before = pack.stat().st_ino
        assert data("prepare", "image_classification", "--force")[1] == out
        assert pack.stat().st_ino != before
        assert server.requests == ["whole"]

    def test_takes_the_archive_from_a_folder(self, data, server):
        code, out, _ = data("prepare", "image_classification", "--folder", str(server.folder))
        assert (code, "prepared" in out, server.requests) == (0, True, [])

    def test_a_damaged_archive_in_the_folder_is_named(self, data, server, tmp_path):
        (tmp_path / ARCHIVE).write_bytes(b"half")
        code, _, err = data("prepare", "image_classification", "--folder", str(tmp_path))
        assert code == 2
        assert err.startswith(f"error: {tmp_path / ARCHIVE}: truncated: 4 bytes, not")

    def test_a_broken_download_is_continued_by_the_same_command(self, data, server):
        server.cuts = [1000] + [0] * download.MAX_ATTEMPTS
        code, _, err = data("prepare", "image_classification")
        assert code == 2
        assert f"{server.url}/{ARCHIVE}" in err
        server.cuts, server.requests = [], []
        assert data("prepare", "image_classification")[0] == 0
        assert server.requests == ["bytes=1000-"]

    def test_an_interruption_keeps_what_has_arrived(self, data, server, kept, monkeypatch):
        def interrupt(self, files, report_progress):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(cifar10.Cifar10, "pack", interrupt)
            code, _, err = data("prepare", "image_classification")
        assert (code, err) == (130, "interrupted: what has arrived is kept, the same command continues\n")
        assert not list(kept.glob("*.npz"))
        assert data("prepare", "image_classification")[0] == 0
        assert server.requests == ["whole"]

    def test_says_if_runs_read_another_pack(self, data, server, tmp_path, monkeypatch):
        (tmp_path / "image_classification.npz").write_bytes(b"a pack")
        monkeypatch.setenv("SUITE_DATA_DIR", str(tmp_path))
        code, out, _ = data("prepare", "image_classification")
        assert code == 0
        assert f"runs read {tmp_path / 'image_classification.npz'} instead" in out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["digits"], "digits: bundled with scikit-learn, nothing to prepare"),
            (["mine", "--config-dir", "mine"], "mine: mine.npz, nothing to prepare"),
        ],
    )
    def test_what_has_no_archive_needs_none(self, data, mine, arguments, said):
        assert data("prepare", *arguments)[:2] == (0, f"{said}\n")

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            (["nothing"], "nothing: no such benchmark. Choices: "),
            (["digits", "--folder", "gone"], "--folder=gone: no such folder"),
            (["digits", "--config-dir", "gone"], "--config-dir=gone: no such folder"),
        ],
    )
    def test_bad_input_is_named(self, data, arguments, named):
        code, _, err = data("prepare", *arguments)
        assert code == 2
        assert named in err


class TestVerify:
    def test_what_is_not_here_is_not_damaged(self, data, server):
        code, out, _ = data("verify", "image_classification")
        assert (code, server.requests) == (0, [])
        assert out == f"image_classification: not here: {server.url}/{ARCHIVE}\nnothing is damaged\n"

    def test_archives_and_prepared_packs_are_checked(self, data, server, kept):
        data("prepare", "image_classification")
        code, out, _ = data("verify")
        (pack,) = kept.glob("*.npz")
        assert code == 0
        assert f"image_classification: archive {kept / ARCHIVE}: ok, {cifar10.Cifar10.archives[0].checksum}\n" in out
        digest = hashlib.sha256(pack.read_bytes()).hexdigest()
        assert re.search(rf"image_classification: prepared {pack}: ok, [\d/]+ examples, sha256:{digest}\n", out)
        assert out.count("digits: bundled with scikit-learn, ok\n") == 1
        assert out.endswith("nothing is damaged\n")

    @pytest.mark.parametrize(
        ("kind", "pattern", "damage"),
        [("archive", ARCHIVE, "its SHA-256 is"), ("prepared", "*.npz", "the array 'x' is damaged")],
    )
    def test_damage_is_found_and_ends_with_code_1(self, data, server, kept, kind, pattern, damage):
        data("prepare", "image_classification")
        (path,) = kept.glob(pattern)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        code, out, _ = data("verify", "digits", "image_classification")
        assert code == 1
        assert f"image_classification: {kind} {path}: DAMAGED: {damage}" in out
        assert out.endswith("1 damaged\n")

    def test_other_packs_are_decoded(self, data, mine):
        code, out, _ = data("verify", "mine", "--config-dir", "mine")
        assert code == 0
        assert out.startswith("mine: pack mine.npz: ok, 3/3/3 examples, sha256:")
        assert data("--config-dir", "mine", "verify", "mine")[:2] == (code, out)

    def test_a_corrupt_image_of_a_pack_is_found(self, data, mine, tmp_path):
        write_pack(tmp_path / "mine.npz", [png(1), b"no image", *[png(3)] * 7])
        code, out, _ = data("verify", "mine", "--config-dir", "mine")
        assert code == 1
        assert "mine: pack mine.npz: DAMAGED: image 1 is corrupt" in out

    def test_a_damaged_array_that_no_run_reads_is_found_too(self, data, mine, tmp_path):
        with np.load(tmp_path / "mine.npz") as pack:
            arrays = {name: pack[name] for name in pack.files} | {"notes": np.arange(100)}
        np.savez(tmp_path / "mine.npz", **arrays)
        content = (tmp_path / "mine.npz").read_bytes()
        (tmp_path / "mine.npz").write_bytes(content.replace(np.arange(100).tobytes(), np.zeros(100, int).tobytes()))
        code, out, _ = data("verify", "mine", "--config-dir", "mine")
        assert code == 1
        assert "DAMAGED: Bad CRC-32 for file 'notes.npy'" in out

    def test_a_pack_in_the_data_folder_is_decoded(self, data, packs, monkeypatch):
        monkeypatch.setenv("SUITE_DATA_DIR", str(packs))
        code, out, _ = data("verify", "visual_wake_words")
        assert code == 0
        assert f"visual_wake_words: pack {packs / 'visual_wake_words.npz'}: ok, 3,643/346/863 examples, sha256:" in out

    def test_a_benchmark_that_cannot_be_built_does_not_hide_the_others(self, data, mine):
        (mine / "benchmark" / "broken.yaml").write_text("_target_: nowhere.Nothing\nname: broken\n")
        code, out, _ = data("verify", "broken", "mine", "--config-dir", "mine")
        assert code == 0
        assert "broken: not checked: " in out
        assert "mine: pack mine.npz: ok" in out

    def test_an_unknown_name_is_refused(self, data):
        code, _, err = data("verify", "nothing")
        assert code == 2
        assert "nothing: no such benchmark. Choices: " in err


class TestList:
    def test_says_what_is_where_before_and_after(self, data, server, kept):
        assert "no  " in row(data()[1], "image_classification")
        data("prepare", "image_classification")
        assert "yes " in row(data()[1], "image_classification")
        next(kept.glob("*.npz")).unlink()
        assert "archive " in row(data()[1], "image_classification")
        assert server.requests == ["whole"]

    def test_never_opens_a_connection(self, data, monkeypatch):
        monkeypatch.setattr(socket.socket, "connect", None)
        assert data()[0] == 0
        assert data("verify")[0] == 0


def row(table: str, name: str) -> str:
    return next(line for line in table.splitlines() if line.strip().startswith(name))


@pytest.mark.parametrize("arguments", [[], ["prepare"], ["verify"]])
def test_every_verb_has_help(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["data", *arguments, "--help"])
    assert stop.value.code == 0
    assert f"usage: {' '.join(['suite', 'data', *arguments])} [-h]" in capsys.readouterr().out
