"""`suite check`: the contracts of methods, benchmarks and devices, tried on tiny data.

Third parties' plug-ins count: YAML files in --config-dir, and packages that announce a folder of such files under the
entry point group `suite.config_dirs`.
"""

import itertools
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path

import torch
from omegaconf import OmegaConf, open_dict

from suite import SuiteError
from suite.benchmarks.base import benchmark_settings
from suite.config.build import build, build_network, plain
from suite.config.catalogue import Entry, catalogue
from suite.config.networks import network_node
from suite.config.plan import Plan, make_plan
from suite.config.sweep import compose_job
from suite.data.base import Data
from suite.engine.harness import execute
from suite.engine.method_watch import WatchedMethod
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import LayerTable
from suite.hardware.trace import trace
from suite.models.resnet8 import ResNet8
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.task.progress import Progress
from suite.task.splits import load_data


@dataclass(frozen=True)
class CheckResult:
    """One contract of one plug-in: its verdict ok, FAIL or skip, with the reason."""

    subject: str
    contract: str
    verdict: str
    reason: str = ""

    @property
    def line(self) -> str:
        """For the terminal."""
        return f"{self.verdict:<5} {self.subject:<32} {self.contract}" + (f": {self.reason}" if self.reason else "")


class Skip(Exception):
    """This contract cannot be tried here; the text says why."""


def run_checks(
    config_dir: Path | None = None, only: Sequence[str] = (), methods: Sequence[str] = ()
) -> list[CheckResult]:
    """Try every contract of every plug-in (of those named in `only`, if any), or of the classes `methods` alone.

    Args:
        config_dir: a folder with YAML files of one's own.
        only: names of plug-ins, all if empty.
        methods: classes of methods, "package.module:Class", with their default options.

    Raises:
        SuiteError: a name in `only` is unknown.
    """
    own = [Entry("method", path, "", OmegaConf.create({"_target_": path.replace(":", ".")}), True) for path in methods]
    announced = [Path(str(point.load())) for point in entry_points(group="suite.config_dirs")]
    folders = [None, *announced, *([config_dir] if config_dir else [])]
    entries = [e for folder in folders for e in catalogue(folder)]
    unique = {(e.group, e.name): e for e in entries if e.group in _CONTRACTS}
    if unknown := set(only) - {name for _, name in unique}:
        raise SuiteError(
            f"{', '.join(sorted(unknown))}: nothing of that name. Choices: {', '.join(n for _, n in unique)}"
        )
    chosen = own + [e for e in unique.values() if (e.name in only if only else not own)]
    return [result for entry in chosen for result in _check(entry)]


def _check(entry: Entry) -> Iterator[CheckResult]:
    for contract, function in _CONTRACTS[entry.group].items():
        verdict, reason = "ok", ""
        try:
            function(entry)
        except Skip as skipped:
            verdict, reason = "skip", str(skipped)
        except Exception as error:  # whatever a plug-in raises is the finding
            verdict, reason = "FAIL", f"{type(error).__name__}: {error}"
        yield CheckResult(f"{entry.group} {entry.name}", contract, verdict, reason)


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise AssertionError(text)


def _device(entry: Entry) -> tuple[HardwareModel, LayerTable]:
    """The device, and the layers that it is tried on."""
    return HardwareModel(build(entry.node, "device")), LayerTable.of(trace(ResNet8(), (3, 32, 32)).weighted)


def _device_is_additive(entry: Entry) -> None:
    hardware, table = _device(entry)
    cycles = hardware.device.layer_cycles(table, table.cin, table.cout)
    _require(tuple(cycles.shape) == tuple(table.cin.shape), "layer_cycles must give one value a layer")
    _require(bool((cycles > 0).all()), "every layer must cost something")
    doubled = hardware.device.layer_cycles(table, 2 * table.cin, 2 * table.cout)
    _require(bool((doubled >= cycles).all()), "twice the channels must not cost less")


def _device_is_monotone(entry: Entry) -> None:
    hardware, table = _device(entry)
    monotone = getattr(hardware.device, "monotone", None)
    _require(isinstance(monotone, bool), "must say whether its latency is `monotone`, True or False")
    if not monotone:
        raise Skip("the device says monotone = False")
    cycles = [hardware.device.layer_cycles(table, table.cin + extra, table.cout + extra) for extra in range(9)]
    rises = all(bool((wider >= narrower).all()) for narrower, wider in itertools.pairwise(cycles))
    _require(rises, "more channels must not cost less, or the device say monotone = False")


def _device_relaxed_equals_exact(entry: Entry) -> None:
    hardware, table = _device(entry)
    exact = hardware.per_layer("latency", table, table.cin, table.cout).double()
    cin, cout = table.cin.double().requires_grad_(), table.cout.double().requires_grad_()
    relaxed = hardware.per_layer("latency", table, cin, cout)
    _require(torch.allclose(relaxed, exact, rtol=1e-9), "relaxed latency differs from exact at whole channels")
    relaxed.sum().backward()  # type: ignore[no-untyped-call]
    _require(cout.grad is not None and bool((cout.grad > 0).any()), "relaxed latency has no gradient")


def _plan_of(entry: Entry, overrides: Sequence[str] = ()) -> Plan:
    config = compose_job(["preset=smoke", "threads=1", *overrides])
    with open_dict(config):
        config[entry.group] = OmegaConf.create(plain(entry.node))
    return make_plan(config)


