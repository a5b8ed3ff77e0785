"""RocksDB as an ordered store of bytes, opened for what waits for labels.

Rule.  Nothing of RocksDB's may grow with the number of entries in memory: blocks, indexes and
filters share one cache of CACHE_BYTES, two write buffers stand beside it, and at most
MAX_OPEN_FILES are open.  Whatever fails in it is a DiskError with its words.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
)

from streams.pending_disk import DiskError

CACHE_BYTES: Final = 32 * 1024 * 1024
WRITE_BUFFER_BYTES: Final = 8 * 1024 * 1024
MAX_OPEN_FILES: Final = 200
BLOOM_BITS: Final = 10
"""Per entry: of the event_ids that are new one in a hundred is looked for in vain on the disk."""


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)  # noqa: FBT003 - RocksDB's signatures
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(MAX_OPEN_FILES)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_level_compaction_dynamic_level_bytes(True)
    options.set_keep_log_file_num(2)
    options.set_paranoid_checks(True)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(CACHE_BYTES))
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    table.set_bloom_filter(BLOOM_BITS, block_based=False)
    options.set_block_based_table_factory(table)
    return options


@contextmanager
def _told(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # rocksdict raises plain Exception and its own DbClosedError.
        raise DiskError(f"{path}: {what}: {' '.join(str(error).split())}") from error


class Rocks:
    """One database; :class:`streams.pending_disk.KeyValue`."""

    def __init__(self, path: Path) -> None:
        """Open or make it; DiskError when that fails."""
        self._path = path
        self._database = self._open()

    def _open(self) -> Rdict:
        with _told(self._path, "cannot be opened"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return Rdict(str(self._path), options=_options())

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of these keys, None where there is none."""
        with _told(self._path, "cannot be read"):
            return cast("list[bytes | None]", self._database.get(list(keys))) if keys else []

    def scan(self, first: bytes, end: bytes) -> Iterator[bytes]:
        """The keys in [first, end), in order."""
        with _told(self._path, "cannot be read"):
            bounds = ReadOptions()
            bounds.set_iterate_upper_bound(end)
            entries = self._database.iter(bounds)
            entries.seek(first)
            while entries.valid():
                yield entries.key()
                entries.next()
            entries.status()

    def write(self, puts: Mapping[bytes, bytes], deletes: Iterable[bytes]) -> None:
        """All of it or nothing."""
        with _told(self._path, "cannot be written"):
            batch = WriteBatch(raw_mode=True)
            for key in deletes:
                batch.delete(key)
            for key, value in puts.items():
                batch.put(key, value)
            self._database.write(batch)

    def wipe(self) -> None:
        """Drop everything, and begin with an empty database."""
        self.close()
        wipe(self._path)
        self._database = self._open()

    def close(self) -> None:
        """Let it go."""
        with _told(self._path, "cannot be closed"):
            self._database.close()

    def bytes_used(self) -> int:
        """Bytes of the directory's files."""
        try:
            return sum(file.stat().st_size for file in self._path.iterdir())
        except OSError:
            return 0  # a file that was compacted away meanwhile; the next look counts again


def wipe(path: Path) -> None:
    """Remove a database that cannot be opened, or is another's; DiskError when that fails."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise DiskError(f"{path}: cannot be removed: {error.strerror}") from error
