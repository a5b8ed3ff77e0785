"""Tables as small as parquet can make them, because they are committed.

Rule.  zstd over everything; times as deltas; ids, which count upwards, by their common prefix, and
out of order without one; the rest by dictionary unless the caller names a column as plain.  Values
are not changed, and the same table gives the same bytes (with one version of pyarrow, which the
tests of the examples do not need).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import polars as pl

PAGE_BYTES: Final = 1 << 26
"""One page a column: zstd and the encodings see all of it."""
ROW_GROUP_ROWS: Final = 1 << 20


def write_small(table: pl.DataFrame, path: Path, plain: Collection[str] = ()) -> None:
    """Write ``table``, whose times end in ``ts`` and whose ids are texts called ``event_id``."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - only who changes an example needs it

    encodings = {name: "DELTA_BINARY_PACKED" for name in table.columns if name.endswith("ts")}
    counting = table["event_id"].is_sorted()
    encodings["event_id"] = "DELTA_BYTE_ARRAY" if counting else "DELTA_LENGTH_BYTE_ARRAY"
    pq.write_table(
        table.to_arrow(compat_level=pl.CompatLevel.oldest()),
        path,
        compression="zstd",
        compression_level=22,
        use_dictionary=[name for name in table.columns if name not in {*encodings, *plain}],
        column_encoding=encodings,
        data_page_size=PAGE_BYTES,
        dictionary_pagesize_limit=PAGE_BYTES,
        row_group_size=ROW_GROUP_ROWS,
        write_statistics=False,
        store_schema=False,
    )
