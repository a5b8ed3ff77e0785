"""Files that are there whole or not at all.

Rule.  What is written stands beside its place under a name that nobody takes for the product, and
takes the place only when all of it is on the disk, so that a full disk or an interruption costs
neither what was there before nor the reader's trust in what is there now.  Several files take their
places together, one right after the other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

UNFINISHED: Final = "part"


@contextmanager
def whole_files(paths: Sequence[Path]) -> Iterator[list[BinaryIO]]:
    """Files to write, in the order of ``paths``; they take their places when the block ends well.

    A file that is replaced hands on its permissions, and a link its target.  What is no regular
    file, such as a pipe, is written as it is.  Raises OSError when one cannot be written.
    """
    places = [Path(os.path.realpath(path)) for path in paths]
    streams = [place.exists() and not place.is_file() for place in places]
    written = [
        place if stream else place.with_name(f".{place.name}.{os.getpid()}.{UNFINISHED}")
        for place, stream in zip(places, streams, strict=True)
    ]
    temporary = [part for part, stream in zip(written, streams, strict=True) if not stream]
    try:
        with ExitStack() as stack:
            files: list[BinaryIO] = [stack.enter_context(part.open("wb")) for part in written]
            for file, place in zip(files, places, strict=True):
                if place.is_file():
                    # Before the first byte: who may not read the old one may not read this one.
                    os.fchmod(file.fileno(), place.stat().st_mode & 0o7777)
            yield files
            for file, stream in zip(files, streams, strict=True):
                file.flush()
                if not stream:
                    os.fsync(file.fileno())
        for part, place, stream in zip(written, places, streams, strict=True):
            if not stream:
                part.replace(place)
    finally:
        for part in temporary:
            with suppress(OSError):
                part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """One file; OSError when it cannot be written, and then what was there is there still."""
    with whole_files([path]) as (file,):
        file.write(data)
