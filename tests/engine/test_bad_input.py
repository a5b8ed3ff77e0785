"""Bad input: each record ends where it must, and the rest of its batch is unharmed."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from detectors.decade_kernel import DECADES
from engine.dead_letters import MAX_CARRIED_BYTES
from engine.decode import LENIENT_AFTER
from engine.effects import Publish
from engine.model import MonitoredModel
from engine.outcomes import MAX_SHADOW_CHARS, MAX_SHADOW_NAMES, OTHER_SHADOWS
from engine.panes import PaneRecord, decode, unpack
from engine.records import RecordBatch
from engine.spec import Topic
from engine.tally import Tally
from tests.engine.bad_records import REJECTED, YEAR
from tests.engine.models import START, batch, beat, event, model_of, pieces, raw, spec_text


@cache
def inline() -> MonitoredModel:
    """Features inside predictions; labels are read too."""
    return model_of(spec_text(inputs="[predictions, labels]"))


@cache
def separate() -> MonitoredModel:
    """Features as events of their own."""
    return model_of(spec_text(inputs="[features, predictions, labels]"))


def counted(tally: Tally) -> dict[int, list[int]]:
    """All counts of all panes by their start."""
    size = next(iter(tally._models.values())).model.layout.size
    found = {}
    for effect in tally.flush():
        record = decode(effect.value or b"")
        if isinstance(record, PaneRecord):
            found[record.start_ms] = unpack(record.on_time, size).tolist()
    return found


def tallied(
    records: RecordBatch, cuts: tuple[int, ...] = (), model: MonitoredModel | None = None
) -> tuple[Tally, list[Publish]]:
    """A fresh tally that took the records in, cut at these positions; its sums come out."""
    tally = Tally(0, 1, [model or inline()])
    letters = [letter for piece in pieces(records, cuts) for letter in tally.accept(piece)]
    assert tally.outcomes.ended(records.topic) == tally.outcomes.records[records.topic]
    assert tally.outcomes.records[records.topic] == len(records)
    return tally, letters


def header(letter: Publish, name: str) -> bytes | None:
    """One header of a dead letter."""
    return dict(letter.headers)[name]


@pytest.mark.parametrize("name", REJECTED)
def test_a_bad_record_is_a_dead_letter_wherever_it_stands(name: str) -> None:
    """It is rejected with its reason and counted; its bytes, key and place travel; the good records
    around it count as if it were not there, whatever its position and however the log was cut."""
    bad, reason = REJECTED[name]
    good = [raw(i, START + i) for i in range(4)]
    expected = counted(tallied(batch(good, record_ms=START))[0])
    for at in (0, 2, 4):
        values = [*good[:at], bad, *good[at:]]
        records = batch(values, first=50, record_ms=START)
        for cuts in ((), (at,), (at + 1,), (1, 2, 3, 4)):
            tally, letters = tallied(records, cuts)
            assert tally.outcomes.by_reason == {reason: 1}
            assert tally.outcomes.by_outcome == {
                "predictions/tallied": 4,
                "predictions/rejected": 1,
            }
            assert [(letter.topic, letter.value) for letter in letters] == [
                ("dead-letters", bad or b"")
            ]
            assert header(letters[0], "longshore.reason") == reason.encode()
            assert header(letters[0], "__connect.errors.offset") == str(50 + at).encode()
            assert counted(tally) == expected


def test_all_bad_records_in_one_batch() -> None:
    """Every kind of bad record together, among good ones: each has its own reason and no other."""
    bad = list(REJECTED.values())
    values = [v for i, (b, _) in enumerate(bad) for v in (b, raw(i, START + i))]
    tally, letters = tallied(batch(values, record_ms=START))
    reasons = [reason.encode() for _, reason in bad]
    assert [header(letter, "longshore.reason") for letter in letters] == reasons
    assert tally.outcomes.by_outcome["predictions/tallied"] == len(bad)


SPOILED: Final[dict[str, tuple[str, Any]]] = {
    "x": ("numeric", ["12.5", True, [1], {"a": 1}, ""]),
    "c": ("categorical", [["a"], {"a": 1}]),
}


@pytest.mark.parametrize(
    ("feature", "value"), [(f, v) for f, (_, values) in SPOILED.items() for v in values]
)
def test_a_wrong_type_spoils_its_feature_only(feature: str, value: object) -> None:
    """A wrong type in one feature is that feature's invalid; the event and its other features
    count, and so does every other event of the batch."""
    good = event(0, START)["features"]
    values = [raw(i, START + i) for i in range(5)]
    values[2] = raw(2, START + 2, features={**good, feature: value})
    clean, _ = tallied(batch([raw(i, START + i) for i in range(5)]))
    expected = counted(clean)[START]
    layout = inline().layout
    column = layout.column(feature)
    for cuts in ((), (2,), (3,), (2, 3)):
        tally, letters = tallied(batch(values), cuts)
        assert letters == []
        cells = counted(tally)[START]
        assert cells[column.extra(1)] == 1
        decades = range(layout.decades, layout.decades + DECADES if feature == "x" else 0)
        own = {*range(column.start, column.end), *decades}
        assert all(cells[i] == expected[i] for i in range(layout.size) if i not in own)
        valid = slice(column.start, column.start + column.values)
        assert sum(cells[valid]) == sum(expected[valid]) - 1


@pytest.mark.parametrize("value", [b"1" + b"0" * 400, b"-1" + b"0" * 400])
def test_an_integer_beyond_a_double_is_invalid(value: bytes) -> None:
    """A whole number that no double holds spoils its feature only, also beside good ones."""
    records = [raw(i, START) for i in range(3)]
    records[1] = records[1].replace(b'"x":0.1', b'"x":' + value)
    tally, letters = tallied(batch(records))
    assert letters == []
    assert counted(tally)[START][inline().layout.column("x").extra(1)] == 1


def test_null_and_absent_features_are_missing() -> None:
    """null, an absent feature, absent features and ``features: null`` all mean missing."""
    trees = [
        {"x": None, "y": 1, "c": "a"},
        {"y": 1, "c": "a"},
        {"unknown": 1, "y": 1, "c": "a"},
    ]
    values = [raw(i, START, features=f) for i, f in enumerate(trees)]
    values += [raw(7, START, features=...), raw(8, START, features=None)]
    tally, letters = tallied(batch(values))
    cells = counted(tally)[START]
    layout = inline().layout
    assert letters == []
    assert cells[layout.column("x").extra(0)] == 5
    assert cells[layout.column("y").extra(0)] == 2
    assert cells[layout.column("c").extra(0)] == 2


def test_many_wrong_types_equal_one_at_a_time() -> None:
    """A batch with far more than LENIENT_AFTER records to read twice gives exactly what its records
    give one at a time, for every mixture of kinds."""
    random = np.random.default_rng(5)
    choices: list[Any] = ["text", True, None, 5, 2.5, [1], "5", -0.0, 1.0]
    values: list[bytes | None] = []
    for i in range(30 * LENIENT_AFTER):
        picks = [choices[k] for k in random.integers(0, len(choices), 3)]
        features = dict(zip("xyc", picks, strict=True))
        values.append(raw(i, START + i, features=features))
        if i % 7 == 3:
            values.append(beat(START + i))
        if i % 11 == 4:
            values.append(list(REJECTED.values())[i % len(REJECTED)][0])
    whole, letters = tallied(batch(values, record_ms=START + 1))
    single, others = tallied(batch(values, record_ms=START + 1), tuple(range(len(values))))
    assert whole.outcomes == single.outcomes
    assert counted(whole) == counted(single)
    assert letters == others


def test_unknown_models_and_versions_are_shadows() -> None:
    """They are counted by name and never dead-lettered; a name that would break a decoder's tag is
    a name like any other."""
    values = [
        raw(1, START, model="other"),
        raw(2, START, version="v9"),
        raw(3, START, model="\x00"),
        raw(4, START),
        beat(START, "third"),
    ]
    tally, letters = tallied(batch(values))
    assert letters == []
    assert tally.outcomes.shadows == {"other": 1, "m@v9": 1, "?": 1, "third": 1}
    assert tally.outcomes.by_outcome == {"predictions/tallied": 1, "predictions/shadow": 4}


def test_names_of_shadows_are_bounded() -> None:
    """Neither many unknown names nor long ones grow the state: producers choose them."""
    values = [raw(i, START, model=f"n{i}") for i in range(MAX_SHADOW_NAMES + 20)]
    values += [raw(1, START, version="v" * 100_000)]
    tally, _ = tallied(batch(values))
    shadows = tally.outcomes.shadows
    assert len(shadows) == MAX_SHADOW_NAMES + 1
    assert shadows[OTHER_SHADOWS] == 21
    long, _ = tallied(batch([raw(1, START, version="v" * 100_000)]))
    assert max(map(len, long.outcomes.shadows)) == MAX_SHADOW_CHARS


@pytest.mark.parametrize("topic", ["features", "labels"])
@pytest.mark.parametrize("value", [b"{}", b'{"ts":1}', b'{"model":"\\u0000"}', b"[]"])
def test_no_record_is_lost_on_a_topic_that_no_model_reads(topic: Topic, value: bytes) -> None:
    """Even where no model listens, every record ends somewhere."""
    tally = Tally(0, 1, [model_of(spec_text(inputs="[predictions]"))])
    tally.accept(batch([value], topic=topic))
    assert tally.outcomes.ended(topic) == 1


def test_duplicate_keys_take_the_last_value() -> None:
    """JSON leaves it open; here the last one counts, as in most producers' own readers."""
    value = raw(1, START).replace(b'"x":0.1', b'"x":null,"x":0.1')
    value = value.replace(b'"ts":', b'"ts":7,"ts":')
    tally, letters = tallied(batch([value]))
    clean, _ = tallied(batch([raw(1, START)]))
    assert letters == []
    assert counted(tally) == counted(clean)


