"""Answers of retraining jobs: what is one, and why a record is none."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from engine.retraining_results import (
    AUDIT_KIND,
    MAX_REASON_CHARS,
    MAX_RESULT_BYTES,
    REASONS,
    Result,
    Unusable,
    model_named,
    read_result,
)
from engine.timestamps import rfc3339_to_ms

GOOD: dict[str, Any] = {"trigger_id": "sha256:ab", "status": "ready", "version": "v2"}
NOON = "2026-11-23T12:00:00Z"


def read(**changes: object) -> Result:
    """The good result with changes; ``...`` removes a field."""
    tree = {name: value for name, value in (GOOD | changes).items() if value is not ...}
    return read_result(orjson.dumps(tree))


def test_a_result_is_read_as_the_contract_has_it() -> None:
    """Times in either form; the version belongs to what is ready and to nothing else."""
    noon_ms = rfc3339_to_ms(NOON)
    assert read(effective_from=NOON, reason="done") == Result(
        "sha256:ab", "ready", "v2", noon_ms, "done"
    )
    assert read(effective_from=noon_ms).effective_from_ms == noon_ms
    assert read(status="accepted", version=...) == Result("sha256:ab", "accepted")
    assert read(status="failed", version="v2", reason=None) == Result("sha256:ab", "failed")
    assert read(at=NOON, kind=AUDIT_KIND).at_ms == noon_ms
    assert read(at="now").at_ms is None, "a field of the job's own"
    assert read(status="failed", reason="a\x00\x1b[31m\nb").reason == "a  [31m b"
    assert len(read(reason="x" * 10_000).reason) == MAX_REASON_CHARS
    assert read(more={"whatever": 1}) == read()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trigger_id": ...}, "bad_trigger_id"),
        ({"trigger_id": 7}, "bad_trigger_id"),
        ({"trigger_id": "a b"}, "bad_trigger_id"),
        ({"trigger_id": "x" * 201}, "bad_trigger_id"),
        ({"status": "done"}, "bad_status"),
        ({"status": None}, "bad_status"),
        ({"status": []}, "bad_status"),
        ({"version": ...}, "bad_version"),
        ({"version": 2026.11}, "bad_version"),
        ({"version": "a/b"}, "bad_version"),
        ({"effective_from": "tomorrow"}, "bad_effective_from"),
        ({"effective_from": "2026-11-23T12:00:00"}, "bad_effective_from"),
        ({"effective_from": True}, "bad_effective_from"),
        ({"effective_from": 1.5}, "bad_effective_from"),
        ({"effective_from": 12}, "bad_effective_from"),
    ],
)
def test_what_is_none_has_a_reason(changes: dict[str, Any], reason: str) -> None:
    """One of the closed set, and never another exception."""
    assert reason in REASONS
    with pytest.raises(Unusable) as told:
        read(**changes)
    assert told.value.reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "null_value"),
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"{", "malformed"),
        (b"\xff", "malformed"),
        (b'{"a":' * 100_000, "too_large"),
        (b'{"a":' * 10_000, "malformed"),
        (b" " * (MAX_RESULT_BYTES + 1), "too_large"),
    ],
)
def test_bytes_that_are_no_record_have_one_too(value: bytes | None, reason: str) -> None:
    """Whatever they are."""
    for reading in (lambda: read_result(value), lambda: model_named(b"m", value)):
        with pytest.raises(Unusable) as told:
            reading()
        assert told.value.reason == reason


def test_the_model_is_the_field_or_else_the_key() -> None:
    """Clients that cannot set a key write the name beside the rest."""
    value = orjson.dumps(GOOD)
    assert model_named(b"m", value) == "m"
    assert model_named(None, orjson.dumps(GOOD | {"model": "n"})) == "n"
    assert model_named(b"m", orjson.dumps(GOOD | {"model": "n"})) == "n"
    assert model_named(b"\xff", value) == "\ufffd"
    for key in (None, b""):
        with pytest.raises(Unusable, match="no_model"):
            model_named(key, value)
