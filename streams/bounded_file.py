"""Reading a file that somebody named, without trusting what the name stands for.

Rule.  A device or a pipe may have no end, and a file may be of any size: only regular files up to a
named bound are read.
"""

from __future__ import annotations

import errno
from pathlib import Path


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """The file's bytes; OSError when it is no regular file or larger than the limit."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no regular file")
    with path.open("rb") as file:
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"is larger than {limit_bytes:,} bytes")
    return data
