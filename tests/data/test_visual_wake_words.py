import hashlib
import io
import itertools
from pathlib import Path

import numpy as np
import pooch
import pytest
import torch
from PIL import Image
from toys import archive_of, described

from suite import SuiteError
from suite.data.official import OfficialSource
from suite.data.visual_wake_words import VisualWakeWords

COUNT = 60


def jpeg(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def pixels_of(content: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(content)) as image:
        return torch.from_numpy(np.array(image.convert("RGB")).transpose(2, 0, 1))


@pytest.fixture(scope="module")
def members(packs: Path) -> dict[str, bytes]:
    """Photographs of the real pack under their official names."""
    with np.load(packs / "visual_wake_words.npz") as pack:
        content, offsets, y, group = (pack[key] for key in ("x_encoded", "x_offsets", "y", "group"))
    members = {}
    for index in np.flatnonzero(np.char.startswith(group, "vww01:"))[:COUNT]:
        with Image.open(io.BytesIO(content[offsets[index] : offsets[index + 1]])) as image:
            label, photograph = ("non_person", "person")[y[index]], group[index].removeprefix("vww01:")
            name = f"vw_coco2014_96/{label}/COCO_train2014_{photograph}.jpg"
            members[name] = jpeg(np.array(image.convert("RGB")))
    return members


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes members as the official archive and gives the source that reads them."""
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "user-cache")

    def write(members: dict[str, bytes], **options: float) -> OfficialSource:
        path = archive_of(tmp_path / "vw_coco2014_96.tar.gz", members)
        monkeypatch.setattr(VisualWakeWords, "archives", (described(path),))
        return OfficialSource("visual_wake_words", VisualWakeWords(**options), tmp_path, download=False)

    return write


def test_expects_the_official_archive():
    (archive,) = VisualWakeWords().archives
    assert archive.checksum == "sha256:f8746b9e44f8a7a4293f73be9ba6e8da9239fe69798d42364aae62b915cfab58"
    assert (archive.name, archive.size) == ("vw_coco2014_96.tar.gz", 234_810_765)
    assert archive.url.startswith("https://www.silabs.com/")


def test_the_prepared_pack_holds_the_files_and_loads_as_the_same_images(members, written, tmp_path):
    source = written(members, validation=0.2, test=0.3)
    with np.load(source.prepare()) as pack:
        arrays = {name: pack[name] for name in pack.files}
    content, offsets = arrays["x_encoded"].tobytes(), arrays["x_offsets"]
    assert [content[a:b] for a, b in itertools.pairwise(offsets)] == list(members.values())
    assert arrays["y"].tolist() == [int("/person/" in name) for name in members]
    assert arrays["group"].tolist() == [name[-16:-4] for name in members]
    data = source.load(tmp_path / "cache")
    files = [file for file, split in zip(members.values(), arrays["split"], strict=True) if split == 0]
    assert torch.equal(data.train.x, torch.stack([pixels_of(file) for file in files]))
    assert data.classes == ("non_person", "person")
    assert "Flickr" in data.meta["licence"]


def test_the_split_is_that_of_the_photographs_number(members, written):
    with np.load(written(members).prepare()) as pack:
        split = dict(zip(pack["group"].tolist(), pack["split"].tolist(), strict=True))
    for photograph, code in split.items():
        u = int(hashlib.sha256(photograph.encode()).hexdigest()[:16], 16) / 2**64
        assert code == (1 if u < 0.1 else 2 if u < 0.2 else 0)


def test_the_default_shares_of_many_photographs():
    splits = np.array([VisualWakeWords()._split(f"{number:012}") for number in range(20_000)])
    assert np.bincount(splits) / len(splits) == pytest.approx([0.8, 0.1, 0.1], abs=0.01)


@pytest.mark.parametrize("shares", [{"validation": 0.0}, {"test": -0.1}, {"validation": 0.5, "test": 0.5}])
def test_refuses_impossible_shares(shares):
    with pytest.raises(ValueError, match="must be positive"):
        VisualWakeWords(**shares)


def test_other_files_of_the_archive_are_passed_over(members, written):
    others = {"vw_coco2014_96/person/._COCO_train2014_000000000001.jpg": b"?", "vw_coco2014_96/README": b"?"}
    with np.load(written(others | members).prepare()) as pack:
        assert len(pack["y"]) == COUNT


BAD_IMAGES = {
    "not a whole JPEG image": [b"", b"no image", jpeg(np.zeros((96, 96, 3), np.uint8))[:-60]],
    "the image has 64 x 96 pixels, not 96 x 96": [jpeg(np.zeros((96, 64, 3), np.uint8))],
}


@pytest.mark.parametrize(("message", "content"), [(text, image) for text, all_ in BAD_IMAGES.items() for image in all_])
def test_a_corrupt_image_is_named_and_nothing_prepared(members, written, tmp_path, message, content):
    name = list(members)[3]
    source = written(members | {name: content})
    with pytest.raises(SuiteError, match=rf"vw_coco2014_96\.tar\.gz: {name}: {message}"):
        source.prepare()
    assert not list((tmp_path / "user-cache").glob("*.npz*"))


def test_an_archive_without_images_is_refused(written):
    with pytest.raises(SuiteError, match=r"vw_coco2014_96\.tar\.gz: holds no image vw_coco2014_96/person/"):
        written({"other/person/x.jpg": b""}).prepare()
