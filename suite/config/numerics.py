"""What a run computes with: device, CPU threads and number format, resolved on the machine at hand."""

import os

import torch
from omegaconf import DictConfig

from suite import SuiteError

COMPUTE = ("auto", "cpu", "cuda")


def resolve_compute(config: DictConfig) -> tuple[str, int]:
    """(compute, CPU threads), resolved; threads do not change what a GPU computes."""
    if config.compute not in COMPUTE:
        raise SuiteError(f"compute={config.compute}: choices are {', '.join(COMPUTE)}")
    available = torch.cuda.is_available()
    if config.compute == "cuda" and not available:
        raise SuiteError("compute=cuda: torch sees no CUDA device here. Choices: cpu, auto")
    if available and config.compute != "cpu":
        return "cuda", 0
    if config.threads is not None and config.threads < 1:
        raise SuiteError(f"threads={config.threads}: must be at least 1, or null for all cores")
    return "cpu", config.threads or int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))


def resolve_dtype(dtype: str, compute: str) -> str:
    """The number format of a recipe; `auto` is bf16 where the device computes faster in it, else fp32."""
    if dtype != "auto":
        return dtype
    return "bf16" if gains_by_bf16(compute) else "fp32"


def gains_by_bf16(compute: str) -> bool:
    """Whether the device computes faster in bf16 than in fp32.

    A processor without instructions for bf16 converts back and forth. One of Intel's with AVX-512 BF16 but without AMX
    is slower in bf16, one of AMD's faster (tests/performance/test_epoch_speed.py measures it).
    """
    if compute == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("amx_bf16") or capabilities.get("arm_bf16"):
        return True
    return bool(capabilities.get("avx512_bf16")) and "Intel" not in str(capabilities.get("cpu_name"))
