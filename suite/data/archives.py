"""Members of archives, read into memory: no file is written.

What an archive holds needs no check here: `suite.data.official` compares its checksum with the published one before.
"""

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath


def iter_members(archive: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each wanted file of a .zip or a .tar archive (also .tar.gz, .tgz), in its order.

    `is_wanted` is called once with the name of each file, such as "folder/name".
    """
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            for entry in zipped.infolist():
                if not entry.is_dir() and is_wanted(entry.filename):
                    yield entry.filename, zipped.read(entry)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            name = str(PurePosixPath(member.name))  # without the "./" that some begin with
            if member.isfile() and is_wanted(name) and (file := tar.extractfile(member)) is not None:
                yield name, file.read()
