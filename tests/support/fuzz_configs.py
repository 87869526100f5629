"""What is fuzzed of configurations, YAML files, command lines, networks and plug-ins."""

import io
import sys
import types
from collections.abc import Callable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any

import torch
from checkout import CONF
from experiments import experiment
from fuzzing import ODD_VALUES, Fuzz, damaged, mutated, suite
from hypothesis import strategies as st
from omegaconf import OmegaConf
from synthetic import make_records
from torch import Tensor, nn

from suite import SuiteError
from suite.cli.main import VERBS
from suite.config.build import build
from suite.config.sweep import compose_job
from suite.engine.contract_checks import run_checks
from suite.engine.jobs import make_plan
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import Network
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8

_BASE = ("preset=smoke", "threads=1", "budget.weights=50%")


def _plan(*overrides: str) -> None:
    with suppress(SuiteError):
        make_plan(compose_job([*_BASE, *overrides]))


def _quoted(value: Any) -> str:
    """The value as an override has it."""
    if value is None or isinstance(value, bool):
        return str(value).lower() if value is not None else "null"
    if isinstance(value, list):
        return f"[{','.join(map(_quoted, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_quoted(part)}" for key, part in value.items()) + "}"
    return str(value)


def overrides(folder: Path) -> Fuzz:
    """`suite run KEY=VALUE`, planned: every key of the configuration with values of every kind."""
    keys = [
        *("name", "results_dir", "seed", "compute", "threads", "network", "space", "checkpoint_seconds", "headline"),
        *("budget", "budget.weights", "budget.latency", "budget.board", "recipe", "recipe.epochs", "recipe.batch"),
        *("recipe.mask_lr", "recipe.warmup", "recipe.warmup.lr", "recipe.warmup.milestones", "recipe.search.optimiser"),
        *("recipe.augmentation.rotate", "recipe.augmentation.flip", "recipe.train_samples", "recipe.dtype"),
        *("benchmark", "benchmark.input_shape", "benchmark.network.width", "benchmark.data.pack", "benchmark.chance"),
        *("method", "method.penalty", "method.cost_limit", "method.projection", "+method.odd", "method._target_"),
        *("device", "device.ram_kib", "device.name", "+device.odd", "device._target_", "preset.name", "~device.board"),
        *(
            "benchmark.presets",
            "benchmark.recipe",
            "benchmark.recipe.warmup",
            "recipe.script_strengths",
            "odd",
            "",
            "=",
        ),
    ]
    quantities = (
        "0.1%",
        "1e400%",
        "20kB",
        "5 ms",
        "99999999999999999999",
        "١٢%",
        "-5%",
        "1.5M",
        "auto",
        "masks",
        "both",
    )
    values = st.sampled_from([*map(_quoted, ODD_VALUES), *quantities])
    pairs = st.tuples(st.sampled_from(keys), values).map("=".join)
    return Fuzz(st.lists(pairs, min_size=1, max_size=2), lambda drawn: _plan(*drawn), few=3)


def _yaml(tree: Any) -> bytes:
    try:
        return OmegaConf.to_yaml(OmegaConf.create(tree)).encode(errors="replace")
    except Exception:  # not every tree is a configuration
        return str(tree).encode(errors="replace")


def _yaml_files(name: str) -> st.SearchStrategy[bytes]:
    content = (CONF / name).read_bytes()
    tree = OmegaConf.to_container(OmegaConf.load(CONF / name))
    odd = tuple(value for value in ODD_VALUES if value != "os.mkdir" and not isinstance(value, dict))
    return st.one_of(mutated(tree, (*odd, "suite.hardware.latency.Gap8", {"odd": 1})).map(_yaml), damaged(content))


def config_file(folder: Path) -> Fuzz:
    """One's own YAML files of every group, as they are listed, planned and shown."""
    names = (
        "benchmark/digits",
        "method/duccio_projected",
        "method/nsga2",
        "device/gap8",
        "preset/smoke",
        "experiment/int8",
    )
    files = [st.tuples(st.just(name), _yaml_files(f"{name}.yaml")) for name in (*names, "experiment/int8")]
    mine = folder / "mine"

    def check(drawn: tuple[str, bytes]) -> None:
        name, content = drawn
        group = name.partition("/")[0]
        path = mine / group / "own.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        suite("list", "--config-dir", mine)
        choice = "+experiment=own" if group == "experiment" else f"{group}=own"
        suite("run", "--cfg", "job", "-m", "--config-dir", mine, choice, "seed=0")
        _plan(f"hydra.searchpath=[file://{mine}]", choice)
        path.unlink()

    return Fuzz(st.one_of(files), check, few=2)