def _benchmark_data(entry: Entry, store: Store) -> tuple[Plan, Data]:
    try:
        plan = _plan_of(entry)
        facts = plan.benchmark.source().describe()
        if facts.get("present", "yes") == "no":
            raise Skip(f"data not present ({facts.get('location', '')})")
        return plan, load_data(plan.benchmark, store)
    except SuiteError as error:
        raise Skip(str(error)) from error


def _benchmark_loads(entry: Entry) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan, data = _benchmark_data(entry, Store(Path(folder), "check"))
        for name in ("train", "validation", "test"):
            split = getattr(data, name)
            _require(len(split.x) == len(split.y) > 0, f"{name}: as many examples as labels, at least one")
        benchmark = plan.benchmark.fit_preprocessing(data)
        x = benchmark.preprocess(data.train.x[:8])
        _require(x.is_floating_point(), "preprocess must give floats")
        y = data.train.y[:8]
        out = plan.task.reference_network()(x)
        loss = benchmark.loss(out, x, y)
        _require(loss.dim() == 0 and bool(torch.isfinite(loss)), "loss must be one finite number")
        changed = benchmark.augment(data.train.x[:8], torch.Generator().manual_seed(0))
        _require(changed.shape == x.shape, "augmentation must keep the shape")
        split = data.validation.take(torch.arange(min(64, len(data.validation))))
        x = benchmark.preprocess(split.x)
        predictions = benchmark.predict(plan.task.reference_network().eval()(x), x)
        _require(math.isfinite(benchmark.selection_score(predictions, split)), "selection_score must be finite")
        _require(len(predictions) == len(split), "predict must give one entry an example")
        _require(plan.benchmark.source().fingerprint() == plan.benchmark.source().fingerprint(), "fingerprint moves")


def _reference_network_is_traced(entry: Entry) -> None:
    node = plain(entry.node)
    shape = tuple(build(benchmark_settings(node), "benchmark").input_shape)
    if not node.get("network"):
        raise Skip(f"benchmark {entry.name} has none: runs give one of theirs, network=MODULE.CLASS")
    traced = trace(build_network(network_node(node, shape), "benchmark.network"), shape)
    _require(len(traced.weighted) > 0, "the reference network has no weighted layer")


def _method_runs(entry: Entry) -> None:
    record = _first_run(entry).record
    _require(record.status == "done", f"run failed: {record.error}")
    _require(record.meter["total"]["macs"] > 0, "nothing was charged to the meter")
    _require(0 <= record.scores["test"] <= 1, "score out of range")


def _method_keeps_to_the_rules(entry: Entry) -> None:
    findings = _first_run(entry).findings
    _require(not findings, "; ".join(findings))


def _method_is_deterministic(entry: Entry) -> None:
    first, second = _first_run(entry), _tiny_run(entry)
    results = [(run.record.scores, run.record.costs) for run in (first, second)]
    _require(results[0] == results[1], f"two runs with one random seed differ: {results[0]} and {results[1]}")
    _require(first.weights == second.weights, "two runs with one random seed differ in the network's weights")


def _method_heeds_the_budget(entry: Entry) -> None:
    wide, tight = _first_run(entry).record, _tiny_run(entry, _TIGHT).record
    if tight.feasible or tight.costs["weights"] < wide.costs["weights"]:
        return
    if getattr(_plan_of(entry, _TINY).method, "spaces", ("masks",)) == ():
        raise Skip("its network is the same whatever the budget, and it says that it does not search")
    raise AssertionError(f"limits of {_WIDE} and {_TIGHT} of the weights give one of {tight.costs['weights']:,.0f} B")


# some methods ask the recipe for strengths, which the digits' has not; masks must move within two epochs
_TINY = ("benchmark=digits", "recipe.script_strengths={weights:1}", "recipe.mask_lr=0.1")
_WIDE, _TIGHT = "90%", "20%"


@dataclass(frozen=True)
class _TinyRun:
    """A record, what was seen in its search, and the bytes of the trained network."""

    record: RunRecord
    findings: Sequence[str]
    weights: bytes | None


def _tiny_run(entry: Entry, weights: str = _WIDE) -> _TinyRun:
    """A method's run on the digits, with nothing that an earlier run left."""
    plan = _plan_of(entry, [*_TINY, f"budget.weights={weights}"])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), "check")
        method = WatchedMethod(plan.method, load_data(plan.benchmark, store).test)
        record = execute(replace(plan, method=method), store, Progress())  # type: ignore[arg-type]
        return _TinyRun(record, method.findings, store.read_file(plan.id, "weights.pt"))


@lru_cache(maxsize=1)
def _first_run(entry: Entry) -> _TinyRun:
    """A `_tiny_run` that the checks of one method share."""
    return _tiny_run(entry)


_CONTRACTS: dict[str, dict[str, Callable[[Entry], None]]] = {
    "device": {
        "latency is per layer, positive, no less at twice the channels": _device_is_additive,
        "latency falls with no channel more": _device_is_monotone,
        "relaxed latency equals exact and has a gradient": _device_relaxed_equals_exact,
    },
    "benchmark": {
        "reference network is traced": _reference_network_is_traced,
        "data loads, loss is finite": _benchmark_loads,
    },
    "method": {
        "runs, is charged, returns a scored network": _method_runs,
        "reads no test data, changes no example, trains on the meter": _method_keeps_to_the_rules,
        "the same random seed gives the same result": _method_is_deterministic,
        "a tighter budget is kept, or gives a smaller network": _method_heeds_the_budget,
    },
}
