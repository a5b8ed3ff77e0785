"""What /metrics says of versions: which serve, from when until when, what ``models`` gave."""

from __future__ import annotations

from typing import Final

import pytest

from engine.pipeline import Pipeline
from streams.live import LiveState
from tests.engine.models import MINUTE, START
from tests.engine.test_take_over import AT, FIRST, MODELS, TERMS, log
from tests.streams.test_metrics import exposed, samples

OLD: Final = 'model="m",version="v1"'
NEW: Final = 'model="m",version="v2"'


@pytest.mark.parametrize(("until_ms", "serves"), [(AT - MINUTE, (1, 0)), (AT + 3 * MINUTE, (0, 1))])
def test_who_serves_follows_event_time(until_ms: int, serves: tuple[int, int]) -> None:
    """Of the version before and of that which takes over."""
    pipeline = Pipeline([FIRST], 1)
    pipeline.learn(MODELS, TERMS)
    pipeline.accept(log(until_ms))
    pipeline.flush()
    found = samples(exposed(LiveState(judges=dict(pipeline.judges))))
    told = tuple(found[f"longshore_version_serves{{{labels}}}"] for labels in (OLD, NEW))
    assert told == serves
    assert found[f"longshore_version_until_seconds{{{OLD}}}"] == AT / 1000
    assert found[f"longshore_version_from_seconds{{{NEW}}}"] == AT / 1000
    assert f"longshore_version_from_seconds{{{OLD}}}" not in found
    assert START < AT


def test_what_was_read_of_the_topic_is_counted() -> None:
    """By the reason where it could not be used; of every reason there is a series."""
    live = LiveState(model_records=7, refused_model_records={"torn": 2})
    found = samples(exposed(live))
    assert found["longshore_model_records_total"] == 7
    assert found['longshore_model_records_refused_total{reason="torn"}'] == 2
    assert found['longshore_model_records_refused_total{reason="malformed"}'] == 0
