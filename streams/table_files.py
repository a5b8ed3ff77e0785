"""Opening the files that a profile and a replay read: Parquet, CSV and NDJSON, gzipped or not."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

import polars as pl

from engine.spec import Spec
from streams.table_columns import TableError
from streams.table_values import NUMBER_TEXT

FileKind = Literal["parquet", "csv", "ndjson"]
SUFFIXES: Final[dict[str, FileKind]] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".ndjson": "ndjson",
    ".ndjson.gz": "ndjson",
}
COMMAS: Final = "separate columns by commas, with a point in numbers, or write Parquet"
SLICE_ROWS: Final = 20_000
"""Rows of a table held at once while its events are made."""
MAX_LINE_BYTES: Final = 64 * 1024 * 1024
"""A longer line of NDJSON is no record, and would be read into memory whole."""


def file_kind(path: Path) -> FileKind:
    """The kind of a file, by its suffix.

    Raises TableError for another suffix or a file that is not there.
    """
    if not path.is_file():
        raise TableError(path, ["there is no such file"])
    for suffix, kind in SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return kind
    raise TableError(path, [f"is none of {', '.join(SUFFIXES)}"])


def data_sha256(path: Path) -> str:
    """``sha256:<hex>`` of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def scan(path: Path) -> pl.LazyFrame:
    """A Parquet or CSV file, unread; every column of a CSV is text.

    Raises TableError when it cannot be read as what its suffix says.
    """
    try:
        if file_kind(path) == "parquet":
            frame = pl.scan_parquet(path)
        else:
            frame = pl.scan_csv(path, infer_schema=False)
        names = frame.collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(path, [f"cannot be read: {_first_line(error)}"]) from error
    if len(names) == 1 and any(separator in names[0] for separator in ";\t|"):
        raise TableError(path, [f"has one column, {names[0][:80]!r}: {COMMAS}"])
    return frame


def number_columns(path: Path, frame: pl.LazyFrame, spec: Spec) -> frozenset[str]:
    """The categorical features of a CSV whose every value is written as a number; else none."""
    if file_kind(path) != "csv":
        return frozenset()
    names = set(frame.collect_schema().names())
    categories = [f.name for f in spec.features if f.type == "categorical" and f.name in names]
    if not categories:
        return frozenset()
    checks = [pl.col(name).str.contains(NUMBER_TEXT).all() for name in categories]
    found = collect(path, frame.select(checks)).row(0, named=True)
    return frozenset(name for name, numeric in found.items() if numeric)


def collect(path: Path, frame: pl.LazyFrame) -> pl.DataFrame:
    """Read a frame whole; TableError when its file is damaged."""
    try:
        return frame.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(path, [f"cannot be read: {_first_line(error)}"]) from error


def slices(path: Path, frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """A frame in slices of SLICE_ROWS, in the order of the file."""
    try:
        yield from frame.collect_batches(chunk_size=SLICE_ROWS, maintain_order=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise TableError(path, [f"cannot be read: {_first_line(error)}"]) from error


def lines(path: Path) -> Iterator[bytes]:
    """The lines of an NDJSON file without their ends; blank ones hold no record."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with cast("BinaryIO", opener(path, "rb")) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES):
                if len(line) == MAX_LINE_BYTES:
                    raise TableError(path, [f"has a line of over {MAX_LINE_BYTES} bytes"])
                if not line.isspace():
                    yield line.removesuffix(b"\n").removesuffix(b"\r")
        except (EOFError, OSError) as error:
            raise TableError(path, [f"cannot be read: {error}"]) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