def test_heartbeats_end_as_heartbeats() -> None:
    """Alone, among events, as text, or on a record that looks like an event: they count nowhere."""
    values = [
        beat(START),
        raw(1, START),
        beat("2013-01-07T10:00:00Z"),
        raw(2, START, heartbeat=True),
        raw(3, START, heartbeat=False),
    ]
    for cuts in ((), (1,), (1, 2, 3, 4)):
        tally, letters = tallied(batch(values), cuts)
        assert letters == []
        assert tally.outcomes.by_outcome == {"predictions/tallied": 2, "predictions/heartbeat": 3}
    only, _ = tallied(batch([beat(START)]))
    assert counted(only) == {}
    assert only.watermarks_ms()["m@v1"]["predictions"] == START - 30_000


def test_an_hour_ahead_of_the_record_is_the_limit() -> None:
    """Exactly an hour past the record's Kafka time is still taken; without a record time (a file)
    only the end of the calendar is the limit."""
    tally, letters = tallied(batch([raw(1, START + 3_600_000)], record_ms=START))
    assert letters == []
    assert tally.outcomes.by_reason == {}
    later, letters = tallied(batch([raw(1, START + 10 * YEAR)]))
    assert letters == []
    assert later.outcomes.by_outcome == {"predictions/tallied": 1}


