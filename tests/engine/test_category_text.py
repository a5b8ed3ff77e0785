"""One text per category, however it was written."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.category_text import category_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5411", "5411"),
        (5411, "5411"),
        (5411.0, "5411"),
        (1.0, "1"),
        (-0.0, "0"),
        (2.5, "2.5"),
        (1e16, "10000000000000000"),
        (True, "true"),
        (False, "false"),
        ("", ""),
        ("05411", "05411"),
        (" a", " a"),
    ],
)
def test_a_value_names_its_category(value: object, text: str) -> None:
    """Numbers are their shortest text, whole reals integers, truth values JSON's words."""
    assert category_text(value) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf, [], {}, b"x"])
def test_anything_else_names_none(value: object) -> None:
    """No category is made up of a value that is none."""
    assert category_text(value) is None


@given(st.integers(-(2**53), 2**53))
def test_an_integer_and_its_real_are_one(number: int) -> None:
    """Every integer that a double holds exactly has one text."""
    assert category_text(number) == category_text(float(number)) == str(number)
