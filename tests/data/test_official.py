import gzip
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from toys import LABELS, PIXELS, Toy, archive_of, checksum, described, toy_source, write_toys

from suite import SuiteError
from suite.data import cache as cache_module
from suite.data.official import Archive, OfficialSource, cache_folder
from suite.data.pack import PackSource


@pytest.fixture(autouse=True)
def user_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloads and prepared packs, instead of the user's."""
    folder = tmp_path / "user-cache"
    monkeypatch.setattr(pooch, "os_cache", lambda name: folder / name)
    return folder / "tinyml-nas-suite"


@pytest.fixture
def local(tmp_path: Path) -> OfficialSource:
    """Toys whose archives lie in a folder."""
    folder = write_toys(tmp_path / "archives")
    return toy_source(folder, folder, download=False)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.exists() else set()


class TestFolder:
    def test_the_prepared_pack_loads_as_any_other(self, local, tmp_path):
        data = local.load(tmp_path / "cache")
        assert torch.equal(data.train.x, torch.from_numpy(PIXELS[:20]))
        assert data.test.y.tolist() == list(LABELS[30:])
        assert data.classes == ("cat", "dog")
        meta = {"benchmark": "toys", "title": "forty toys", "licence": "free"}
        source = ", ".join(archive.url for archive in local.preparation.archives)
        assert data.meta == meta | {"source": source}
        direct = PackSource(local.prepare(), "toys").load(tmp_path / "cache")
        assert torch.equal(direct.train.x, data.train.x)

    def test_the_pack_is_called_after_benchmark_and_fingerprint(self, local, user_cache):
        path = local.prepare()
        assert path == user_cache / f"toys-{local.fingerprint()[:12]}.npz"
        assert names(user_cache) == {path.name}

    def test_is_prepared_once(self, local, monkeypatch):
        first = local.prepare()
        monkeypatch.setattr(Toy, "pack", None)
        assert local.prepare() == first

    def test_the_same_archives_give_the_same_bytes(self, local, monkeypatch):
        first = local.prepare().read_bytes()
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        assert local.prepare(force=True).read_bytes() == first

    def test_needs_no_archive_once_prepared(self, local, tmp_path):
        local.prepare()
        for path in (tmp_path / "archives").iterdir():
            path.unlink()
        assert len(local.load(tmp_path / "cache").test) == 10
        assert local.fingerprint()

    def test_reports_its_steps(self, local):
        steps = []
        local.prepare(lambda task, done, total: steps.append(task))
        assert steps == ["checking pixels.tar.gz", "checking labels.zip", "reading toys"]

    def test_archives_are_hashed_once_a_process(self, local, monkeypatch):
        local.prepare()
        monkeypatch.setattr(cache_module, "hashlib", None)
        for name, path in local.local_archives().items():
            assert next(a for a in local.preparation.archives if a.name == name).describe_damage(path) is None

    def test_two_preparations_at_once_make_one(self, local, monkeypatch):
        calls, inside, pack = [], threading.Event(), Toy.pack

        def slow(self, files, report_progress):
            calls.append(1)
            inside.set()
            threading.Event().wait(0.2)
            return pack(self, files, report_progress)

        monkeypatch.setattr(Toy, "pack", slow)
        first = threading.Thread(target=local.prepare)
        first.start()
        inside.wait()
        local.prepare()
        first.join()
        assert calls == [1]


class TestFingerprint:
    def test_is_known_without_any_file_and_names_no_path(self, tmp_path):
        archives = (Archive("a.zip", "http://x/a.zip", "md5:0", 1),)
        source = OfficialSource("toys", Toy(archives), None, True)
        assert len(source.fingerprint()) == 64
        assert replace(source, folder=tmp_path).fingerprint() == source.fingerprint()
        assert names(cache_folder()) == set()

    def test_follows_checksums_options_version_and_class(self, monkeypatch):
        class Other(Toy):
            pass

        archive = Archive("a.zip", "http://x/a.zip", "md5:0", 1)
        preparations = [
            Toy((archive,)),
            Toy((replace(archive, checksum="md5:1"),)),
            Toy((archive,), shift=1),
            Other((archive,)),
        ]
        fingerprints = {OfficialSource("toys", preparation).fingerprint() for preparation in preparations}
        monkeypatch.setattr(Toy, "version", 2)
        fingerprints.add(OfficialSource("toys", preparations[0]).fingerprint())
        assert len(fingerprints) == 5

    def test_another_option_is_another_pack(self, local, tmp_path):
        other = replace(local, preparation=replace(local.preparation, shift=1))
        assert other.prepare() != local.prepare()
        assert other.load(tmp_path).train.x[0, 0, 0, 0] == (int(PIXELS[0, 0, 0, 0]) + 1) % 256

    @pytest.mark.parametrize("act", [OfficialSource.fingerprint, OfficialSource.prepare])
    def test_without_the_right_to_download_missing_data_is_an_error_at_once(self, local, tmp_path, act):
        (tmp_path / "archives" / "labels.zip").unlink()
        with pytest.raises(SuiteError) as caught:
            act(local)
        text, archive = str(caught.value), local.preparation.archives[1]
        assert text.startswith(
            f"toys: labels.zip (0.0 MB, {archive.url}): not found, and benchmark.data.download=false"
        )
        assert f"benchmark.data.folder={tmp_path / 'archives'} does not hold it" in text
        remedies = ("benchmark.data.folder=DIR", "SUITE_DATA_DIR=DIR", "benchmark.data.pack=FILE")
        assert [remedy for remedy in remedies if remedy not in text] == []