def device_file(folder: Path) -> Fuzz:
    """Devices: built, and asked for the cost of a network."""
    table = trace(ResNet8(), (3, 32, 32))
    files = [_yaml_files(f"device/{name}.yaml") for name in ("gap8", "nucleo_l4r5zi", "nucleo_l4r5zi_cmsisnn")]

    def check(content: bytes) -> None:
        with suppress(SuiteError):
            try:
                node = OmegaConf.load(io.BytesIO(content))
            except Exception:  # `catalogue` says so of any file that is no YAML
                return
            _costs(build(node, "device"), table)

    return Fuzz(st.one_of(files), check)


def _costs(device: Any, network: Network) -> None:
    costs = HardwareModel(device).exact(network)
    assert all(isinstance(cost, float | int) for cost in costs.values())


def arguments(folder: Path) -> Fuzz:
    """Every verb with names of runs, experiments, files and options that nobody should give."""
    experiment(folder / "results", *make_records(1)[:2])
    before = set(folder.rglob("*"))
    words = ("", ".", "..", "../..", "/", "/odd", "a/b", "名", "x" * 300, "~", "-", "--", "results/example",
             "example", "results/example/runs/..", "nan", "--best", "--only", "--format", "csv", "--remove", "odd.csv",
             "--config-dir", "--method", "os:mkdir", "suite:SuiteError", "builtins:dict", "--help", "odd:", "*", "[a]",
             "--results-dir", "--into", "verify", "show", "fit", "tables", "--out", "seed=0,1", "${a}")  # fmt: skip
    quick = sorted(set(VERBS) - {"check", "run", "report", "deploy"})

    def check(drawn: tuple[str, list[str]]) -> None:
        verb, words = drawn
        if (verb, *words[:1]) not in (("device", "tables"), ("data", "prepare")):
            suite(verb, *words)
        for path in set(folder.rglob("*")) - before:
            path.unlink() if path.is_file() else None

    return Fuzz(st.tuples(st.sampled_from(quick), st.lists(st.sampled_from(words), max_size=3)), check, few=6)


