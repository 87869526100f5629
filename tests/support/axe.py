"""axe-core, the accessibility checker, as npm installs it; none of it is in this repository."""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

VERSION = "4.10.3"


def axe_script(folder: Path) -> str | None:
    """The text of axe.min.js: the file that AXE_CORE names, else packed by npm into `folder`; None where neither works.

    npm keeps what it has fetched in its cache, so that later calls need no network.
    """
    if named := os.environ.get("AXE_CORE"):
        return Path(named).read_text()
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "pack", "--prefer-offline", "--silent", f"axe-core@{VERSION}"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    with tarfile.open(folder / f"axe-core-{VERSION}.tgz") as archive:
        member = archive.extractfile("package/axe.min.js")
        return None if member is None else member.read().decode()
