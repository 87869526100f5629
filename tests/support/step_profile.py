"""Where the time of training steps goes: torch.profiler's self CPU time of every operation, by kind of layer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from speed_tasks import EpochTrainer
from torch import nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

KINDS = (
    "convolution, forward",
    "convolution, backward",
    "linear",
    "batch norm",
    "ReLU",
    "dropout",
    "padding",
    "loss",
    "optimiser",
    "batch and augmentation",
    "rest: casts, sums, pooling",
)
_DROPOUT, _OPTIMISER, _EXAMPLES, _REST = KINDS[5], KINDS[8], KINDS[9], KINDS[10]
_FORWARD = {
    _EXAMPLES: _EXAMPLES,
    _DROPOUT: _DROPOUT,
    "aten::index": _EXAMPLES,
    "aten::conv2d": "convolution, forward",
    "aten::linear": "linear",
    "aten::batch_norm": "batch norm",
    "aten::relu": "ReLU",
    "aten::pad": "padding",
    "aten::cross_entropy_loss": "loss",
    "aten::mse_loss": "loss",
}
"""Kind by the outermost operation, or scope of our own, that an operation was called from."""
_NODE = "autograd::engine::evaluate_function: "
_BACKWARD = {
    "ConvolutionBackward0": "convolution, backward",
    "AddmmBackward0": "linear",
    "TBackward0": "linear",
    "NativeBatchNormBackward0": "batch norm",
    "ReluBackward0": "ReLU",
    "ConstantPadNdBackward0": "padding",
    "NllLossBackward0": "loss",
    "LogSoftmaxBackward0": "loss",
    "MseLossBackward0": "loss",
}
"""Kind by autograd's node."""


def step_shares(trainer: EpochTrainer) -> dict[str, float]:
    """The share of each of KINDS in the self CPU time of the operations of one epoch; their sum is 1."""
    task = replace(trainer.task, augment=_within(_EXAMPLES, trainer.task.augment))
    network = task.new_network()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.forward = _within(_DROPOUT, module.forward)  # type: ignore[method-assign]
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        EpochTrainer(task).train(network)
    events = profiler.events() or []
    of_dropout = {e.sequence_nr for e in events if _kind(e, set()) == _DROPOUT and e.sequence_nr >= 0}
    seconds = dict.fromkeys(KINDS, 0.0)
    for event in events:
        seconds[_kind(event, of_dropout)] += event.self_cpu_time_total
    total = sum(seconds.values())
    return {kind: value / total for kind, value in seconds.items()}


def _within(scope: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def scoped(*arguments: Any) -> Any:
        with record_function(scope):
            return function(*arguments)

    return scoped


def _kind(event: FunctionEvent, of_dropout: set[int]) -> str:
    """Of KINDS; autograd gives a node's backward the sequence number of its forward, `of_dropout` are dropout's."""
    callers = [event]
    while callers[-1].cpu_parent is not None:
        callers.append(callers[-1].cpu_parent)
    for caller in reversed(callers):
        if caller.name.startswith("Optimizer."):
            return _OPTIMISER
        if caller.name.startswith(_NODE):
            node = caller.name.removeprefix(_NODE)
            return _DROPOUT if caller.sequence_nr in of_dropout else _BACKWARD.get(node, _REST)
        if caller.name in _FORWARD:
            return _FORWARD[caller.name]
    return _REST
