"""Damage to bytes and to trees of values, and campaigns that try as much of it as fits into a time."""

import io
import json
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from suite.cli.main import main
from suite.records.tensors import encode_tensors

SECONDS = float(os.environ.get("FUZZ_SECONDS", 26))
"""How long `make test-faults` tries each target."""

MEMORY = 3 << 29
"""Bytes by which a target's inputs, none of which is larger than some kB, may raise the peak of this process."""

HUGE = 10**400
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2.5, 2**63, 10**19, HUGE, 1e308, -1e-308, float("nan"), float("inf"), -float("inf")),
    *("", "x" * 5000, "ß\u202e\u0000名", "\ud800", "nan", "1e999", "-1", "25%", "../../odd", "/odd", "a/b\\c"),
    *("[bold]", "${odd}", "${oc.env:HOME}", "os.mkdir", "builtins.dict", "suite.models.resnet8.ResNet8"),
    *([], {}, [1], [[]], {"a": {"b": 1}}, [None, "x", {}], {"_target_": "os.mkdir", "path": "odd"}),
)
"""What stands where something else is expected."""

Check = Callable[[Any], object]


@dataclass(frozen=True)
class Fuzz:
    """What is drawn, and what is done with it: it raises for a finding alone."""

    inputs: st.SearchStrategy[Any]
    check: Check
    few: int = 15
    """How many `make test` tries, in about a second."""


@dataclass
class FuzzTally:
    """What a campaign tried; `findings` must be 0."""

    examples: int = 0
    findings: int = 0
    seconds: float = field(default=0.0, compare=False)


class OutsideError(AssertionError):
    """An input had something done that no input may have done."""


def campaign(fuzz: Fuzz, folder: Path, tally: FuzzTally, *, seconds: float, seed: int, examples: int) -> None:
    """Try batches of `examples`, with random seeds from `seed` on, until the time is over; counted in `tally`.

    A finding is raised, with the seed that repeats it: `campaign(..., seconds=0, seed=THAT, examples=THE SAME)`.
    """
    began, peak = time.monotonic(), _peak()

    def check(value: Any) -> None:
        tally.examples += 1
        _refused.clear()
        with watched(folder):
            fuzz.check(value)
        assert not _refused, _refused.pop()
        grown = _peak() - peak
        assert grown < MEMORY, f"{grown >> 20} MiB for a small input"

    batch = settings(
        max_examples=examples, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )(given(fuzz.inputs)(check))  # fmt: skip
    while True:
        try:
            hypothesis.seed(seed)(batch)()
        except BaseException as error:
            tally.findings += 1
            error.add_note(f"repeat it with seed={seed} and examples={examples}")
            raise
        finally:
            tally.seconds = time.monotonic() - began
        seed += 1
        if tally.seconds >= seconds:
            return


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


_watching: list[Path] = []
_refused: list[str] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse connections, other programs, and files written outside of the folder that is watched."""
    if not _watching:
        return
    if event == "subprocess.Popen" and arguments[0] in ("git", "uname"):  # of the environment that records state
        return
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
        _refuse(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[0], str) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        _require_inside(event, arguments[0])
    if event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.symlink", "os.link"):
        _require_inside(event, os.fspath(arguments[0]))


def _require_inside(event: str, name: str) -> None:
    path, temporary = os.path.abspath(name), tempfile.gettempdir()  # noqa: PTH100 - must not look at the disk
    allowed = (
        str(_watching[-1]),
        f"{temporary}/tmp",
        f"{temporary}/torch",
        "/dev/",
        "/proc/",
        str(Path.home() / ".cache"),
    )
    if not path.startswith(allowed) and "__pycache__" not in path:
        _refuse(f"{event} {path}")


def _refuse(what: str) -> None:
    _refused.append(what)  # the error itself may be caught on its way
    raise OutsideError(what)


sys.addaudithook(_audit)


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """No connection, no other program, and nothing written but in `folder`, the cache and temporary files."""
    before = Path.cwd()
    os.chdir(folder)
    _watching.append(folder)
    try:
        yield
    finally:
        _watching.pop()
        os.chdir(before)


@contextmanager
def no_network() -> Iterator[None]:
    """Every socket of this process that is to connect somewhere raises."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OutsideError("a connection was tried")

    names = ("connect", "connect_ex", "sendto")
    before = {name: getattr(socket.socket, name) for name in names}
    try:
        for name in names:
            setattr(socket.socket, name, refuse)
        yield
    finally:
        for name, method in before.items():
            setattr(socket.socket, name, method)