class TestDamage:
    """Nothing half-prepared or damaged is ever read."""

    @pytest.mark.parametrize("name", ["pixels.tar.gz", "labels.zip"])
    def test_a_truncated_archive_is_refused(self, local, tmp_path, user_cache, name):
        path = tmp_path / "archives" / name
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        with pytest.raises(SuiteError) as caught:
            local.prepare()
        sizes = f"{len(content) - 1:,} bytes, not {len(content):,}"
        assert str(caught.value).startswith(f"{path}: truncated: {sizes}; delete it, or replace it with that from http")
        assert names(user_cache) == set()

    @pytest.mark.parametrize(("name", "kind"), [("pixels.tar.gz", "sha256"), ("labels.zip", "md5")])
    def test_a_wrong_checksum_is_refused(self, local, tmp_path, user_cache, name, kind):
        path = tmp_path / "archives" / name
        content = bytearray(path.read_bytes())
        expected = checksum(content, kind).split(":")[1]
        content[20] ^= 1
        path.write_bytes(content)
        actual = checksum(content, kind).split(":")[1]
        message = (
            f"{path}: its {'MD5' if kind == 'md5' else 'SHA-256'} is {actual}, not {expected}; delete it, or replace it"
        )
        with pytest.raises(SuiteError, match=re.escape(message)):
            local.prepare()
        assert names(user_cache) == set()

    def test_an_archive_that_holds_something_else_is_refused(self, local, tmp_path, user_cache):
        folder = tmp_path / "archives"
        archive_of(folder / "labels.zip", {"toys/other": LABELS})
        source = toy_source(folder, folder)
        with pytest.raises(SuiteError, match=r"labels\.zip: lacks toys/labels$"):
            source.prepare()
        assert names(user_cache) == set()

    @pytest.mark.parametrize(
        ("damage", "reason"),
        [
            (lambda content: content[:-99], "truncated, or not an .npz file"),
            (lambda content: b"x" + content[1:], "truncated, or not an .npz file"),
            (lambda content: content.replace(PIXELS.tobytes(), PIXELS[::-1].tobytes()), "the array 'x' is damaged"),
        ],
    )
    def test_a_damaged_pack_is_made_anew(self, local, tmp_path, caplog, damage, reason):
        path = local.prepare()
        good = path.read_bytes()
        path.write_bytes(damage(good))
        os.utime(path, ns=(1, 1))
        assert len(local.load(tmp_path / "cache").train) == 20
        assert f"{path}: {reason}" in caplog.text
        assert path.read_bytes() == good

    def test_a_kill_while_writing_leaves_nothing_that_is_used(self, tmp_path, user_cache):
        folder = write_toys(tmp_path / "archives")
        code = (
            "import os, sys, pathlib\n"
            "from toys import toy_source\n"
            "folder = pathlib.Path(sys.argv[1])\n"
            "os.fsync = lambda handle: os._exit(9)\n"
            "toy_source(folder, folder).prepare()\n"
        )
        paths = {"PYTHONPATH": f"{Path(__file__).parents[1] / 'support'}", "XDG_CACHE_HOME": str(user_cache.parent)}
        done = subprocess.run([sys.executable, "-c", code, str(folder)], env=os.environ | paths)
        source = toy_source(folder, folder, download=False)
        assert done.returncode == 9
        assert any(name.endswith(".tmp") for name in names(user_cache))
        assert not source.prepared.exists()
        assert source.describe()["present"] == "archive"
        path = source.prepare()
        assert len(PackSource(path, "toys").load(tmp_path / "cache").train) == 20
        assert {name for name in names(user_cache) if ".npz." in name} == set()

    def test_a_full_disk_is_named_and_leaves_nothing(self, local, user_cache, monkeypatch):
        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(
            SuiteError, match=r"toys-\w+\.npz: cannot be written \(No space left on device\).*XDG_CACHE_H"
        ):
            local.prepare()
        assert names(user_cache) == set()

    def test_a_folder_that_cannot_be_made_is_named(self, local, user_cache):
        user_cache.parent.write_text("a file, where a folder should be")
        with pytest.raises(SuiteError, match=rf"{user_cache}.*: cannot be written"):
            local.prepare()


def test_describes_what_is_here(local, user_cache):
    size = sum(archive.size for archive in local.preparation.archives)
    facts = local.describe()
    assert (facts["title"], facts["licence"], facts["present"]) == ("forty toys", "free", "archive")
    assert facts["location"] == ", ".join(str(local.folder / archive.name) for archive in local.preparation.archives)
    assert facts["size"] == f"{size / 1e6:.1f} MB"
    path = local.prepare()
    assert (local.describe()["present"], local.describe()["location"]) == ("yes", str(path))


def test_the_packs_meta_says_what_it_is(local):
    with np.load(local.prepare()) as file:
        meta = json.loads(file["meta"].item())
    assert meta == {
        "benchmark": "toys",
        "classes": ["cat", "dog"],
        "format": "pack-1",
        "licence": "free",
        "source": ", ".join(archive.url for archive in local.preparation.archives),
        "title": "forty toys",
    }


def test_an_archive_knows_a_good_copy(tmp_path):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b"x", mtime=0))
    assert described(tmp_path / "x.gz", kind="md5").describe_damage(tmp_path / "x.gz") is None
    assert (
        described(tmp_path / "x.gz").describe_damage(tmp_path / "gone") == "cannot be read (No such file or directory)"
    )
