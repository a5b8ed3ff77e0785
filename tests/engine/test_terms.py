"""When versions serve, by what was registered, in whatever order it was read."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.terms import FOR_EVER, Registered, Term, terms_of

FILE: Final = Registered(version="1", in_files=True)
NEXT: Final = Registered(version="2", effective_from_ms=100, stamp=5)
THIRD: Final = Registered(version="3", effective_from_ms=200, stamp=9)


def test_each_takes_over_from_the_one_before() -> None:
    """Files first, then by the time from which they serve."""
    terms = terms_of([THIRD, FILE, NEXT])
    assert terms == {
        "1": Term(None, 100, "2", 9),
        "2": Term(100, 200, "3", 9),
        "3": Term(200, None, "", 9),
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (Registered(version="2", effective_from_ms=100, retired_ms=150, stamp=6), (100, 150, "")),
        (Registered(version="2", effective_from_ms=100, retired_ms=300, stamp=6), (100, 200, "3")),
        (Registered(version="2", effective_from_ms=100, retired_ms=50, stamp=6), (100, 50, "")),
        (Registered(version="2", stamp=6), (None, None, "")),
        (Registered(version="2", retired_ms=7, stamp=6), (None, 7, "")),
    ],
)
def test_a_version_that_is_retired_or_beside(
    changed: Registered, expected: tuple[int | None, int | None, str]
) -> None:
    """One that was retired before it served takes over from nobody, nor does one beside."""
    terms = terms_of([FILE, changed, THIRD])
    found = terms["2"]
    assert (found.from_ms, found.until_ms, found.successor) == expected
    follower = "2" if changed.takes_over else "3"
    assert terms["1"].successor == follower


@pytest.mark.parametrize("status", ["shadow", "development"])
def test_a_version_of_files_that_serves_nobody_goes_on(status: str) -> None:
    """A challenger is not ended by whoever takes over from the champion."""
    beside = Registered(version="c", in_files=True, status=status)
    assert terms_of([FILE, beside, NEXT])["c"] == Term(stamp=5)


@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 4), st.none() | st.integers(0, 4), st.booleans()),
        min_size=1,
        max_size=5,
    ),
    st.randoms(),
)
def test_at_no_time_do_two_serve(
    drawn: list[tuple[int | None, int | None, bool]], chance: object
) -> None:
    """Of those that can be followed; and the order in which they are told says nothing."""
    known = [
        Registered(version=str(i), effective_from_ms=f, retired_ms=r, in_files=given, stamp=i)
        for i, (f, r, given) in enumerate(drawn)
    ]
    terms = terms_of(known)
    mixed = list(known)
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    assert terms_of(mixed) == terms
    takers = [one.version for one in known if one.takes_over]
    for at in range(5):
        serving = [v for v in takers if terms[v].covers(at, at + 1)]
        assert len(serving) <= 1, (at, serving)
        if serving:
            files = [o.version for o in known if o.can_be_followed and o.version not in takers]
            assert not any(terms[v].covers(at, at + 1) for v in files)


def test_a_term_covers_what_lies_within() -> None:
    """The ends belong to the windows that end and begin there."""
    term = Term(10, 20, "x", 1)
    assert term.covers(10, 20)
    assert not term.covers(9, 15)
    assert not term.covers(15, 21)
    assert FOR_EVER.covers(0, 10**15)
