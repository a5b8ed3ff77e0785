"""Records of the input topics out of a fuzzer's choices: mostly events, a little wrong somewhere.

Theory.  Random bytes almost never are JSON, and the JSON parser is compiled and gives no branches
to follow.  So most inputs choose field by field between the good value and odd ones; raw bytes and
edits of the finished text keep every other record possible.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from engine.records import Headers
from engine.spec import Topic
from tests.engine.models import START
from tests.fuzz.draw import Draw

TOPICS: Final[tuple[Topic, ...]] = ("predictions", "features", "labels")
STRUCTURED: Final[Headers] = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]
BINARY: Final[Headers] = [("ce_id", b"1"), ("content-type", b"application/json"), ("empty", None)]

GOOD: Final[dict[str, tuple[bytes, ...]]] = {
    "model": (b'"m"', b'"other"', b'"m\\u0000"', b'"' + b"m" * 129 + b'"'),
    "version": (b'"v1"', b'"v2"', b'"v3"', b'""'),
    "event_id": (b'"e1"', b'"e2"', b'"\xc3\xa9"', b'"' + b"x" * 257 + b'"'),
    "ts": (
        str(START).encode(),
        b'"2013-01-07T10:00:00Z"',
        b'"2013-01-07T12:00:00.123456+02:00"',
        str(START + 20_000).encode(),
        str(START + 90_000).encode(),
        str(START - 100_000).encode(),
        str(START + 3_600_001).encode(),
        b'"2013-01-07T10:00:00"',
        b'"9999-12-31T23:59:59-23:59"',
        b'"2013-02-29t10:00:60z"',
        b"946684799999",
        b"32503680000001",
        b"-1",
    ),
    "score": (b"0.25", b"0.75", b"0.5", b"1", b"-1e308"),
    "scores": (b'{"a":0.5,"b":0.25}', b"{}", b'{"a":"x"}', b'{"a":null}'),
    "decision": (b"1", b"0", b"true", b'"1"', b"-0.5", b"1e400", b"9" * 400),
    "latency_ms": (b"7.5", b"-1", b"1e300"),
    "error": (b"null", b'"boom"', b'{"a":[1]}', b"false"),
    "label": (b"1", b"true", b'"yes"', b"0.5"),
    "source": (b'"serving"', b'"offline"', b'"elsewhere"'),
    "heartbeat": (b"false", b"true", b"0", b'"true"'),
    "features": (b'{"x":0.1,"y":0.2,"c":"a"}',),
    "more": (b"1", b'{"a":[{}]}'),
}
"""Field -> values that mean something there, the usual one first."""
ODD: Final = (
    b"null",
    b"true",
    b"false",
    b"0",
    b"-0.0",
    b"5411",
    b"5411.0",
    b"1e15",
    b"1e16",
    b"1e22",
    b"9007199254740993",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"1e999",
    b"9" * 400,
    b"9" * 4400,
    b"1" + b"0" * 330 + b".5",
    b"5e-324",
    b"NaN",
    b"Infinity",
    b"01",
    b"1.",
    b'""',
    b'"a"',
    b'"5411"',
    b'"\\ud800"',
    b'"\\ud83d\\ude00"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"\\u0000"',
    b'"a\nb"',
    b"[]",
    b"{}",
    b'[1,"a",null]',
    b'{"a":{"b":1}}',
    b"[" * 40 + b"]" * 40,
    b"[" * 5_000,
    b"",
)
"""JSON values, and some that are none, that are tried in every place."""
ORDER: Final[dict[Topic, tuple[str, ...]]] = {
    "predictions": (
        "event_id",
        "model",
        "version",
        "ts",
        "features",
        "score",
        "decision",
        "latency_ms",
        "error",
        "scores",
        "heartbeat",
        "more",
    ),
    "features": ("event_id", "model", "version", "ts", "features", "source", "heartbeat", "more"),
    "labels": ("event_id", "model", "ts", "label", "heartbeat", "version"),
}
USUAL: Final = {"event_id", "model", "version", "ts", "features", "score", "label"}
_FEATURES: Final = (b"x", b"y", b"c", b"d", b"unknown")
_SHAPES: Final = 8
_STRUCTURED_EVENT: Final = 5
_WRAPPED: Final = 6
_EDITED: Final = 7


@dataclass(frozen=True, slots=True)
class Made:
    """A record's value and headers."""

    value: bytes | None
    headers: Headers | None


