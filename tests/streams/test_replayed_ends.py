"""Versions that were retired at once, in a replay: when they ended, told how often, and after
compaction."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from engine.timestamps import ms_to_rfc3339
from streams.models_file import ModelsFileError, read_registrations
from streams.replayed_versions import versions_of
from tests.engine.models import MINUTE
from tests.engine.test_take_over import AT, FIRST
from tests.streams.test_replayed_versions import LATENESS_MS, applied, ended, told, written


def test_retired_at_once_needs_a_time() -> None:
    """Only audit has it: what a worker then did is of no event time."""
    records = written(*applied("v2", AT), ended("v2", None))
    with pytest.raises(ModelsFileError, match="m@v2 is retired at once, and nothing says when"):
        versions_of([FIRST], told(records))
    steps = versions_of([FIRST], told(records, v2=[AT + MINUTE])).steps
    assert [step.at_ms for step in steps] == [None, AT + MINUTE + LATENESS_MS]
    assert steps[-1].terms["m@v2"].until_ms == 0
    steps = versions_of([FIRST], told(written(*applied("v2", AT), ended("v2", AT + 1)))).steps
    assert [step.at_ms for step in steps] == [None, None], "with a time it is known before"


def test_who_is_retired_at_once_twice_ended_once() -> None:
    """The second head says nothing new, and audit has no second end."""
    records = written(*applied("v2", AT), ended("v2", None), ended("v2", None), *applied("v3", AT))
    steps = versions_of([FIRST], told(records, v2=[AT + MINUTE])).steps
    at_ms = AT + MINUTE + LATENESS_MS
    assert {step.at_ms for step in steps[1:]} == {at_ms}
    assert steps[-1].terms["m@v2"].until_ms == 0
    assert steps[-1].terms["m@v3"].from_ms == AT


def test_of_who_was_retired_at_once_compaction_leaves_one_head() -> None:
    """It served all the same, until then; without a time it is refused, as it was before."""
    whole = written(*applied("v2", AT), ended("v2", None))
    left = [record for record in whole if record.offset != whole[-2].offset]
    assert len(left) == len(whole) - 1
    with pytest.raises(ModelsFileError, match="m@v2 is retired at once, and nothing says when"):
        versions_of([FIRST], told(left))
    found, truth = (versions_of([FIRST], told(log, v2=[AT + MINUTE])) for log in (left, whole))
    assert [s.at_ms for s in found.steps] == [s.at_ms for s in truth.steps]
    assert [s.terms for s in found.steps] == [s.terms for s in truth.steps]
    torn = versions_of([FIRST], told(left[-1:], v2=[AT + MINUTE]))
    assert [refusal.reason for refusal in torn.refusals] == ["torn"]
    assert torn.steps == []


def test_an_end_that_was_told_twice_is_one(tmp_path: Path) -> None:
    """Of a worker that was killed audit may have it again; another end has its own stamp."""
    path = tmp_path / "models.ndjson"
    line = {"kind": "term", "model": "m", "version": "v2", "change": "ends"}
    ends = [(AT, 5), (AT, 5), (AT + MINUTE, 9), (AT, 5), (AT, 11)]
    path.write_bytes(
        b"\n".join(orjson.dumps(line | {"at": ms_to_rfc3339(ms), "stamp": n}) for ms, n in ends)
    )
    assert read_registrations(path, "m").ended_ms == {"v2": [AT, AT + MINUTE, AT]}
