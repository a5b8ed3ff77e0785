"""One record of every kind that cannot be used, with the reason that must be told."""

from __future__ import annotations

from typing import Final

import orjson

from engine.decode import MAX_EVENT_ID_CHARS
from engine.diagnose import MAX_NAME_CHARS
from tests.engine.models import START, beat, event, raw

YEAR: Final = 365 * 86_400_000


def nested(depth: int) -> bytes:
    """An event with a deeply nested unknown field."""
    return raw(1, START)[:-1] + b',"more":' + b"[" * depth + b"]" * depth + b"}"


REJECTED: Final[dict[str, tuple[bytes | None, str]]] = {
    "text": (b"not json", "malformed_json"),
    "empty value": (b"", "malformed_json"),
    "spaces": (b"  ", "malformed_json"),
    "cut short": (raw(1, START)[:-3], "malformed_json"),
    "more behind": (raw(1, START) + b"{}", "malformed_json"),
    "byte order mark": (b"\xef\xbb\xbf" + raw(1, START), "malformed_json"),
    "invalid utf-8": (raw(1, START).replace(b'"e1"', b'"\xff"'), "malformed_json"),
    "lone surrogate": (raw(1, START).replace(b'"e1"', b'"\\ud800"'), "malformed_json"),
    "bare NaN": (raw(1, START).replace(b"0.25", b"NaN"), "malformed_json"),
    "bare NaN in a feature": (raw(1, START).replace(b"0.1", b"NaN"), "malformed_json"),
    "bare Infinity": (raw(1, START).replace(b"0.1", b"Infinity"), "malformed_json"),
    "deep nesting": (nested(100_000), "malformed_json"),
    "null value": (None, "null_value"),
    "avro of a registry": (b"\x00\x00\x00\x00\x07" + raw(1, START), "registry_framed"),
    "schema guid": (b"\x01" + bytes(range(16)) + raw(1, START), "registry_framed"),
    "5 MB": (raw(1, START, more="x" * 5_000_000), "too_large"),
    "array": (b"[1, 2]", "not_an_object"),
    "JSON null": (b"null", "not_an_object"),
    "number": (b"7", "not_an_object"),
    "no model": (raw(1, START, model=...), "missing_model"),
    "model null": (raw(1, START, model=None), "missing_model"),
    "model number": (raw(1, START, model=7), "bad_model"),
    "model too long": (raw(1, START, model="m" * (MAX_NAME_CHARS + 1)), "bad_model"),
    "nothing at all": (b"{}", "missing_model"),
    "no id": (raw(1, START, event_id=...), "missing_event_id"),
    "id null": (raw(1, START, event_id=None), "missing_event_id"),
    "id number": (raw(1, START, event_id=7), "bad_event_id"),
    "id empty": (raw(1, START, event_id=""), "bad_event_id"),
    "id too long": (raw(1, START, event_id="x" * (MAX_EVENT_ID_CHARS + 1)), "bad_event_id"),
    "no version": (raw(1, START, version=...), "missing_version"),
    "version number": (raw(1, START, version=2026.11), "bad_version"),
    "no ts": (orjson.dumps({**event(1, 0), "ts": None}), "missing_ts"),
    "naive ts": (raw(1, "2013-01-07T10:00:00"), "naive_timestamp"),
    "day first": (raw(1, "07/01/2013 10:00"), "bad_timestamp"),
    "no such day": (raw(1, "2013-02-30T10:00:00Z"), "bad_timestamp"),
    "no such zone": (raw(1, "2013-01-07T10:00:00+24:00"), "bad_timestamp"),
    "ts with a fraction": (raw(1, START + 0.5), "bad_timestamp"),
    "ts a boolean": (raw(1, START).replace(b"1357552800000", b"true"), "bad_timestamp"),
    "ts 0": (raw(1, 0), "timestamp_too_old"),
    "ts negative": (raw(1, -START), "timestamp_too_old"),
    "seconds for ms": (raw(1, START // 1000), "timestamp_too_old"),
    "year 1999": (raw(1, "1999-12-31T23:59:59.999Z"), "timestamp_too_old"),
    "microseconds for ms": (raw(1, START * 1000), "timestamp_in_future"),
    "ten years ahead": (raw(1, START + 10 * YEAR), "timestamp_in_future"),
    "an hour and 1 ms ahead": (raw(1, START + 3_600_001), "timestamp_in_future"),
    "ts past int64": (raw(1, START).replace(b"1357", b"9" * 400), "timestamp_in_future"),
    "ts text past the calendar": (raw(1, "9999-12-31T23:59:59Z"), "timestamp_in_future"),
    "no score, no decision": (raw(1, START, score=...), "no_prediction"),
    "score text": (raw(1, START, score="0.3"), "wrong_type"),
    "features an array": (raw(1, START, features=[0.1, 0.2]), "wrong_type"),
    "features text": (raw(1, START, features="x=1"), "wrong_type"),
    "heartbeat without ts": (orjson.dumps({"heartbeat": True, "model": "m"}), "missing_ts"),
    "heartbeat at 0": (beat(0), "timestamp_too_old"),
    "heartbeat in ten years": (beat(START + 10 * YEAR), "timestamp_in_future"),
    "heartbeat naive": (beat("2013-01-07T10:00:00"), "naive_timestamp"),
    "heartbeat ts null": (beat(START).replace(b"1357552800000", b"null"), "bad_timestamp"),
}
