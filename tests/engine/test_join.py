"""The join is a function of the two logs, whatever their interleaving and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.join_entry import Entry, resolve
from engine.join_store import Clock
from tests.engine.driven_join import BASE, Driven, drive, rules_of
from tests.engine.naive_join import Clocks, Outcome, Place, Record, Setting, joined
from tests.thoroughness import examples


@st.composite
def situations(draw: st.DrawFn) -> tuple[Setting, dict[Clock, Sequence[Record]]]:
    """Small clocks, few event_ids and times, so that everything meets everything."""
    few = st.integers(0, 6)
    ttl = draw(st.integers(1, 25))
    setting = Setting(
        predictions=Clocks(draw(few), draw(few)),
        labels=Clocks(draw(few), draw(st.integers(0, 12))),
        ttl=ttl,
        repeat=draw(few),
        negative_after=draw(st.none() | st.integers(1, ttl)),
        pane=draw(st.integers(1, 5)),
        amend=0,
        maturities=draw(st.lists(st.integers(1, ttl), max_size=2, unique=True).map(sorted)),
    )
    setting.amend = max(setting.predictions.amend, setting.labels.amend)
    ids = st.sampled_from("ab")
    steps = st.integers(-9, 12)

    def log(more: dict[str, Any]) -> list[Record]:
        at, found = BASE, []
        for step, name in draw(st.lists(st.tuples(steps, ids), max_size=14)):
            at = max(BASE - 10, at + step)
            values = {key: draw(values) for key, values in more.items()}
            found.append({"event_id": name, "ts": at, **values})
        return found

    return setting, {"predictions": log({}), "labels": log({"label": st.integers(0, 1)})}


ORDERS = st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.booleans()), max_size=25)


@settings(max_examples=examples(400), deadline=None, database=None)
@given(situation=situations(), order=ORDERS)
def test_every_interleaving_says_the_same(
    situation: tuple[Setting, dict[Clock, Sequence[Record]]], order: list[tuple[bool, int, bool]]
) -> None:
    """Batches, interleavings and restarts change neither a contribution, nor an outcome, nor one
    byte of the store; and all of it is what the plain twin says of the whole logs."""
    setting, logs = situation
    whole, cut = Driven(setting, logs), Driven(setting, logs)
    drive(whole, [])
    drive(cut, order)
    assert cut.state() == whole.state()
    plain = joined(setting, logs["predictions"], logs["labels"])
    places = Counter({place: count for place, count in plain.places.items() if count})
    assert whole.outcome() == Outcome(places, +plain.fates, plain.repeats)


@settings(max_examples=examples(100), deadline=None, database=None)
@given(situation=situations(), order=ORDERS)
def test_the_state_is_of_the_prefixes(
    situation: tuple[Setting, dict[Clock, Sequence[Record]]], order: list[tuple[bool, int, bool]]
) -> None:
    """In the middle of the logs, too: what was read decides, not the order in which it was."""
    setting, logs = situation
    one, other = Driven(setting, logs), Driven(setting, logs)
    for labels, count, restart in order:
        one.step("labels" if labels else "predictions", count)
        if restart:
            one.restart()
    other.step("labels", one.read["labels"])
    other.step("predictions", one.read["predictions"])
    assert one.state() == other.state()


def simple(**changes: Any) -> Setting:  # noqa: ANN401
    """Clocks without lateness, panes of 10."""
    usual = {
        "predictions": Clocks(0, 0),
        "labels": Clocks(0, 20),
        "ttl": 100,
        "repeat": 0,
        "negative_after": None,
        "pane": 10,
        "amend": 20,
        "maturities": [],
    }
    return Setting(**{**usual, **changes})


def label(name: str, ts: int, value: int) -> Record:
    """A label record."""
    return {"event_id": name, "ts": BASE + ts, "label": value}


def made(name: str, ts: int) -> Record:
    """A prediction record."""
    return {"event_id": name, "ts": BASE + ts}


def run(setting: Setting, predictions: list[Record], labels: list[Record]) -> Driven:
    """Both logs read whole."""
    driven = Driven(setting, {"predictions": predictions, "labels": labels})
    drive(driven, [])
    return driven


@pytest.mark.parametrize(
    ("later", "places"),
    [
        # while the pane of the first label is open, the correction takes its place
        (4, {(1, BASE, False, "a", 0.0, 4): 1}),
        # after its end both are amendments
        (
            15,
            {(1, BASE, False, "a", 1.0, 2): 1, (1, BASE, True, "a", 1.0, 2): -1}
            | {(1, BASE + 10, True, "a", 0.0, 15): 1},
        ),
        # after its end and amend the first stands
        (30, {(1, BASE, False, "a", 1.0, 2): 1}),
    ],
)
def test_a_correction_moves_a_match_that_can_be_reached(
    later: int, places: dict[Place, int]
) -> None:
    """By the labels' clock when the correction was read."""
    driven = run(simple(), [made("a", 0)], [label("a", 2, 1), label("a", later, 0)])
    assert driven.outcome().places == Counter(places)


def test_an_equal_label_again_is_a_duplicate() -> None:
    """It changes nothing."""
    driven = run(simple(), [made("a", 0)], [label("a", 2, 1), label("a", 3, 1)])
    assert driven.outcome().fates == {"matched": 1, "duplicate": 1}
    assert sum(driven.outcome().places.values()) == 1


