"""Versions of models as records of the compacted topic ``models``.

Rule.  A version is a head, written last, and the parts that the head names; a head whose parts are
not all there, or do not have its SHA-256, is refused whole.  The key of a head is
``MODEL/VERSION``, that of a part ``MODEL/VERSION/SHA-256/NUMBER``, each piece of it quoted as in an
address; all records of a model lie in the partition that its name alone gives, so that the newest
head is the one with the highest offset.  A head without a value ends the version at once, as if it
had never been.

The head is JSON::

    {"schema": 1, "model", "version", "status": "active" | "retired", "effective_from",
     "retired_at", "spec": "sha256:...", "profile": "sha256:...",
     "content": {"sha256", "bytes", "parts"}}

The content is the text of the spec and the file of the profile, in msgpack, compressed by zlib.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote, unquote

import msgspec
from aiokafka.partitioner import murmur2

from engine.spec_yaml import MAX_SPEC_BYTES
from engine.timestamps import NEWEST_MS, ms_to_rfc3339, rfc3339_to_ms
from streams.model_files import MAX_PROFILE_BYTES
from streams.snapshots import MAX_PART_BYTES, Record

SCHEMA: Final = 1
MAX_MODEL_PARTS: Final = 300
"""Of one version; enough for the largest profile even if nothing of it can be compressed."""
MAX_HEAD_BYTES: Final = 65_536
MAX_CONTENT_BYTES: Final = MAX_SPEC_BYTES + MAX_PROFILE_BYTES + 1_024
"""Of a version's spec and profile, unpacked."""
REASONS: Final = (
    "bad_key",
    "malformed",
    "torn",
    "unusable",
    "other_version",
    "other_partition",
    "version_differs",
    "too_many",
)
"""Why a record of the topic is refused: a closed set."""
COMPRESSION: Final = 6

Status = Literal["active", "retired"]


class ModelRecordError(ValueError):
    """A record that cannot be used; ``reason`` is one of REASONS."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What the parts of a version add up to."""

    sha256: str
    """Of all parts, end to end, in hexadecimal."""
    bytes: int
    """Of the same."""
    parts: int


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record that makes a version count."""

    schema: int
    model: str
    version: str
    content: Content
    status: Status = "active"
    effective_from: str | None = None
    """From when, in event time, the version serves; none: it is watched beside the others."""
    retired_at: str | None = None
    """From when it serves no more; of a retired one, none says at once."""
    spec: str = ""
    """Hash of the spec as the worker reads it."""
    profile: str = ""

    @property
    def key(self) -> str:
        """``model@version``."""
        return f"{self.model}@{self.version}"

    @property
    def effective_from_ms(self) -> int | None:
        """``effective_from`` as epoch milliseconds."""
        return _ms(self.effective_from)

    @property
    def retired_ms(self) -> int | None:
        """From when it serves no more; None of one that is active."""
        return None if self.status == "active" else _ms(self.retired_at) or 0


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    spec: str
    profile: bytes


_HEADS: Final = msgspec.json.Decoder(Head)
_CONTENTS: Final = msgspec.msgpack.Decoder(_Packed)


def home_of(model: str, partitions: int) -> int:
    """The partition of the topic that holds all records of a model."""
    return int((murmur2(model.encode()) & 0x7FFFFFFF) % partitions)


def head_key(model: str, version: str) -> bytes:
    """The key of the head of a version."""
    return f"{quote(model, safe='')}/{quote(version, safe='')}".encode()


def part_keys(head: Head) -> list[bytes]:
    """The keys of the parts that a head names."""
    own, content = head_key(head.model, head.version).decode(), head.content
    return [f"{own}/{content.sha256}/{number}".encode() for number in range(content.parts)]


def read_key(key: bytes | None) -> tuple[str, str, bool]:
    """Model, version, and whether it is the key of a part; ModelRecordError when it is none."""
    try:
        pieces = (key or b"").decode("ascii").split("/")
    except UnicodeDecodeError as error:
        raise ModelRecordError("bad_key", "the key is not MODEL/VERSION") from error
    if len(pieces) not in {2, 4} or not all(pieces):
        raise ModelRecordError("bad_key", "the key is not MODEL/VERSION")
    model, version = unquote(pieces[0]), unquote(pieces[1])
    if head_key(model, version).decode() != "/".join(pieces[:2]):
        # Two keys of one version would be two records to compaction.
        raise ModelRecordError("bad_key", "the key is not quoted as the key of a version is")
    return model, version, len(pieces) > 2  # noqa: PLR2004 - the head's


def encode_version(
    spec: str,
    profile: bytes,
    *,
    of: tuple[str, str],
    hashes: tuple[str, str] = ("", ""),
    effective_from_ms: int | None = None,
    part_bytes: int = MAX_PART_BYTES,
) -> list[Record]:
    """The records of an active version, the head last; equal content gives equal parts.

    ``of`` are model and version, ``hashes`` those of spec and profile, ``effective_from_ms`` None
    for a version beside the others.
    """
    packed = zlib.compress(msgspec.msgpack.encode(_Packed(spec, profile)), COMPRESSION)
    cut = [packed[at : at + part_bytes] for at in range(0, len(packed), part_bytes)]
    head = Head(
        schema=SCHEMA,
        model=of[0],
        version=of[1],
        content=Content(
            sha256=hashlib.sha256(packed).hexdigest(), bytes=len(packed), parts=len(cut)
        ),
        effective_from=None if effective_from_ms is None else ms_to_rfc3339(effective_from_ms),
        spec=hashes[0],
        profile=hashes[1],
    )
    return [*zip(part_keys(head), cut, strict=True), encode_head(head)]


def encode_head(head: Head) -> Record:
    """The record of a head."""
    return head_key(head.model, head.version), msgspec.json.encode(head)


def retired(head: Head, at_ms: int | None) -> Head:
    """The head of a version that serves no more from then on; None is at once."""
    at = None if at_ms is None else ms_to_rfc3339(at_ms)
    return msgspec.structs.replace(head, status="retired", retired_at=at)


def decode_head(model: str, version: str, value: bytes) -> Head:
    """The head in the record of this key; ModelRecordError when it is none."""
    if len(value) > MAX_HEAD_BYTES:
        raise ModelRecordError("malformed", f"a head of more than {MAX_HEAD_BYTES} bytes")
    try:
        head = _HEADS.decode(value)
        times = (head.effective_from_ms, head.retired_ms)
    except (ValueError, RecursionError) as error:
        raise ModelRecordError("malformed", f"not a head: {error}") from error
    if head.schema != SCHEMA:
        raise ModelRecordError("malformed", f"schema {head.schema}, this version reads {SCHEMA}")
    if (head.model, head.version) != (model, version):
        raise ModelRecordError("other_version", f"it says {head.key}, its key another version")
    if not 0 < head.content.parts <= MAX_MODEL_PARTS:
        raise ModelRecordError(
            "malformed", f"{head.content.parts} parts, there are 1 to {MAX_MODEL_PARTS}"
        )
    if not all(at_ms is None or 0 <= at_ms <= NEWEST_MS for at_ms in times):
        raise ModelRecordError("malformed", "a time that events cannot have")
    return head


def assembled(head: Head, parts: Mapping[bytes, bytes]) -> bytes:
    """The content of a head, still packed; ModelRecordError when parts are missing or others."""
    found = [parts[key] for key in part_keys(head) if key in parts]
    if len(found) != head.content.parts:
        raise ModelRecordError("torn", f"{len(found)} of its {head.content.parts} parts are there")
    packed = b"".join(found)
    if hashlib.sha256(packed).hexdigest() != head.content.sha256:
        raise ModelRecordError("torn", "its parts are not those that it names")
    return packed


def unpacked(packed: bytes) -> tuple[str, bytes]:
    """Text of the spec and file of the profile; ModelRecordError when it is no such content."""
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, MAX_CONTENT_BYTES)
        if unpacking.unconsumed_tail or not unpacking.eof:
            raise ModelRecordError("unusable", f"more than {MAX_CONTENT_BYTES} bytes, or cut short")
        found = _CONTENTS.decode(content)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ModelRecordError("unusable", f"not a spec and a profile: {error}") from error
    return found.spec, found.profile


def _ms(told: str | None) -> int | None:
    """Epoch milliseconds; TimestampError, which is a ValueError, when it is no time."""
    return None if told is None else rfc3339_to_ms(told)
