"""CloudEvents around events: binary and structured, mixed with bare ones in any batch."""

from __future__ import annotations

import base64
from functools import cache

import orjson
import pytest

from engine.cloudevents import event_bytes
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.records import Headers
from engine.tally import Tally
from tests.engine.models import START, batch, event, model_of, pieces, raw

STRUCTURED: Headers = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
BINARY: Headers = [("ce_specversion", b"1.0"), ("content-type", b"application/json")]
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/cards", "type": "scored"}


@cache
def model() -> MonitoredModel:
    """The usual model."""
    return model_of()


def enveloped(number: int) -> bytes:
    """A structured CloudEvent around an event."""
    return orjson.dumps({**ENVELOPE, "data": event(number, START + number)})


def tallied(
    values: list[bytes | None], headers: list[Headers | None], cuts: tuple[int, ...] = ()
) -> tuple[Tally, list[Publish]]:
    """Take the records in."""
    tally = Tally(0, 1, [model()])
    whole = batch(values, headers=headers)
    letters = [letter for piece in pieces(whole, cuts) for letter in tally.accept(piece)]
    return tally, letters


@pytest.mark.parametrize(
    "headers",
    [
        STRUCTURED,
        [("Content-Type", b"APPLICATION/CLOUDEVENTS+JSON")],
        [("traceparent", None), *STRUCTURED],
    ],
)
def test_a_structured_event_is_its_data(headers: Headers) -> None:
    """Whatever the case of the header, and with null headers beside it."""
    assert orjson.loads(event_bytes(enveloped(1), headers) or b"") == event(1, START + 1)


def test_data_in_base64() -> None:
    """``data_base64`` is the event's bytes."""
    text = base64.b64encode(raw(1, START)).decode()
    value = orjson.dumps({**ENVELOPE, "data_base64": text})
    assert event_bytes(value, STRUCTURED) == raw(1, START)


@pytest.mark.parametrize("headers", [None, [], BINARY, [("content-type", None)], [("ce_id", b"7")]])
def test_any_other_value_is_the_event(headers: Headers | None) -> None:
    """Binary mode and no mode leave the value as it is."""
    assert event_bytes(raw(1, START), headers) == raw(1, START)
    assert event_bytes(None, STRUCTURED) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", b"malformed_json"),
        (b"[" * 200_000, b"malformed_json"),
        (b'{"data":' + b"[" * 200_000, b"malformed_json"),
        (b"\xff", b"malformed_json"),
        (b"[]", b"not_an_object"),
        (b'{"specversion":"1.0"}', b"missing_model"),
        (b'{"specversion":"1.0","data":null}', b"not_an_object"),
        (b'{"specversion":"1.0","data":"text"}', b"not_an_object"),
        (b'{"specversion":"1.0","data_base64":"?"}', b"missing_model"),
        (None, b"null_value"),
    ],
)
def test_a_broken_envelope_is_a_dead_letter(value: bytes | None, reason: bytes) -> None:
    """It keeps its own bytes and headers, whatever was wrong; the records beside it count."""
    values = [enveloped(1), value, raw(2, START)]
    headers: list[Headers | None] = [STRUCTURED, STRUCTURED, None]
    for cuts in ((), (1,), (2,)):
        tally, (letter,) = tallied(values, headers, cuts)
        assert tally.outcomes.by_outcome == {"predictions/tallied": 2, "predictions/rejected": 1}
        assert letter.value == (value or b"")
        assert list(letter.headers[:1]) == STRUCTURED
        assert dict(letter.headers)["longshore.reason"] == reason


def test_all_forms_in_one_batch() -> None:
    """Structured, binary and bare events together count like bare ones alone."""
    values: list[bytes | None] = [enveloped(1), raw(2, START + 2), raw(3, START + 3)]
    mixed, letters = tallied(values, [STRUCTURED, BINARY, None])
    bare, _ = tallied([raw(i, START + i) for i in (1, 2, 3)], [None, None, None])
    assert letters == []
    assert mixed.snapshot() == bare.snapshot()


def test_null_headers_travel_into_the_dead_letter() -> None:
    """A header without a value, as brokers allow, is carried as it was."""
    _, (letter,) = tallied([b"broken"], [[("traceparent", None)]])
    assert letter.headers[0] == ("traceparent", None)