def suite(*arguments: object) -> int:
    """Run a verb: it ends with 0 or 1, or says in one line what is wrong, and with 2."""
    code, output, errors = 99, io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stop:  # argparse ends so
            code = int(stop.code or 0)
    assert code in (0, 1, 2), f"exit code {code}"
    text = errors.getvalue()
    assert code != 2 or "error: " in text, f"no reason is given: {text[-500:]}"
    assert "Traceback" not in text, text[-3000:]
    return code


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with one to three of: a flipped bit, a cut, other bytes, bytes too many, a part twice."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(("flip", "flip", "cut", "other", "insert", "twice", "gone")))
        if kind == "flip" and content:
            content = content[:at] + bytes([content[at] ^ 1 << draw(st.integers(0, 7))]) + content[at + 1 :]
        elif kind == "cut":
            content = content[:at]
        elif kind in ("other", "insert"):
            new = draw(
                st.sampled_from((b"\xff" * 8, b"\0" * 8, b"[" * 30_000, b"9" * 5000, b'"', b"\r\n,", b"\xed\xa0"))
            )
            content = content[:at] + new + content[at + (len(new) if kind == "other" else 0) :]
        else:
            end = min(len(content), at + draw(st.integers(1, 64)))
            content = content[:end] + (content[at:] if kind == "twice" else content[end:])
            content = content if kind == "twice" else content[:at] + content[end:]
    return content


@st.composite
def mutated(draw: st.DrawFn, tree: Any, odd: tuple[Any, ...] = ODD_VALUES, most: int = 3) -> Any:
    """The tree of dicts and lists with up to `most` values replaced, removed, nested, or an unknown key beside them."""
    tree = _copy(tree)
    for _ in range(draw(st.integers(1, most))):
        parent, key = draw(st.sampled_from(list(_places(tree)) or [({"odd": 0}, "odd")]))
        kind = draw(st.sampled_from(("replace",) * 5 + ("remove", "nest", "add")))
        if kind == "replace":
            parent[key] = _copy(draw(st.sampled_from(odd)))
        elif kind == "remove":
            del parent[key]
        elif kind == "nest":
            parent[key] = draw(st.sampled_from(([parent[key]], {"odd": parent[key]})))
        elif isinstance(parent, dict):
            parent[draw(st.sampled_from(("odd", "", "_target_", "../odd", "名", "x" * 3000)))] = parent[key]
        else:
            parent.extend([parent[key]] * draw(st.sampled_from((1, 40))))
    return tree


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copy(value) for key, value in tree.items()}
    return [_copy(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def as_json(tree: Any) -> bytes:
    """The tree as JSON, half characters and NaN included."""
    return json.dumps(tree).encode()


def json_files(tree: Any) -> st.SearchStrategy[bytes]:
    """The tree as a damaged JSON file: other values twice as often as other bytes."""
    values = mutated(tree).map(as_json)
    return st.one_of(values, values, damaged(as_json(tree)))


def tensors(tree: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """The tree with other values as an intact file of tensors, which may hold more than it should."""

    def encode(tree: dict[str, Any]) -> bytes:
        return encode_tensors(tree) if isinstance(tree, dict) else b""

    values = (*ODD_VALUES, torch.zeros(0), torch.full((3,), torch.nan), torch.zeros(1).expand(10**9), 1 + 2j)
    return mutated(tree, values).map(encode)
