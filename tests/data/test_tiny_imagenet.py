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
from suite.data.splits import stratified_validation
from suite.data.tiny_imagenet import TinyImageNet

CLASSES, PER_CLASS = 3, 12
ROOT = "tiny-imagenet-200"


def pixels_of(content: bytes) -> torch.Tensor:
    with Image.open(io.BytesIO(content)) as image:
        return torch.from_numpy(np.array(image.convert("RGB")).transpose(2, 0, 1))


@pytest.fixture(scope="module")
def members(packs: Path) -> dict[str, bytes]:
    """Images of the real pack in the official layout, the classes in another order than that of their wnids."""
    with np.load(packs / "tiny_imagenet.npz") as pack:
        content, offsets, y, split = (pack[key] for key in ("x_encoded", "x_offsets", "y", "split"))
    wnids = ["n01443537", "n01629819", "n01641577"]
    words = "n01443537\tgoldfish, Carassius auratus\nn01629819\tEuropean fire salamander, Salamandra\nn9\tother\n"
    members = {f"{ROOT}/wnids.txt": "\n".join(wnids[::-1]).encode(), f"{ROOT}/words.txt": words.encode()}
    files = {label: iter(np.flatnonzero((y == label) & (split != 2))[:PER_CLASS]) for label in range(CLASSES)}
    for number in reversed(range(PER_CLASS)):
        for label, wnid in enumerate(wnids):
            index = next(files[label])
            name = f"{ROOT}/train/{wnid}/images/{wnid}_{number}.JPEG"
            members[name] = content[offsets[index] : offsets[index + 1]].tobytes()
            members.setdefault(f"{ROOT}/train/{wnid}/{wnid}_boxes.txt", b"boxes")
    rows = []
    for number, index in enumerate(np.flatnonzero((split == 2) & (y < CLASSES))[:11]):
        members[f"{ROOT}/val/images/val_{number}.JPEG"] = content[offsets[index] : offsets[index + 1]].tobytes()
        rows.append(f"val_{number}.JPEG\t{wnids[y[index]]}\t0\t32\t44\t62")
    members[f"{ROOT}/val/val_annotations.txt"] = "\n".join([*rows, ""]).encode()
    members[f"{ROOT}/test/images/test_0.JPEG"] = b"unlabelled"
    return members


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes members as the official archive and gives the source that reads them."""
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "user-cache")

    def write(members: dict[str, bytes], **options: float) -> OfficialSource:
        path = archive_of(tmp_path / "tiny-imagenet-200.zip", members)
        monkeypatch.setattr(TinyImageNet, "archives", (described(path, kind="md5"),))
        return OfficialSource("tiny_imagenet", TinyImageNet(**options), tmp_path, download=False)

    return write


def training_names(members: dict[str, bytes]) -> list[str]:
    """By class and number, not by text."""
    names = [name for name in members if "/train/" in name and name.endswith(".JPEG")]
    return sorted(names, key=lambda name: (name.split("/")[2], int(name[:-5].split("_")[-1])))


def test_expects_the_official_archive():
    (archive,) = TinyImageNet().archives
    assert archive.checksum == "md5:90528d7ca1a48142e341f4ef8d21d0de"
    assert (archive.name, archive.size) == ("tiny-imagenet-200.zip", 248_100_043)
    assert archive.url == "http://cs231n.stanford.edu/tiny-imagenet-200.zip"


def test_the_labelled_validation_images_test(members, written, tmp_path):
    test = written(members).load(tmp_path / "cache").test
    files = [members[f"{ROOT}/val/images/val_{number}.JPEG"] for number in range(11)]
    assert torch.equal(test.x, torch.stack([pixels_of(file) for file in files]))
    rows = members[f"{ROOT}/val/val_annotations.txt"].decode().splitlines()
    wnids = sorted({row.split("\t")[1] for row in rows} | {"n01443537", "n01629819", "n01641577"})
    assert test.y.tolist() == [wnids.index(row.split("\t")[1]) for row in rows]


def test_a_share_of_each_training_class_validates(members, written, tmp_path):
    data = written(members, validation=0.25).load(tmp_path / "cache")
    assert torch.bincount(data.validation.y).tolist() == [3] * CLASSES
    assert torch.bincount(data.train.y).tolist() == [9] * CLASSES
    held_out = stratified_validation(np.repeat(range(CLASSES), PER_CLASS), share=0.25)
    files = [members[name] for name, held in zip(training_names(members), held_out, strict=True) if held]
    assert torch.equal(data.validation.x, torch.stack([pixels_of(file) for file in files]))


def test_the_pack_holds_the_files_in_the_order_of_wnids_and_numbers(members, written):
    with np.load(written(members).prepare()) as pack:
        content, offsets, y = pack["x_encoded"].tobytes(), pack["x_offsets"], pack["y"]
    expected = [members[name] for name in training_names(members)]
    assert [content[a:b] for a, b in itertools.pairwise(offsets)][: len(expected)] == expected
    assert y[: len(expected)].tolist() == np.repeat(range(CLASSES), PER_CLASS).tolist()


def test_classes_are_called_by_wnid_and_first_word(members, written, tmp_path):
    classes = written(members).load(tmp_path / "cache").classes
    assert classes == ("n01443537 goldfish", "n01629819 European fire salamander", "n01641577")


TRAIN, VAL = f"{ROOT}/train/n01443537/images/n01443537_0.JPEG", f"{ROOT}/val/images/val_1.JPEG"
ANNOTATIONS = f"{ROOT}/val/val_annotations.txt"
BAD = {
    f"{TRAIN}: not a whole JPEG image": {TRAIN: b"no image"},
    f"{VAL}: not a whole JPEG image": {VAL: b""},
    f"lacks {ROOT}/wnids.txt": {f"{ROOT}/wnids.txt": None},
    f"lacks {ROOT}/words.txt": {f"{ROOT}/words.txt": None},
    f"lacks {ANNOTATIONS}": {ANNOTATIONS: None},
    f"lacks {VAL}, which {ANNOTATIONS} lists": {VAL: None},
    f"{ANNOTATIONS} names no class of {ROOT}/wnids.txt for {ROOT}/val/images/val_0.JPEG": {ANNOTATIONS: b"x\ty"},
    "do not hold the same classes: n09": {f"{ROOT}/train/n09/images/n09_0.JPEG": b""},
    "do not hold the same classes: n01443537, n01629819": {f"{ROOT}/wnids.txt": b"n01641577"},
}


@pytest.mark.parametrize("message", BAD)
def test_another_content_is_refused_and_nothing_prepared(members, written, tmp_path, message):
    changed = {name: content for name, content in (members | BAD[message]).items() if content is not None}
    with pytest.raises(SuiteError) as caught:
        written(changed).prepare()
    assert str(caught.value).startswith(f"{tmp_path / 'tiny-imagenet-200.zip'}: ")
    assert message in str(caught.value)
    assert not list((tmp_path / "user-cache").glob("*.npz*"))


def test_a_share_that_leaves_nothing_to_train_is_refused(members, written):
    with pytest.raises(SuiteError, match=r"cannot be split \(share=1"):
        written(members, validation=1.0).prepare()
