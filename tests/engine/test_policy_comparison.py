"""Two policies side by side: what only one told, what both did, and where they first differ."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.policy.comparison import Comparison, compare
from engine.policy.episodes import ToldEpisode
from engine.policy.history import PolicyHistory
from tests.engine.models import HOUR, START
from tests.engine.policy_histories import alert, history, trigger

RULES = (("psi_features", "data_drift"), ("volume", "volume"))
SPANS = st.tuples(
    st.sampled_from(RULES), st.integers(1, 40), st.integers(0, 8), st.sampled_from(["", "INFO"])
)
TRIGGERS = st.tuples(st.integers(1, 40), st.sampled_from(RULES))


def told(
    spans: list[tuple[tuple[str, str], int, int, str]], triggers: list[tuple[int, tuple[str, str]]]
) -> PolicyHistory:
    """A history of episodes (rule and cause, opening, length, severity); of no length is open to
    the end.  Those of one rule and cause do not overlap: a judge has one at a time."""
    alerts: list[dict[str, Any]] = []
    free: dict[tuple[str, str], int] = {}
    for number, (key, start, length, severity) in enumerate(sorted(spans)):
        rule, cause = key
        if start <= free.get(key, 0):
            continue
        free[key] = start + length + 1 if length else 999
        name = f"{rule}-{number}"
        alerts.append(alert(name, start, "open", severity or "WARNING", rule, cause))
        if length:
            end = start + length
            alerts.append(alert(name, end, "resolved", severity or "WARNING", rule, cause))
    unique = dict.fromkeys(triggers)
    return history(alerts, [trigger(hour, *key) for hour, key in sorted(unique)])


HISTORIES = st.builds(told, st.lists(SPANS, max_size=8), st.lists(TRIGGERS, max_size=5))


def overlap(one: ToldEpisode, other: ToldEpisode, end_ms: int) -> bool:
    """Hour by hour."""
    hours = [set(range(e.since_ms, e.until_ms(end_ms), HOUR)) for e in (one, other)]
    same = (one.rule, one.cause) == (other.rule, other.cause)
    return same and bool(hours[0] & hours[1])


def sides(found: Comparison) -> Counter[tuple[str, str, str, int]]:
    """What was found of whom."""
    return Counter((f.side, f.rule, f.cause, f.since_ms) for f in found.findings)


@given(HISTORIES, HISTORIES)
def test_each_episode_is_in_one_finding_and_on_the_side_that_told_it(
    a: PolicyHistory, b: PolicyHistory
) -> None:
    """A finding of both has, for each of its episodes, one of the other side that it overlaps; one
    of a single side has none in the whole history."""
    found = compare(a, b)
    assert Counter(e for f in found.findings for e in f.a) == Counter(a.episodes)
    assert Counter(e for f in found.findings for e in f.b) == Counter(b.episodes)
    end_ms = max(a.end_ms, b.end_ms)
    for finding in found.findings:
        for own, others, whole in (
            (finding.a, finding.b, b.episodes),
            (finding.b, finding.a, a.episodes),
        ):
            for episode in own:
                met = {o for o in whole if overlap(episode, o, end_ms)}
                assert met <= set(others)
                assert bool(met) == (finding.side == "both")
    starts = [f.since_ms for f in found.findings]
    assert starts == sorted(starts)


@given(HISTORIES, HISTORIES)
def test_exchanging_the_two_exchanges_the_sides(a: PolicyHistory, b: PolicyHistory) -> None:
    """And nothing else."""
    there, back = compare(a, b), compare(b, a)
    swapped = {"A": "B", "B": "A", "both": "both"}
    expected: Counter[tuple[str, str, str, int]] = Counter()
    for (side, *rest), count in sides(back).items():
        expected[swapped[side], *rest] += count  # type: ignore[index]
    assert sides(there) == expected
    assert [(r.side, r.trigger.at_ms) for r in there.requests] == [
        (swapped[r.side], r.trigger.at_ms) for r in back.requests
    ]
    if there.first_difference is None:
        assert back.first_difference is None
    else:
        at_ms, only_a, only_b = there.first_difference
        assert back.first_difference == (at_ms, only_b, only_a)


@given(HISTORIES)
def test_a_policy_beside_itself_has_no_difference(a: PolicyHistory) -> None:
    """All is in both."""
    found = compare(a, a)
    assert {f.side for f in found.findings} <= {"both"}
    assert len(found.findings) == len(a.episodes)
    assert {r.side for r in found.requests} <= {"both"}
    assert found.first_difference is None


@given(HISTORIES, HISTORIES)
def test_before_the_first_difference_both_told_the_same(a: PolicyHistory, b: PolicyHistory) -> None:
    """And at it they did not."""

    def records(one: PolicyHistory, until_ms: float) -> Counter[tuple[object, ...]]:
        steps = [(e.rule, s.at_ms, s.state, s.severity) for e in one.episodes for s in e.steps]
        asked = [(t.rule, t.at_ms) for t in one.triggers]
        return Counter(row for row in [*steps, *asked] if row[1] < until_ms)  # type: ignore[operator]

    found = compare(a, b).first_difference
    if found is None:
        assert records(a, float("inf")) == records(b, float("inf"))
        return
    at_ms, only_a, only_b = found
    assert records(a, at_ms) == records(b, at_ms)
    assert records(a, at_ms + 1) != records(b, at_ms + 1)
    assert only_a or only_b


def test_one_long_episode_here_may_be_two_there() -> None:
    """It is one finding."""
    a = history([alert("a", 2, "open"), alert("a", 20, "resolved")])
    b = history(
        [
            alert("b", 3, "open"),
            alert("b", 6, "resolved"),
            alert("c", 9, "open"),
            alert("c", 12, "resolved"),
            alert("d", 30, "open"),
        ]
    )
    both, only_b = compare(a, b).findings
    assert (len(both.a), len(both.b), both.side) == (1, 2, "both")
    assert (only_b.side, only_b.b[0].opened_ms) == ("B", START + 30 * HOUR)


def test_what_overlaps_on_one_side_only_is_not_one_finding() -> None:
    """Only the other side's episodes can say that two are the same."""
    a = history([alert("a", 2, "open"), alert("b", 4, "open")])
    assert [len(f.a) for f in compare(a, history([])).findings] == [1, 1]
    assert [len(f.a) for f in compare(a, history([alert("c", 5, "open")])).findings] == [2]
