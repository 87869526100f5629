"""The machine that figures of speed were measured on."""

import datetime
import os
import re

import torch

from suite.engine.environment import environment

INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")
"""Those of x86 that decide how fast a network is trained in float32 and bf16, as Linux calls them."""


def _facts() -> dict[str, object]:
    return environment("cpu", torch.get_num_threads(), dtype="", data_hash="")


def processor() -> str:
    """The processor's name as the system has it, such as "AMD EPYC"."""
    return str(_facts()["processor"])


def instruction_sets() -> list[str]:
    """Those of INSTRUCTION_SETS that the processor has; none where the system does not say."""
    flags = str(_facts()["processor_flags"]).split()
    return [name for name in INSTRUCTION_SETS if name in flags]


def file_name(processor: str) -> str:
    """A processor's name as a file's, without what every name has: "Intel(R) Xeon(R) CPU @ 2.6GHz" -> "intel_xeon"."""
    plain = re.sub(r"\((R|TM)\)|\b(CPU|Processor)\b|@.*", " ", processor, flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_") or "unknown"


def machine() -> dict[str, str | int]:
    """Processor, versions and code, one column each; `cores` are those that this process may use."""
    facts = _facts()
    versions, commit = facts["versions"], facts["commit"] or "unknown"
    assert isinstance(versions, dict)
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "instruction_sets": " ".join(instruction_sets()),
        "torch": versions["torch"],
        "commit": f"{commit}{'' if facts['clean'] else ' with changes'}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }
