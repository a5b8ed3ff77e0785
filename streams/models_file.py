"""The records of the topic ``models`` in a file, so that what was registered live can be replayed.

Rule.  NDJSON, a record a line, in the order of the topic: ``partition``, ``offset``, ``timestamp``
and ``key``, and either ``value``, which is the head of a version as JSON (null where it was
deleted), or ``value_base64``, the bytes of a part.  Offsets may be left out of a file that was
written by hand; where they are given they rise.

Lines of ``audit`` may stand among them.  That of a version which was retired at once says when it
ended in event time, which nothing else does; all others are passed by.  So are other models.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from engine.tenure import AUDIT_KIND
from engine.timestamps import TimestampError, rfc3339_to_ms
from streams.control import ControlRecord
from streams.model_records import ModelRecordError, read_key

ROLE: Final = "models"
UNKNOWN_TIME_MS: Final = -1


class ModelsFileError(ValueError):
    """A line of the file is no record of the topic; the text names it."""


@dataclass(slots=True)
class ToldRegistrations:
    """What a file tells of the versions of one model."""

    records: list[ControlRecord] = field(default_factory=list)
    """In the order of the topic."""
    ended_ms: dict[str, list[int]] = field(default_factory=dict)
    """Version -> when, in event time, it ended each time that it was retired at once."""
    ends_said: set[tuple[str, int, str]] = field(default_factory=set)
    """Of these: version, time, and stamp of the registration."""


def line_of(record: ControlRecord) -> bytes:
    """A record of the topic as a line, without its end."""
    tree: dict[str, Any] = {
        "topic": record.role,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp_ms,
        "key": None if record.key is None else record.key.decode("utf-8", "replace"),
    }
    if record.value is None:
        return orjson.dumps(tree | {"value": None})
    head = _tree(record.value)
    if head is not None:
        return orjson.dumps(tree | {"value": head})
    return orjson.dumps(tree | {"value_base64": base64.b64encode(record.value).decode()})


def read_registrations(path: Path, model: str) -> ToldRegistrations:
    """What the file tells of a model; ModelsFileError names a line that is no record, OSError is a
    file that cannot be read."""
    found = ToldRegistrations()
    for number, line in _lines(path):
        tree = _tree(line)
        try:
            if tree is None:
                raise ModelsFileError("is no JSON object")
            if "kind" in tree:
                _take_audit(tree, model, found)
            else:
                _take_record(tree, model, found.records)
        except ModelsFileError as error:
            raise ModelsFileError(f"{path}:{number}: {error}") from error
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line


def _take_audit(tree: dict[str, Any], model: str, found: ToldRegistrations) -> None:
    """Note the end of a version that was retired at once: it alone has no ``until``."""
    told = (tree.get("kind"), tree.get("model"), tree.get("change"))
    if told == (AUDIT_KIND, model, "ends") and "until" not in tree:
        at, version = tree.get("at"), tree.get("version")
        if not (isinstance(at, str) and isinstance(version, str)):
            raise ModelsFileError("is no record of audit: it lacks version or at")
        try:
            at_ms = rfc3339_to_ms(at)
        except TimestampError as error:
            raise ModelsFileError(f"has an at that is no time: {at}") from error
        known = found.ended_ms.setdefault(version, [])
        said = (version, at_ms, str(tree.get("stamp")))
        if said not in found.ends_said:  # of a worker that was killed, all may be told twice
            found.ends_said.add(said)
            known.append(at_ms)


def _take_record(tree: dict[str, Any], model: str, records: list[ControlRecord]) -> None:
    key = tree.get("key")
    if not isinstance(key, str):
        raise ModelsFileError("is no record of models: its key is no text")
    if not _is_of(key.encode(), model):
        return
    after = records[-1].offset if records else -1
    offset, partition = tree.get("offset", after + 1), tree.get("partition", 0)
    if not (_is_whole(offset) and _is_whole(partition)) or offset <= after:
        raise ModelsFileError(
            f"has the offset {offset} behind {after}: records are in the order of the topic"
        )
    at_ms = tree.get("timestamp", UNKNOWN_TIME_MS)
    records.append(
        ControlRecord(
            ROLE,
            partition,
            offset,
            at_ms if _is_whole(at_ms) else UNKNOWN_TIME_MS,
            key.encode(),
            _value(tree),
        )
    )


def _value(tree: dict[str, Any]) -> bytes | None:
    if "value_base64" in tree:
        try:
            return base64.b64decode(tree["value_base64"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise ModelsFileError("has a value_base64 that is no base64") from error
    if "value" not in tree or not isinstance(tree["value"], dict | None):
        raise ModelsFileError("has no value: a head as JSON, null, or value_base64")
    return None if tree["value"] is None else orjson.dumps(tree["value"])


def _is_of(key: bytes, model: str) -> bool:
    """Whether a key is one of this model's; what workers refuse by its key is nobody's."""
    try:
        return read_key(key)[0] == model
    except ModelRecordError:
        return False


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _tree(line: bytes) -> dict[str, Any] | None:
    try:
        tree = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return tree if isinstance(tree, dict) else None
