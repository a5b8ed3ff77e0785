"""The publisher for services: what a call costs, and what becomes of events without a broker."""

from __future__ import annotations

import os
import statistics
import threading
import time
from typing import Any

import numpy as np
import orjson
import pytest

from streams.publisher import MAX_QUEUED, Publisher

NOWHERE = "127.0.0.1:1"
"""A port at which nothing listens."""
MEDIAN_CALL_LIMIT_S = 50e-6
FEATURES = {f"feature_{i}": i * 1.2345 for i in range(18)} | {"country": "DE", "mcc": "5411"}


def queued(publisher: Publisher) -> list[tuple[str, bytes | None, dict[str, Any]]]:
    """(topic, key, event) of everything that waits."""
    return [(topic, key, orjson.loads(value)) for topic, key, value in publisher._queue]


@pytest.fixture
def publisher() -> Any:  # noqa: ANN401
    """A publisher without a broker."""
    made = Publisher(NOWHERE)
    yield made
    made.close(timeout=0.0)


def test_a_call_costs_tens_of_microseconds(publisher: Publisher) -> None:
    """The median call with 20 features is under 50 us (measured: 6 us), broker or none."""
    costs = []
    for number in range(5_000):
        began = time.perf_counter()
        publisher.prediction(f"e{number}", "fraud", "1", features=FEATURES, score=0.5)
        costs.append(time.perf_counter() - began)
    assert statistics.median(costs) < MEDIAN_CALL_LIMIT_S


def test_a_broker_that_is_away_costs_records_and_nothing_else(publisher: Publisher) -> None:
    """Without a broker the queue fills, further events are dropped and counted, nothing raises."""
    taken = [publisher.label(f"e{n}", "fraud", 1) for n in range(MAX_QUEUED + 25)]
    assert taken.count(False) == 25
    assert not any(taken[MAX_QUEUED:])
    assert publisher.dropped == {"queue_full": 25}
    assert publisher.pending == MAX_QUEUED
    assert publisher.published == publisher.failed == 0


def test_close_ends_within_its_bound_and_counts_what_was_left() -> None:
    """Closing without a broker takes its time-out and no more than a moment beside it."""
    publisher = Publisher(NOWHERE)
    for number in range(10):
        publisher.label(f"e{number}", "fraud", 1)
    began = time.monotonic()
    publisher.close(timeout=0.5)
    assert time.monotonic() - began < 4.0
    assert publisher.dropped == {"closed": 10}
    assert publisher.label("late", "fraud", 1) is False
    assert publisher.dropped == {"closed": 11}
    publisher.close()


def test_the_reason_is_told(publisher: Publisher) -> None:
    """What keeps the broker away can be asked for, in one line."""
    publisher.label("e1", "fraud", 1)
    deadline = time.monotonic() + 10
    while publisher.last_error is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert publisher.last_error is not None
    assert NOWHERE in publisher.last_error


@pytest.mark.parametrize(
    "event",
    [
        {"model": "fraud", "score": 0.1},
        {"event_id": 17, "score": 0.1},
        {"event_id": "", "score": 0.1},
        {"event_id": "e1", "score": object()},
        {"event_id": "e1", "score": 0.1, "features": {1: 2}},
        {"event_id": "e1", "score": 0.1, "unit": "\ud800"},
    ],
)
def test_what_cannot_be_an_event_is_dropped_and_never_raised(
    publisher: Publisher, event: dict[str, Any]
) -> None:
    """No id, an id that is no text, and values without a JSON form are the caller's bugs, which its
    scoring path does not pay for."""
    assert publisher.publish(event) is False
    assert publisher.dropped == {"invalid": 1}


def test_even_something_that_is_no_mapping_does_not_raise(publisher: Publisher) -> None:
    """The promise has no exceptions."""
    assert publisher.publish(None) is False  # type: ignore[arg-type]
    assert publisher.dropped == {"invalid": 1}


@pytest.mark.parametrize(
    ("event", "topic"),
    [
        ({"event_id": "e1", "score": 0.1}, "drift.predictions"),
        ({"event_id": "e1", "decision": 0}, "drift.predictions"),
        ({"event_id": "e1", "scores": {"a": 1.0}}, "drift.predictions"),
        ({"event_id": "e1", "label": 1}, "drift.labels"),
        ({"event_id": "e1", "features": {}}, "drift.features"),
    ],
)
def test_an_event_goes_to_the_topic_of_its_kind(
    publisher: Publisher, event: dict[str, Any], topic: str
) -> None:
    """The kind of an event is in its fields; its key is the event id in UTF-8."""
    assert publisher.publish(event)
    assert queued(publisher) == [(topic, b"e1", event)]


def test_times_are_now_unless_given(publisher: Publisher) -> None:
    """A service need not say when: it is now, in epoch milliseconds."""
    before = int(time.time() * 1_000)
    publisher.prediction("e1", "fraud", "1", score=0.5)
    publisher.label("e1", "fraud", 1, ts="2026-11-23T18:04:05Z")
    publisher.heartbeat("fraud", ts=5)
    (_, _, first), (_, _, second), (_, key, third) = queued(publisher)
    assert before <= first["ts"] <= int(time.time() * 1_000)
    assert second["ts"] == "2026-11-23T18:04:05Z"
    assert key is None
    assert third == {"heartbeat": True, "model": "fraud", "ts": 5}


def test_numbers_of_numpy_are_numbers(publisher: Publisher) -> None:
    """Scores come out of numpy; NaN is null, that is missing."""
    features = {"a": np.float32(0.5), "b": np.int64(7), "c": float("nan")}
    publisher.prediction("e1", "fraud", "1", score=np.float64(0.25), features=features)
    ((_, _, event),) = queued(publisher)
    assert event["score"] == 0.25
    assert event["features"] == {"a": 0.5, "b": 7, "c": None}


def test_threads_share_one_publisher(publisher: Publisher) -> None:
    """Every call of every thread is either queued or counted as dropped."""

    def publish() -> None:
        for number in range(8_000):
            publisher.label(f"e{number}", "fraud", 1)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert publisher.pending + publisher.dropped["queue_full"] == 32_000


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_with_an_empty_queue(publisher: Publisher) -> None:
    """Servers fork after import: the child sends none of its parent's events, and its own."""
    publisher.label("parents", "fraud", 1)
    child = os.fork()
    if child == 0:
        own = publisher.pending == 0 and publisher.label("childs", "fraud", 1)
        alive = publisher._delivery is not None and publisher._delivery._thread.is_alive()
        os._exit(0 if own and alive and publisher.pending == 1 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert publisher.pending == 1