def draw_record(draw: Draw, topic: Topic) -> Made:
    """The next record for a topic."""
    shape = draw.below(_SHAPES)
    if shape == 0:
        return Made(draw.chunk(), None)
    if shape == 1:
        return draw.pick((Made(None, None), Made(b"", STRUCTURED), Made(draw.chunk(), STRUCTURED)))
    value = draw_event(draw, topic)
    if shape == _EDITED:
        return Made(edited(value, draw), draw.pick((None, BINARY)))
    if shape == _WRAPPED:
        return Made(wrapped(value, draw), STRUCTURED)
    if shape == _STRUCTURED_EVENT:
        return Made(value, BINARY)
    return Made(value, None)


def draw_event(draw: Draw, topic: Topic) -> bytes:
    """An event whose few unusual fields are drawn: a count, then (field, value) pairs."""
    fields = {name: GOOD[name][0] for name in ORDER[topic] if name in USUAL}
    names = ORDER[topic]
    for _ in range(draw.below(5)):
        name = draw.pick(names)
        how = draw.byte()
        if how == 0:
            fields.pop(name, None)
        elif name == "features" and how < 0x80:
            fields[name] = _draw_features(draw)
        else:
            fields[name] = _draw_value(draw, name, how)
    return _object(fields)


def _draw_value(draw: Draw, name: str, how: int) -> bytes:
    if how < 0x80:
        return GOOD[name][how % len(GOOD[name])]
    if how < 0xD0:
        return ODD[(how - 0x80) % len(ODD)]
    if how < 0xE0:
        return str(draw.number()).encode()
    if how < 0xF0:
        return orjson.dumps(draw.chunk().decode("utf-8", "replace"))
    if how < 0xF8:
        return str(START + draw.number() % 400_000 - 200_000).encode()
    return draw.chunk()


def _draw_features(draw: Draw) -> bytes:
    fields: dict[str, bytes] = {}
    for _ in range(draw.below(5)):
        name = draw.pick(_FEATURES).decode()
        how = draw.byte()
        fields[name] = b"0.5" if how == 0 else _draw_value(draw, "score", how | 0x80)
    return _object(fields)


def _object(fields: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (k.encode(), v) for k, v in fields.items()) + b"}"


def wrapped(value: bytes, draw: Draw) -> bytes:
    """The event in a CloudEvents envelope, whole or spoiled."""
    how = draw.below(6)
    if how == 0:
        return b'{"specversion":"1.0","data":' + value + b"}"
    if how == 1:
        return b'{"data_base64":"' + base64.b64encode(value) + b'"}'
    if how == 2:
        return b'{"data":1,"data_base64":"' + base64.b64encode(value)[:-1] + b'"}'
    if how == 3:
        return b'{"data_base64":' + draw.pick((b"null", b'"\\u00e9"', b"7", b'""')) + b"}"
    if how == 4:
        return b'{"data":' + value
    return b'{"data":{"data":' + value + b"}}"


def edited(value: bytes, draw: Draw) -> bytes:
    """The text with something done to its bytes."""
    how = draw.below(7)
    at = 0 if how in {0, 4, 5, 6} else draw.number() % (len(value) + 1)
    if how == 0:
        value = draw.pick((b"\x00\x00\x00\x00\x07", b"\x01" + b"g" * 16, b"\xef\xbb\xbf")) + value
    elif how == 1:
        value = value[:at]
    elif how == 2:
        value = value[:at] + draw.chunk() + value[at:]
    elif how == 3:
        value = value[:at] + bytes([draw.byte()]) + value[at + 1 :]
    elif how == 4:
        value += draw.pick((b" \n", b"{}", b",", b"\x00"))
    elif how == 5:
        value = value[:-1] + b"," + value[1:]
    else:
        value = value.replace(b",", b" ,\r\n\t")
    return value


def record_times(draw: Draw, count: int) -> Sequence[int]:
    """Kafka times of a batch: unknown, about the events' own, or anything."""
    how = draw.below(4)
    if how == 0:
        return [-1] * count
    if how == 3:
        return [draw.number() for _ in range(count)]
    return [START + 1_000 * row for row in range(count)]