def test_ttl_is_between_the_two_times() -> None:
    """Exactly ttl apart is a match, one more is none, both ways and whatever the clocks."""
    for apart, fate in ((100, "matched"), (101, "pending"), (-100, "matched")):
        driven = run(simple(), [made("a", 200)], [label("a", 200 + apart, 1)])
        assert driven.outcome().fates == {fate: 1}
    expired = run(simple(), [made("b", 0), made("c", 301)], [label("b", 200, 1)])
    assert expired.outcome().fates == {"expired": 1}


def test_an_unlabelled_prediction_becomes_negative() -> None:
    """Once the labels' watermark has passed it, on time; a label after that corrects it."""
    setting = simple(negative_after=50)
    driven = run(setting, [made("a", 0)], [label("x", 51, 1)])
    assert driven.outcome().places == {(1, BASE + 50, False, "a", 0.0, 50): 1}
    driven = run(setting, [made("a", 0)], [label("x", 50, 1)])
    assert not driven.outcome().places
    driven = run(setting, [made("a", 0)], [label("x", 51, 1), label("a", 55, 1)])
    assert driven.outcome().fates["corrected"] == 1


def test_entries_leave_when_nothing_can_touch_them() -> None:
    """A matched one when no correction can reach it, others after ttl; so the store is bounded by
    time and not by events."""
    predictions = [made(f"e{i}", i) for i in range(1_000)]
    labels = [label(f"e{i}", i + 3, 1) for i in range(1_000)]
    driven = run(simple(), predictions, labels)
    assert len(driven.store) < 50
    unlabelled = run(simple(), predictions, [label("x", 999, 1)])
    assert 100 <= len(unlabelled.store) <= 125


@pytest.mark.parametrize(("apart", "fate"), [(100, "matched"), (101, "pending")])
def test_a_prediction_waits_for_the_last_label_that_may_still_come(apart: int, fate: str) -> None:
    """Labels may be late by amend: read at exactly that, the prediction is still there; and it is
    not, nor does it matter, for one that no clock would let match."""
    predictions = [made("a", 0), made("x", 1_000)]
    labels = [label("x", 120, 1), label("a", apart, 1)]
    for order in ([(False, 2, False)], [(True, 2, False)], [(False, 2, True), (True, 1, True)]):
        driven = Driven(simple(), {"predictions": predictions, "labels": labels})
        drive(driven, order)
        fates = driven.outcome().fates
        assert fates["matched"] == (1 if fate == "matched" else 0)
        assert driven.join.counts.add_up()


@pytest.mark.parametrize(("clock", "moved"), [(29, True), (30, False)])
def test_a_match_waits_for_the_last_correction(clock: int, *, moved: bool) -> None:
    """Its pane ends at 10 and can be reached up to 30 of the labels' watermark, not further."""
    predictions = [made("a", 0), made("x", 1_000)]
    labels = [label("a", 2, 1), label("x", clock, 1), label("a", clock - 5, 0)]
    for order in ([(False, 2, False), (True, 2, True)], [(True, 3, False)]):
        driven = Driven(simple(), {"predictions": predictions, "labels": labels})
        drive(driven, order)
        assert driven.outcome().fates["corrected"] == int(moved)


def test_an_entry_alone_says_what_it_contributes() -> None:
    """While nothing has left, what was moved adds up to what the entries say by themselves."""
    patient = Clocks(0, 5_000)
    setting = simple(
        predictions=patient, labels=patient, amend=5_000, negative_after=40, maturities=[10]
    )
    predictions = [made("a", 0), made("b", 3), made("c", 5)]
    labels = [label("a", 2, 1), label("a", 14, 0), label("c", 8, 1), label("x", 44, 1)]
    driven = run(setting, predictions, labels)
    found: Counter[tuple[int, int, bool, bool]] = Counter()
    stored = dict(driven.store.items())
    for content in stored.values():
        entry = msgspec.msgpack.decode(content, type=Entry)
        for one, weight in resolve(entry, rules_of(setting)):
            found[one.plane, one.start_ms, one.amended, one.label is None] += weight
    moved: Counter[tuple[int, int, bool, bool]] = Counter()
    for (plane, start, amended, _, value, _), weight in driven.places.items():
        moved[plane, start, amended, value is None] += weight
    assert +found == +moved
    assert sum(found.values()) == 3 + 3 + 2
    assert len(stored) == 4


def test_above_the_bound_the_oldest_are_let_go_and_counted() -> None:
    """The bound holds at the end of every batch."""
    logs: dict[Clock, Sequence[Record]] = {
        "predictions": [made(f"e{i}", i) for i in range(60)],
        "labels": [label("e0", 60, 1), label("e59", 60, 1)],
    }
    driven = Driven(simple(), logs, pending=10)
    driven.step("predictions", 60)
    assert len(driven.store) == 10
    assert driven.join.counts.forgotten == 50
    driven.step("labels", 2)
    assert driven.join.counts.by_outcome == {"matched": 1, "pending": 1}


def test_labels_of_one_event_beyond_the_bound_are_counted_as_duplicates() -> None:
    """One event_id cannot fill the store."""
    labels = [label("a", i % 5, i % 2) for i in range(200)]
    driven = run(simple(), [], labels)
    assert driven.join.counts.add_up()
    assert driven.outcome().fates == {"pending": 16, "duplicate": 184}
