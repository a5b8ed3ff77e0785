"""Spells of bad data: what a later question is told, against a look at every window."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, Final, cast

from hypothesis import given
from hypothesis import strategies as st

from engine.bad_spells import (
    AFTERMATH,
    MAX_SPELLS,
    RECORDS,
    BadSpells,
    bad_times,
    bad_within,
    checked,
    earlier_faults,
    note,
)
from engine.quality import Quality
from engine.quality_faults import Fault
from engine.spec import WindowRule
from tests.engine.reference_tables import spec_of

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
RULES: Final = {
    "1h": WindowRule(name="1h", length_ms=HOUR, pane_ms=HOUR, judge_every_ms=HOUR),
    "1d": WindowRule(name="1d", length_ms=DAY, pane_ms=HOUR, judge_every_ms=DAY),
}


def window(  # as much of a window as is read
    name: str, end_ms: int, *kinds: str, feature: str = "x", records: bool = False
) -> Any:  # noqa: ANN401 - a stand-in
    """A judged window with these faults of a feature, or of its records."""
    faults = tuple(Fault(kind, 1.0, 0.0, 0.0, 0.0) for kind in kinds)
    of_feature = {} if records or not kinds else {feature: faults}
    return SimpleNamespace(
        quality=Quality(of_feature, faults if records else ()),
        is_disjoint=end_ms % RULES[name].length_ms == 0,
        window=RULES[name],
        start_ms=end_ms - RULES[name].length_ms,
        end_ms=end_ms,
    )


def noted(bad: list[bool], kind: str = "repeated") -> BadSpells:
    """Hours of which these were bad."""
    spells: BadSpells = {}
    for number, is_bad in enumerate(bad, start=1):
        note(spells, cast("Any", window("1h", number * HOUR, *([kind] if is_bad else []))))
    return spells


def earlier(spells: BadSpells, name: str, end_ms: int) -> dict[str, tuple[str, ...]]:
    """What a window is told."""
    return earlier_faults(spells, RULES.values(), RULES[name], end_ms, lambda _s, _e: False)


@given(st.lists(st.booleans(), min_size=24, max_size=72))
def test_a_day_knows_its_bad_hours(bad: list[bool]) -> None:
    """Of each whole day: whether any of its hours was bad (one is more than MIN_SHARE); whatever is
    noted later, the answer is the same."""
    days = len(bad) // 24
    first = earlier(noted(bad[:24]), "1d", DAY)
    spells = noted(bad)
    assert first == earlier(spells, "1d", DAY)
    if sum(a and not b for a, b in zip(bad, [False, *bad], strict=False)) <= MAX_SPELLS:
        for day in range(days):
            found = earlier(spells, "1d", (day + 1) * DAY)
            assert bool(found) is any(bad[day * 24 : (day + 1) * 24])


def test_what_follows_a_fault_is_not_believed_at_once() -> None:
    """For AFTERMATH windows of the same length; not after values were absent, nor for records."""
    for hours in range(1, 6):
        told = earlier(noted([True, *[False] * 9]), "1h", (1 + hours) * HOUR)
        assert bool(told) is (hours <= AFTERMATH)
    assert earlier(noted([True, False], "missing"), "1h", 2 * HOUR) == {}
    spells: BadSpells = {}
    note(spells, window("1h", HOUR, "duplicates", records=True))
    assert earlier(spells, "1h", 2 * HOUR) == {}
    assert earlier(spells, "1d", DAY) == {RECORDS: ("duplicates",)}


def test_maintenance_has_no_aftermath() -> None:
    """A fault found in a time of maintenance says nothing of the windows after it; one of before
    does."""

    def told(bad: list[bool], end_ms: int, *maintained: int) -> bool:
        return bool(
            earlier_faults(
                noted(bad), RULES.values(), RULES["1h"], end_ms,
                lambda start, end: any(start < at * HOUR < end + 1 for at in maintained),
            )
        )  # fmt: skip

    assert told([False, True, False], 3 * HOUR)
    assert not told([False, True, False], 3 * HOUR, 2)
    assert told([True, True, False], 3 * HOUR, 2)
    assert not told([True, True, False, False], 4 * HOUR, 2)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=9),
    st.integers(0, 40),
    st.integers(30, 70),
)
def test_bad_times_are_in_order_and_apart(
    found: list[tuple[int, int]], from_hour: int, asked_hour: int
) -> None:
    """Hour by hour, as a plain look at every window has it."""
    spells: BadSpells = {}
    bad: set[int] = set()
    for hour in sorted({start + i for start, length in found for i in range(length)}):
        note(spells, window("1h", (hour + 1) * HOUR, "zeros"))
        bad.add(hour)
    note(spells, window("1d", DAY, "zeros"))
    lengths = {name: rule.length_ms for name, rule in RULES.items()}
    times = bad_times(spells, lengths, asked_hour * HOUR, from_hour * HOUR).get("x", [])
    assert all(end < start for (_, end), (start, _) in pairwise(times))
    told = {hour for start, end in times for hour in range(start // HOUR, end // HOUR)}
    known = {hour for hour in bad if hour < asked_hour} | (
        set(range(24)) if asked_hour >= 24 else set()
    )
    assert {h for h in told if h >= from_hour} == {h for h in known if h >= from_hour}


def test_a_small_part_is_as_good_as_none() -> None:
    """Half an hour in a day is bad at a share of 0.02, a minute is not."""
    spells: BadSpells = {}
    note(spells, window("1d", DAY, "zeros"))
    lengths = {"1d": DAY}
    ask = 2 * DAY
    assert bad_within(spells, lengths, ask, [(DAY - HOUR // 2, 2 * DAY - HOUR // 2)]) != {}
    assert bad_within(spells, lengths, ask, [(DAY - HOUR // 60, 2 * DAY)]) == {}


def test_what_had_not_ended_by_then_is_not_known() -> None:
    """An answer does not depend on how far the data are ahead."""
    spells: BadSpells = {}
    note(spells, window("1d", 2 * DAY, "zeros"))
    span = [(DAY, DAY + 12 * HOUR)]
    assert bad_within(spells, {"1d": DAY}, DAY + 12 * HOUR, span) == {}
    assert bad_within(spells, {"1d": DAY}, 2 * DAY, span) == {"x": ("zeros",)}


def test_spells_are_few_and_windows_that_overlap_are_none() -> None:
    """Neighbours are one spell; at most MAX_SPELLS are kept, the newest; old ones go."""
    spells = noted([True] * 10)
    note(spells, window("1h", 4 * HOUR, "zeros"))  # judged anew
    assert [(s.from_ms, s.until_ms) for s in spells["x"]["1h"]] == [(0, 10 * HOUR)]
    hours = 2 * MAX_SPELLS + 99
    spells = noted([True, False] * (hours // 2) + [True])
    assert len(spells["x"]["1h"]) == MAX_SPELLS
    assert spells["x"]["1h"][-1].until_ms == hours * HOUR
    note(spells, window("1h", hours * HOUR + 1, "zeros", feature="y"))
    assert "y" not in spells
    note(spells, window("1d", 500 * DAY, "zeros", feature="y"))
    assert "x" not in spells


def test_what_is_checked_no_more_holds_nothing_back() -> None:
    """Neither a fault declared normal, nor a feature that is gone, nor anything where no quality is
    looked at; another fault of the same spell still does."""
    spells: BadSpells = {}
    note(spells, window("1h", HOUR, "repeated", "zeros"))
    note(spells, window("1h", HOUR, "stale", feature="gone"))
    note(spells, window("1h", HOUR, "freshness", records=True))
    assert set(checked(spells, spec_of())) == {"x", RECORDS}
    assert earlier(checked(spells, spec_of()), "1d", DAY) == {"x": ("repeated", "zeros")}
    left = checked(spells, spec_of("x: {type: numeric, unchecked: [repeated]}"))
    assert earlier(left, "1d", DAY) == {"x": ("zeros",)}
    none = checked(spells, spec_of("x: {type: numeric, unchecked: [repeated, zeros]}"))
    assert earlier(none, "1d", DAY) == {}
    assert checked(spells, spec_of(more="quality: null\n")) == {}
    told = checked(spells, spec_of(more="quality: {freshness: 5m}\n"))
    assert earlier(told, "1d", DAY)[RECORDS] == ("freshness",)
