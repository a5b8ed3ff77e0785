"""Durations: a whole number and a unit, and one name for equal ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.durations import (
    MAX_DURATION_MS,
    UNITS_MS,
    DurationError,
    format_duration,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "duration_ms"),
    [
        ("250ms", 250),
        ("10s", 10_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("7d", 604_800_000),
        ("0s", 0),
    ],
)
def test_every_unit_is_read(text: str, duration_ms: int) -> None:
    """A duration is its number times its unit."""
    assert parse_duration(text) == duration_ms


@given(st.integers(0, MAX_DURATION_MS))
def test_what_is_printed_reads_back(duration_ms: int) -> None:
    """Printing and reading are each other's inverse."""
    assert parse_duration(format_duration(duration_ms)) == duration_ms


@given(st.integers(1, 3_000), st.sampled_from(list(UNITS_MS)))
def test_equal_durations_have_one_name(number: int, unit: str) -> None:
    """The name is in the largest unit that divides the duration, however it was written."""
    duration_ms = number * UNITS_MS[unit]
    name = format_duration(duration_ms)
    larger = [size for size in UNITS_MS.values() if duration_ms % size == 0]
    assert name == f"{duration_ms // max(larger)}{_unit_of(max(larger))}"


def _unit_of(size_ms: int) -> str:
    return next(name for name, size in UNITS_MS.items() if size == size_ms)


@pytest.mark.parametrize(
    "text",
    ["", "10", "s", "1.5h", "1h30m", "-5s", "+5s", "5 s", "5S", "1w", "1e3s", " 5s", "5s\n", "٣s"],
)
def test_anything_else_is_refused_and_says_what_to_write(text: str) -> None:
    """No guess is made at what was meant."""
    with pytest.raises(DurationError, match="whole number and one unit"):
        parse_duration(text)


def test_a_duration_is_bounded() -> None:
    """Over ten years is a slip, and so is a negative one."""
    with pytest.raises(DurationError, match="longer than 3660d"):
        parse_duration("3661d")
    with pytest.raises(DurationError, match="not negative"):
        format_duration(-1)