class _Drawn(nn.Module):
    """Layers and functions one after the other, as someone might write them."""

    def __init__(self, steps: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.steps = [name for name, _ in steps]
        for i, (_, layer) in enumerate(steps):
            if isinstance(layer, nn.Module):
                setattr(self, f"layer{i}", layer)
        self.functions = [None if isinstance(layer, nn.Module) else layer for _, layer in steps]

    def forward(self, x: Tensor) -> Tensor:
        for i, function in enumerate(self.functions):
            x = getattr(self, f"layer{i}")(x) if function is None else function(x)
        return x


_LAYERS: dict[str, Callable[[int], Any]] = {
    "conv": lambda n: nn.Conv2d(n, 4, 3, padding=1),
    "strided": lambda n: nn.Conv2d(n, 8, n, stride=2),
    "depthwise": lambda n: nn.Conv2d(n, 2 * n, 3, groups=n),
    "dilated": lambda n: nn.Conv2d(n, 4, 3, dilation=3),
    "padded": lambda n: nn.Conv2d(n, 4, 3, padding="same", padding_mode="reflect"),
    "transposed": lambda n: nn.ConvTranspose2d(n, 4, 3),
    "conv1d": lambda n: nn.Conv1d(n, 4, 3),
    "conv3d": lambda n: nn.Conv3d(n, 4, 3),
    "linear": lambda n: nn.Linear(n, 4),
    "lazy": lambda n: nn.LazyLinear(4),
    "norm": nn.BatchNorm2d,
    "group norm": lambda n: nn.GroupNorm(1, n),
    "pool": lambda n: nn.MaxPool2d(n),
    "average": lambda n: nn.AdaptiveAvgPool2d(n),
    "relu": lambda n: nn.ReLU(),
    "sigmoid": lambda n: nn.Sigmoid(),
    "softmax": lambda n: nn.Softmax(1),
    "dropout": lambda n: nn.Dropout(0.5),
    "upsample": lambda n: nn.Upsample(scale_factor=n),
    "shuffle": lambda n: nn.PixelShuffle(2),
    "recurrent": lambda n: nn.LSTM(n, 4),
    "embedding": lambda n: nn.Embedding(n, 4),
    "empty": lambda n: nn.Sequential(),
    "flatten": lambda n: nn.Flatten(),
    "view": lambda n: lambda x: x.view(x.size(0), -1),
    "reshape": lambda n: lambda x: x.reshape(2, n),
    "mean": lambda n: lambda x: x.mean((2, 3)),
    "add": lambda n: lambda x: x + x,
    "add one": lambda n: lambda x: x + n,
    "concat": lambda n: lambda x: torch.cat([x, x], n),
    "split": lambda n: lambda x: x.split(n, 1)[0],
    "index": lambda n: lambda x: x[:, :n],
    "branch": lambda n: lambda x: x if x.sum() > 0 else -x,
    "tuple": lambda n: lambda x: (x, x),
    "none": lambda n: lambda x: None,
    "number": lambda n: lambda x: 1.0,
    "numpy": lambda n: lambda x: torch.from_numpy(x.numpy()),
    "error": lambda n: lambda x: {}[n],
    "silent error": lambda n: lambda x: _raise(ValueError()),
    "transpose": lambda n: lambda x: x.transpose(1, -1),
    "bits": lambda n: lambda x: x.int() ^ n,
    "in place": lambda n: lambda x: x.add_(n),
    "dict": lambda n: lambda x: {"out": x},
}


def _raise(error: Exception) -> None:
    raise error


def network(folder: Path) -> Fuzz:
    """Networks of one's own, made of what is known and of what is not, with layers that do not fit each other."""
    names = st.sampled_from(sorted(_LAYERS))
    steps = st.lists(st.tuples(names, st.sampled_from((1, 1, 2, 4, 4, 8))), max_size=6)
    shapes = st.sampled_from(((1, 8, 8), (4, 8, 8), (4, 16), (4,), (1, 1, 1)))

    def check(drawn: tuple[list[tuple[str, int]], tuple[int, ...]]) -> None:
        steps, shape = drawn
        layers = [(name, _LAYERS[name](n)) for name, n in steps]
        with suppress(SuiteError), redirect_stderr(io.StringIO()):
            traced = trace(_Drawn(layers), shape)
            _costs(build(OmegaConf.load(CONF / "device" / "gap8.yaml"), "device"), traced)

    return Fuzz(st.tuples(steps, shapes), check)


def network_setting(folder: Path) -> Fuzz:
    """`network=`: classes and functions that are none, with arguments that they do not take."""
    _module("fuzz_nets", Tiny=_tiny, Wrong=type("Wrong", (), {}), value=5, Raises=_raises, Silent=lambda: None)
    targets = ("fuzz_nets.Tiny", "fuzz_nets.Wrong", "fuzz_nets.value", "fuzz_nets.Raises", "fuzz_nets.Silent",
               "fuzz_nets", "fuzz_nets.", ".fuzz_nets", "odd.Odd", "torch.nn.ReLU", "builtins.dict",
               "a" * 4000, "名.前", "", "a:b", "torch.nn.Linear")  # fmt: skip
    nodes = mutated({"_target_": "fuzz_nets.Tiny", "width": 8}).map(_quoted)
    return Fuzz(st.one_of(st.sampled_from(targets), nodes), lambda value: _plan(f"network={value}"), few=3)


def _tiny(width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(width * 36, 10))


def _raises(*_: Any, **__: Any) -> None:
    _raise(KeyError("a class of one's own that fails"))


def _module(name: str, **members: Any) -> None:
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


def plug_in(folder: Path) -> Fuzz:
    """`suite check --method`: classes whose search returns, or whose members are, something else."""
    from suite.task.task import Candidate, SearchResult

    results: tuple[Callable[..., Any], ...] = (
        *(lambda task, value=value: value for value in (None, 5, [], {})),
        lambda task: SearchResult([]),
        lambda task: SearchResult([None]),  # type: ignore[list-item]
        lambda task: SearchResult([Candidate(nn.ReLU(), "x")]),
        lambda task: SearchResult([Candidate(_tiny(), "x")]),
        lambda task: SearchResult([Candidate(task.new_network(), None)], history=[{"a": object()}]),  # type: ignore[arg-type]
        lambda task: SearchResult([Candidate(task.new_network(), "x")], artefacts=["../../odd"]),
        lambda task: SearchResult([Candidate(task.new_network(), "x")], search_costs={"odd": 1.0}),
        lambda task: _raises(),
    )  # fmt: skip
    odd = st.sampled_from((None, 5, "../odd", "", [], float("nan"), object()))

    def check(drawn: tuple[int, dict[str, Any]]) -> None:
        choice, members = drawn
        search = {"search": lambda self, task, budget, meter: results[choice](task)}
        _module("fuzz_methods", Odd=type("Odd", (), {"name": "odd", "version": 1} | search | members))
        with redirect_stderr(io.StringIO()):
            run_checks(methods=["fuzz_methods:Odd"])

    names = st.sampled_from(("name", "version", "search", "check", "spaces", "planned_epochs", "ignored_in_id"))
    return Fuzz(st.tuples(st.integers(0, len(results) - 1), st.dictionaries(names, odd, max_size=1)), check, few=2)


CONFIGS: dict[str, Callable[[Path], Fuzz]] = {
    f.__name__: f for f in (overrides, config_file, device_file, arguments, network, network_setting, plug_in)
}
"""Name -> what makes the target in a folder."""
