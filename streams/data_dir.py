"""The directory in which a worker keeps what waits for labels.

Rule.  One directory, one worker: two of them would each find the other's partitions, so whoever
comes second is refused by a lock that ends with its process.  Each partition has a database of its
own in it; what is in the way of one is named with its path.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from streams.rocks import Rocks

LOCK_NAME: Final = "longshore.lock"


class DataDirError(RuntimeError):
    """The directory cannot be used; the message says why and what to do."""


class DataDir:
    """A locked directory with a database for each partition."""

    def __init__(self, path: str) -> None:
        """Make and lock it; DataDirError when it cannot be written or is another worker's."""
        self._path = Path(path)
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._path / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataDirError(f"data_dir {path} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise DataDirError(
                f"data_dir {path} is in use: give each worker a directory of its own"
            ) from error

    def open_disk(self, partition: int) -> Rocks:
        """The database of a partition; streams.pending_disk.DiskError when it cannot be opened."""
        from streams.rocks import Rocks  # noqa: PLC0415 - only where it is used

        return Rocks(self._of(partition))

    def wipe_disk(self, partition: int) -> None:
        """Remove it; streams.pending_disk.DiskError when that fails."""
        from streams.rocks import wipe  # noqa: PLC0415

        wipe(self._of(partition))

    def _of(self, partition: int) -> Path:
        return self._path / f"pending-{partition}"

    def close(self) -> None:
        """Let another worker have it."""
        os.close(self._lock)
