"""The age of files by the clock that stamps them, which need not be the clock of this machine or of the last hour."""

from __future__ import annotations

import os
import time


def file_clock(folder: str) -> float:
    """Return the time that the file system of `folder` stamps on a new file, this machine's where it takes none."""
    import tempfile  # nearly nobody needs it

    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
