"""The float network as files that other tools read: PyTorch's own format, and ONNX."""

import logging
import warnings
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
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about its own serialisation
            torch.export.save(torch.export.export(network, (example,)), path)
    except Exception as error:
        raise SuiteError(f"network {type(network).__name__} cannot be exported: {_first_line(error)}") from error


def export_onnx(network: nn.Module, example: Tensor, path: Path) -> None:
    """Write `network` as ONNX, weights inside, for any number of examples; needs the extra `onnx`.

    Raises:
        SuiteError: torch's exporter knows no ONNX operator for one of the network's.
    """
    batch = torch.export.Dim("batch")
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network,
                (torch.cat([example, example]),),
                dynamo=True,
                input_names=["input"],
                output_names=["output"],
                dynamic_shapes=({0: batch},),
                verbose=False,
            )
            assert program is not None
            program.save(str(path), external_data=False)
    except Exception as error:
        raise SuiteError(f"network {type(network).__name__} cannot be written as ONNX: {_first_line(error)}") from error
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
