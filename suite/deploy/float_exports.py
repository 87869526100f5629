"""The float network as files that other tools read: PyTorch's own format, and ONNX."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from suite import SuiteError


def export_torch(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write `network` for `torch.export.load(path).module()`: no class of the suite is needed to run it.

    Args:
        network: in eval mode.
        example: an input (1, ...).
        path: ends in .pt2.

    Raises:
        SuiteError: torch cannot export it.
    """
    with _naming_what_fails(network, "be exported"):
        torch.export.save(torch.export.export(network, (example,)), path)


def export_onnx(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write `network` as ONNX, weights inside, for any number of examples; needs the extra `onnx`.

    Raises:
        SuiteError: torch's exporter knows no ONNX operator for one of the network's.
    """
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with _naming_what_fails(network, "be written as ONNX"):
            program = torch.onnx.export(
                network,
                (torch.cat([example, example]),),
                dynamo=True,
                input_names=["input"],
                output_names=["output"],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                verbose=False,
            )
            assert program is not None
            program.save(str(path), external_data=False)
    finally:
        logger.setLevel(level)


@contextmanager
def _naming_what_fails(network: nn.Module, purpose: str) -> Iterator[None]:
    """Silence what torch warns of its own exporters, and name the network in what they raise."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise SuiteError(f"network {type(network).__name__} cannot {purpose}: {reason}") from error
