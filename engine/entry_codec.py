"""An entry of the join as bytes, and back."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.join_entry import Entry
from engine.snapshot import SnapshotError

encode_entry: Final = msgspec.msgpack.Encoder().encode
"""The bytes of an entry; equal entries give equal bytes."""
_DECODE: Final = msgspec.msgpack.Decoder(Entry).decode


def decode_entry(content: bytes) -> Entry:
    """An entry read back; SnapshotError when it is none."""
    try:
        return _DECODE(content)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotError(f"not an entry of a join: {error}") from error
