"""Dead letters: the first N of a reason in a minute are carried, the others are counted."""

from __future__ import annotations

import logging

import pytest

from engine.dead_letters import carry, reason_of
from engine.effects import Publish
from engine.outcomes import REASONS
from engine.records import RecordBatch
from streams.dead_letter_limit import DeadLetterLimit
from streams.settings import SettingsError, read_settings


def letters(reason: str, count: int, first: int = 0) -> list[Publish]:
    """Dead letters of one reason."""
    offsets = list(range(first, first + count))
    values: list[bytes | None] = [str(offset).encode() for offset in offsets]
    batch = RecordBatch("predictions", 0, offsets, [-1] * count, [None] * count, values)
    return [carry(batch, row, "dead-letters", reason) for row in range(count)]


def through(limit: DeadLetterLimit, effects: list[Publish], now_s: float) -> list[Publish]:
    """What is carried."""
    return list(limit.admitted(effects, now_s))


def test_the_first_of_a_minute_are_carried_and_the_rest_is_counted() -> None:
    """Of one reason: the first N of each minute go through in order; the sums come out."""
    limit = DeadLetterLimit(3)
    came = letters("malformed_json", 5)
    assert through(limit, came, 60.0) == came[:3]
    assert through(limit, letters("malformed_json", 2), 119.9) == []
    assert through(limit, again := letters("malformed_json", 2), 120.0) == again
    assert limit.carried == {"malformed_json": 5}
    assert limit.left_out == {"malformed_json": 4}


def test_reasons_do_not_take_each_others_places() -> None:
    """A flood of one reason leaves the place of another untouched, mixed as they come."""
    limit = DeadLetterLimit(2)
    flood, rare = letters("wrong_type", 50), letters("null_value", 1)
    assert through(limit, [*flood[:40], *rare, *flood[40:]], 0.0) == [*flood[:2], *rare]
    assert limit.left_out == {"wrong_type": 48}


def test_only_dead_letters_are_limited() -> None:
    """Late records, panes and judgements pass, whatever headers a producer put on them."""
    forged = (("longshore.reason", b"malformed_json"),)
    others = [
        Publish(topic, b"k", b"v", forged)
        for topic in ("late", "panes", "judgements", "alerts", "retraining-triggers")
        for _ in range(3)
    ]
    assert through(DeadLetterLimit(0), others, 0.0) == others


def test_the_reason_is_ours_and_not_the_producers() -> None:
    """A record that was a dead letter before counts under what we say of it now."""
    batch = RecordBatch(
        "labels", 1, [9], [-1], [None], [b"{"], [[("longshore.reason", b"made-up" * 999)]]
    )
    letter = carry(batch, 0, "dead-letters", "malformed_json")
    assert reason_of(letter) == "malformed_json"
    limit = DeadLetterLimit(1)
    assert through(limit, [letter], 0.0) == [letter]
    assert limit.carried == {"malformed_json": 1}


def test_none_may_be_carried() -> None:
    """0 counts every one and carries none; what is used of the bound stays within it."""
    limit = DeadLetterLimit(0)
    assert through(limit, letters("null_value", 4), 0.0) == []
    assert limit.left_out == {"null_value": 4}
    assert limit.in_minute(0.0) == 0


def test_what_is_used_is_of_the_present_minute() -> None:
    """The reason with most counts, never above the limit, and nothing once the minute is over."""
    limit = DeadLetterLimit(10)
    through(limit, [*letters("null_value", 4), *letters("wrong_type", 7)], 30.0)
    assert limit.in_minute(59.0) == 7
    through(limit, letters("wrong_type", 70), 40.0)
    assert limit.in_minute(59.0) == 10
    assert limit.in_minute(60.0) == 0


def test_one_line_a_minute_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    """A flood is told once a minute, with the reason and the setting, and without any payload."""
    limit = DeadLetterLimit(1)
    with caplog.at_level(logging.WARNING):
        for second in range(60, 180, 10):
            through(limit, letters("wrong_type", 500), float(second))
            through(limit, letters("null_value", 1), float(second))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    assert sum("wrong_type" in line for line in lines) == 2
    assert all("dead_letters_per_minute" in line for line in lines)


def test_memory_is_a_number_per_reason() -> None:
    """Any number of dead letters of every reason leave a number per reason and nothing else."""
    limit = DeadLetterLimit(5)
    kinds = [letters(reason, 1)[0] for reason in REASONS]
    for step in range(5_000):
        through(limit, kinds, step * 0.5)
    assert set(limit.carried) == set(limit.left_out) == set(REASONS)
    told = sum(limit.carried.values()) + sum(limit.left_out.values())
    assert told == 5_000 * len(REASONS)


def test_settings_that_cannot_work_are_refused() -> None:
    """A negative number to carry, and a share that no topic can have or every topic has."""
    for name, text in (
        ("dead_letters_per_minute", "-1"),
        ("dead_letter_ratio_limit", "0"),
        ("dead_letter_ratio_limit", "1.5"),
        ("dead_letter_ratio_limit", "nan"),
    ):
        with pytest.raises(SettingsError) as caught:
            read_settings(None, {f"LONGSHORE_{name.upper()}": text})
        assert [fault for fault in caught.value.faults if name in fault], text
    none = read_settings(None, {"LONGSHORE_DEAD_LETTERS_PER_MINUTE": "0"})
    assert none.dead_letters_per_minute == 0
