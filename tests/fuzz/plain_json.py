"""Records as the plain decoder reads them: strict JSON by the standard library, and envelopes.

What stands in fields that nobody reads need not be sound: a text there that is no UTF-8, say, costs
a record nothing as long as JSON's structure holds.  So there is a second, loose way to read.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.records import Headers
from engine.spec import Topic

_DIGITS_AT_MOST: Final = 4300
"""Longer integers are refused, as Python's own conversion does."""
_ENVELOPE: Final = frozenset({"event_id", "model", "version", "ts", "heartbeat"})
_READ_FIELDS: Final[dict[Topic, frozenset[str]]] = {
    "predictions": _ENVELOPE | {"features", "score", "decision", "latency_ms", "error"},
    "features": _ENVELOPE | {"features", "source"},
    "labels": (_ENVELOPE | {"label"}) - {"version"},
}
_RAW_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


class RefusedError(ValueError):
    """The record is rejected; the text is the reason."""


class BeyondError(ValueError):
    """A number that no double or integer of ours holds."""


def opened(value: bytes | None, headers: Headers | None, *, loosely: bool) -> bytes | None:
    """The event in a structured CloudEvents envelope, or the value as it is; ``loosely`` leaves
    what is beside the fields that are read unread."""
    kinds = [text or b"" for name, text in headers or () if name.lower() == "content-type"]
    if value is None or not any(k.lower().startswith(b"application/cloudevents") for k in kinds):
        return value
    try:
        tree = _loosely_parsed(value) if loosely else parsed(value)
        packed = tree.get("data_base64") if isinstance(tree, dict) else 0
        if isinstance(packed, str):
            return base64.b64decode(packed, validate=True)
    except (BeyondError, RefusedError, binascii.Error, ValueError):
        return value
    if packed is not None or "data" not in tree:
        return value
    return bytes(tree["data"]) if loosely else json.dumps(tree["data"]).encode()


def _loosely_parsed(value: bytes) -> dict[str, Any]:
    """``data`` as it stands and ``data_base64`` of an envelope, whatever is beside them."""
    try:
        fields: dict[str, Any] = {**_RAW_FIELDS.decode(_cleaned(value))}
        if "data_base64" in fields:
            fields["data_base64"] = parsed(bytes(fields["data_base64"]))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise RefusedError("malformed_json") from error
    return fields


def _cleaned(value: bytes) -> bytes:
    """Question marks for what is no UTF-8 and for lone surrogates (and for pairs)."""
    return _SURROGATE.sub(b"?", value.decode("utf-8", "replace").encode())


def read_fields_only(event: bytes, topic: Topic, features: set[str]) -> bytes | None:
    """The event without the fields that nobody reads; None where its structure does not hold."""
    try:
        fields = _RAW_FIELDS.decode(_cleaned(event))
        kept = {name: bytes(raw) for name, raw in fields.items() if name in _READ_FIELDS[topic]}
        inner = (
            _RAW_FIELDS.decode(kept["features"]) if kept.get("features", b"")[:1] == b"{" else {}
        )
    except (msgspec.MsgspecError, RecursionError):
        return None
    if inner:
        kept["features"] = _joined({k: bytes(v) for k, v in inner.items() if k in features})
    return _joined(kept)


def _joined(fields: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (k.encode(), raw) for k, raw in fields.items()) + b"}"


def parsed(value: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Strict JSON; RefusedError("malformed_json") or BeyondError."""
    try:
        tree = json.loads(
            value.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
        json.dumps(tree, ensure_ascii=False).encode("utf-8")  # a lone surrogate is no text
    except BeyondError:
        raise
    except (ValueError, RecursionError) as error:
        raise RefusedError("malformed_json") from error
    return tree


def _no_constant(name: str) -> float:
    raise RefusedError(name)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BeyondError(text)
    return number


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > _DIGITS_AT_MOST:
        raise BeyondError(text)
    return int(text)
