"""The closed sets by which records are counted."""

from __future__ import annotations

from time import process_time

import orjson

from engine.decode import Decoder
from engine.outcomes import OUTCOMES, REASONS, Outcomes
from engine.records import RecordBatch
from engine.spec import Topic
from engine.tally import Tally
from tests.engine.bad_records import REJECTED
from tests.engine.models import START, batch, event, model_of, raw, spec_text

ONLY_HERE = {
    "number_out_of_range": raw(1, START).replace(b"0.25", b"1e999"),
    "bad_label": orjson.dumps({"event_id": "e", "model": "m", "ts": START, "label": "yes"}),
    "missing_label": orjson.dumps({"event_id": "e", "model": "m", "ts": START}),
}


def reasons(topic: Topic, value: bytes | None) -> set[str]:
    """Why one record is rejected."""
    model = model_of(spec_text(inputs="[predictions, labels]"))
    tally = Tally(0, 1, [model])
    tally.accept(batch([value], topic=topic, record_ms=START))
    return set(tally.outcomes.by_reason)


def test_every_reason_is_known_and_every_known_reason_exists() -> None:
    """The closed set is neither too small, where a counter would be missing from the start, nor
    holds a reason that no record can have."""
    made = {reason for _, reason in REJECTED.values()}
    for reason, value in ONLY_HERE.items():
        topic: Topic = "labels" if "label" in reason else "predictions"
        assert reasons(topic, value) == {reason}
        made.add(reason)
    assert made == set(REASONS)
    assert list(REASONS) == sorted(set(REASONS))


def test_ten_thousand_names_are_a_hundred() -> None:
    """Unknown models are counted one by one up to a bound, and together beyond it."""
    tally = Tally(0, 1, [model_of()])
    for first in range(0, 10_000, 1_000):
        names = [f"nobody-{first + i}" * 20 for i in range(1_000)]
        values: list[bytes | None] = [orjson.dumps(event(1, START, model=n[:128])) for n in names]
        tally.accept(batch(values, first=first))
    assert len(tally.outcomes.shadows) <= 101
    assert max(map(len, tally.outcomes.shadows)) <= 128
    assert sum(tally.outcomes.shadows.values()) == 10_000
    assert tally.outcomes.by_outcome == {"predictions/shadow": 10_000}


def test_as_many_versions_as_events_cost_what_one_does() -> None:
    """The work is in the events: a version of its own in each of them makes it no longer than a
    few times that of one unknown version."""
    events = 4_000
    decoder = Decoder([model_of()], "predictions")
    same = batch([raw(i, START, version="9") for i in range(events)])
    all_apart = batch([raw(i, START, version=f"9.{i}") for i in range(events)])

    def cpu_s(records: RecordBatch) -> float:
        took = []
        for _ in range(3):
            began = process_time()
            decoded = decoder.decode(records)
            took.append(process_time() - began)
            assert len(decoded.shadows) == events
        return min(took)

    cpu_s(same)
    assert cpu_s(all_apart) < 5 * cpu_s(same)


def test_outcomes_are_told_apart_by_their_names() -> None:
    """No outcome holds a slash, by which topic and outcome are put together."""
    assert not [name for name in OUTCOMES if "/" in name]
    counted = Outcomes()
    for name in OUTCOMES:
        counted.end("labels", name, 2)
    assert counted.ended("labels") == 2 * len(OUTCOMES)