def test_offline_feature_events_are_counted_apart() -> None:
    """``source: offline`` counts nowhere else; serving features and their absence count."""
    values = [
        raw(1, START, score=..., source="serving"),
        raw(2, START, score=..., source="offline"),
        raw(3, START, score=...),
        raw(4, START, score=..., source="elsewhere"),
    ]
    tally, letters = tallied(batch(values, topic="features"), model=separate())
    assert tally.outcomes.by_outcome == {
        "features/tallied": 2,
        "features/offline": 1,
        "features/rejected": 1,
    }
    assert header(letters[0], "longshore.reason") == b"wrong_type"
    assert counted(tally)[START][0] == 2


def test_labels_are_read_and_their_faults_told() -> None:
    """A label of any version-less event is taken; one that is absent or no number says so."""
    label = {"event_id": "e1", "model": "m", "ts": START}
    values = [orjson.dumps({**label, "label": v}) for v in (1, 0.5, "yes", True, [1])]
    values += [orjson.dumps(label)]
    tally, letters = tallied(batch(values, topic="labels"))
    assert tally.outcomes.by_outcome == {"labels/tallied": 3, "labels/rejected": 3}
    reasons = [header(x, "longshore.reason") for x in letters]
    assert reasons == [b"bad_label", b"wrong_type", b"missing_label"]


def test_a_dead_letter_larger_than_the_bound_is_cut_to_its_headers() -> None:
    """Its bytes stay behind and the headers say how many they were."""
    value = b'{"x":"' + b"a" * MAX_CARRIED_BYTES + b'"}'
    _, letters = tallied(batch([value]))
    assert letters[0].value == b""
    assert header(letters[0], "longshore.value-left-out") == str(len(value)).encode()


def test_misrouted_records_are_counted() -> None:
    """A record that lies in another partition than its event_id belongs to is counted and used."""
    values = [raw(i, START) for i in range(200)]
    tally = Tally(1, 4, [inline()])
    tally.accept(batch(values, partition=1))
    assert tally.outcomes.by_outcome == {"predictions/tallied": 200}
    assert 100 < tally.outcomes.misrouted < 200
