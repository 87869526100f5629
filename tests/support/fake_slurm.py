"""Slurm's commands as far as submitit calls them, for one machine: an array's jobs are processes here."""

import sys
from pathlib import Path

_SBATCH = """#!{python}
import re, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

folder, script = Path(__file__).parent, Path(sys.argv[1])
text = script.read_text()
number = str(42 + len(list(folder.glob("*.sbatch"))))
found = re.search(r"--array='?0-(\\d+)%(\\d+)", text)
last, at_once = map(int, found.groups()) if found else (0, 1)
(folder / f"{{number}}.sbatch").write_text(text)
print("Submitted batch job", number, flush=True)
if os.fork():
    os._exit(0)
os.setsid()
with open(os.devnull, "w") as nowhere:
    os.dup2(nowhere.fileno(), 1)  # else who called waits for the jobs
    os.dup2(nowhere.fileno(), 2)


def work(index):
    name, extra = (f"{{number}}_{{index}}", {{"SLURM_ARRAY_TASK_ID": str(index)}}) if found else (number, {{}})
    extra |= {{"SLURM_ARRAY_JOB_ID": number}} if found else {{}}
    state = folder / f"{{name}}.state"
    state.write_text("RUNNING")
    with (folder / f"{{name}}.log").open("w") as log:
        environment = os.environ | extra | {{"SLURM_JOB_ID": number}}
        again = True
        while again:
            done = subprocess.run(["bash", folder / f"{{number}}.sbatch"], env=environment, stdout=log, stderr=log)
            again = (folder / f"{{name}}.requeue").exists()
            (folder / f"{{name}}.requeue").unlink(missing_ok=True)
    state.write_text("FAILED" if done.returncode else "COMPLETED")


with ThreadPoolExecutor(at_once) as pool:
    list(pool.map(work, range(last + 1)))
"""

_SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do if [[ $1 == --unbuffered ]]; then shift; else shift 2; fi; done
exec "$@"
"""

_SACCT = """#!/bin/bash
echo "JobID|State|NodeList"
for file in "$(dirname "$0")"/*.state; do echo "$(basename "$file" .state)|$(cat "$file")|here"; done
"""


_SCONTROL = """#!/bin/bash
touch "$(dirname "$0")/$2.requeue"  # scontrol requeue JOB
"""


def install(folder: Path) -> None:
    """Write the commands to `folder`, which belongs on PATH; each batch script stays there as NUMBER.sbatch."""
    folder.mkdir()
    commands = {"sbatch": _SBATCH.format(python=sys.executable), "srun": _SRUN, "sacct": _SACCT, "scontrol": _SCONTROL}
    for name, text in commands.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
