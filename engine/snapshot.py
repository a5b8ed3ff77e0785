"""A snapshot: a sealed state and the pieces that it names.

Rule.  The envelope of the state is a format version and a checksum around msgpack.  A snapshot that
is damaged, cut short, of a future version or of another kind is refused with its reason; it is
never read as something else.  Nothing is compressed here: counts are packed already, and the topic
compresses the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeVar

import msgspec

FORMAT: Final = 4
MAX_SNAPSHOT_BYTES: Final = 512 * 1024 * 1024
"""Size of a state beyond which a snapshot is refused as hostile or damaged."""
_MAGIC: Final = b"LSHR"
_HEAD: Final = len(_MAGIC) + 1 + 32
_OUTER: Final = msgspec.msgpack.Decoder(tuple[str, msgspec.Raw])

Whole = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]
"""A number in a state: one more of it, or the next to it, still fits every array and format."""

T = TypeVar("T")


class SnapshotError(ValueError):
    """A snapshot cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is kept of a tally or a judge; equal states give equal snapshots."""

    state: bytes
    """Sealed."""
    pieces: Mapping[bytes, bytes] = field(default_factory=dict)
    """SHA-256 -> content of the blocks that the state names (see :mod:`engine.pieces`)."""


def seal(kind: str, state: msgspec.Struct) -> bytes:
    """Magic, format, SHA-256 of the rest, then the state.

    Dictionaries are written in the order of their keys, so that equal states give equal bytes.
    """
    body = msgspec.msgpack.encode(
        _ordered(msgspec.to_builtins((kind, state), builtin_types=(bytes,)))
    )
    if len(body) > MAX_SNAPSHOT_BYTES - _HEAD:
        raise SnapshotError(f"a {kind} snapshot of {len(body)} bytes could not be read again")
    return _MAGIC + bytes([FORMAT]) + hashlib.sha256(body).digest() + body


def _ordered(value: Any) -> Any:  # noqa: ANN401 - any builtin
    """The same with every dictionary in the order of its keys, which need not be texts."""
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [_ordered(item) for item in value]
    return value


def unseal(kind: str, data: bytes, state_type: type[T]) -> T:
    """The state inside; SnapshotError when it is not an undamaged snapshot of this kind."""
    if data[: len(_MAGIC)] != _MAGIC or len(data) < _HEAD:
        raise SnapshotError("not a snapshot, or cut short")
    if data[len(_MAGIC)] != FORMAT:
        raise SnapshotError(f"snapshot format {data[len(_MAGIC)]}, this version reads {FORMAT}")
    if len(data) > MAX_SNAPSHOT_BYTES:
        raise SnapshotError(f"larger than {MAX_SNAPSHOT_BYTES} bytes")
    body = data[_HEAD:]
    if hashlib.sha256(body).digest() != data[len(_MAGIC) + 1 : _HEAD]:
        raise SnapshotError("the checksum does not match: damaged or cut short")
    try:
        found, inner = _OUTER.decode(body)
        if found != kind:
            raise SnapshotError(f"a {found} snapshot where a {kind} one was wanted")
        return msgspec.msgpack.decode(inner, type=state_type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"not a {kind} snapshot: {error}") from error
