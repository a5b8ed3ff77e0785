"""Idleness: silence alone proves nothing."""

from __future__ import annotations

from engine.idleness import Silence


def silent(end: int, now_ms: int = 0) -> Silence:
    """A silence whose end offset was noted."""
    silence = Silence(idle_ms=1_000)
    assert silence.step(end, now_ms) == "note-end"
    silence.note_end(end, now_ms)
    return silence


def test_idle_after_the_time_out_at_the_noted_end() -> None:
    """Read to the end, waited, the end unmoved: idle, once."""
    silence = silent(end=10)
    assert silence.step(10, 999) == "wait"
    assert silence.step(10, 1_000) == "confirm-end"
    assert silence.confirm_end(10, 10)
    assert silence.step(10, 9_999) == "wait"
    assert not silence.confirm_end(10, 10)


def test_a_reader_that_is_behind_is_not_idle() -> None:
    """Silence of the reader is not silence of the source."""
    silence = silent(end=10)
    assert silence.step(9, 60_000) == "wait"


def test_an_end_that_moved_begins_anew() -> None:
    """A record that is under way ends the silence before it arrives."""
    silence = silent(end=10)
    assert not silence.confirm_end(11, 10)
    assert silence.step(10, 60_000) == "note-end"


def test_a_broker_that_does_not_answer_proves_nothing() -> None:
    """Without the end offset there is no silence to time, and none to confirm."""
    silence = Silence(idle_ms=1_000)
    silence.note_end(None, 0)
    assert silence.step(10, 60_000) == "note-end"
    silence.note_end(10, 60_000)
    assert not silence.confirm_end(None, 10)
    assert silence.step(10, 61_000) == "confirm-end"


def test_a_record_ends_the_idleness() -> None:
    """After a record the source can be declared again, after a whole new silence."""
    silence = silent(end=10)
    assert silence.confirm_end(10, 10)
    silence.broken()
    assert silence.step(11, 5_000) == "note-end"
    silence.note_end(11, 5_000)
    assert silence.step(11, 5_999) == "wait"
    assert silence.step(11, 6_000) == "confirm-end"
