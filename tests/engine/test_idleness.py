"""Idleness: silence alone proves nothing."""

from __future__ import annotations

from engine.idleness import Silence


def silent(end: int, now_ms: int = 0) -> Silence:
    """A silence whose end offset was noted."""
    silence = Silence(idle_ms=1_000)
    assert silence.step(end, now_ms) == "ask"
    silence.answered(end, now_ms)
    return silence


def test_idle_after_the_time_out_at_the_end() -> None:
    """Read to the end, waited, read to the end again: idle, once."""
    silence = silent(end=10)
    assert silence.step(10, 999) == "wait"
    assert silence.step(10, 1_000) == "ask"
    silence.answered(10, 1_000)
    assert silence.step(10, 1_000) == "idle"
    assert silence.step(10, 9_999) == "wait"


def test_a_reader_that_is_behind_is_not_idle() -> None:
    """Silence of the reader is not silence of the source."""
    silence = silent(end=10)
    assert silence.step(9, 60_000) == "wait"


def test_what_is_under_way_is_read_first() -> None:
    """An end that moved on may hide a record of the model until it is read."""
    silence = silent(end=10)
    assert silence.step(10, 1_000) == "ask"
    silence.answered(14, 1_000)
    assert silence.step(13, 60_000) == "wait"
    assert silence.step(14, 60_000) == "idle"


def test_other_models_do_not_keep_a_source_awake() -> None:
    """On a partition that is never silent, a model that is can still be declared."""
    silence = silent(end=10)
    assert silence.step(500, 1_000) == "ask"
    silence.answered(510, 1_000)
    assert silence.step(505, 1_100) == "wait"
    assert silence.step(520, 1_200) == "idle"


def test_a_broker_that_does_not_answer_proves_nothing() -> None:
    """Without the end offset there is no silence to time, and none to confirm."""
    silence = Silence(idle_ms=1_000)
    silence.answered(None, 0)
    assert silence.step(10, 60_000) == "ask"
    silence.answered(10, 60_000)
    assert silence.step(10, 61_000) == "ask"
    silence.answered(None, 61_000)
    assert silence.step(10, 90_000) == "ask"


def test_a_record_ends_the_idleness() -> None:
    """After a record the source can be declared again, after a whole new silence."""
    silence = silent(end=10)
    silence.step(10, 1_000)
    silence.answered(10, 1_000)
    assert silence.step(10, 1_000) == "idle"
    silence.broken()
    assert silence.step(11, 5_000) == "ask"
    silence.answered(11, 5_000)
    assert silence.step(11, 5_999) == "wait"
    assert silence.step(11, 6_000) == "ask"
