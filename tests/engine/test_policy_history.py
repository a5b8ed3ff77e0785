"""What a history's records add up to: episodes, reasons, windows, sums and costs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.policy.episodes import episodes_of
from engine.policy.history import covered_ms, per_month, windows_of
from engine.policy.reasons import features_of, of_alert, of_trigger
from engine.policy.summary import costs, sums
from engine.timestamps import ms_to_rfc3339
from tests.engine.models import HOUR, MINUTE, START
from tests.engine.policy_histories import alert, drift, history, trigger

MADE = {"feature": "z", "psi_corrected": 0.4}
MUTED = {"until": "2013-02-01T00:00:00Z", "reason": "a campaign"}


def test_an_episode_is_what_its_records_say() -> None:
    """Opened, escalated, de-escalated and resolved: the worst severity with the reason of the
    record that said it, and open from the end of the first window to that of the last."""
    (found,) = episodes_of(
        [
            alert("e", 2, "open", evidence=drift("x")),
            alert("e", 4, "escalated", "CRITICAL", evidence=drift("y", dependants=[MADE])),
            alert("e", 6, "de-escalated", evidence=drift("x")),
            alert("e", 9, "resolved"),
        ]
    )
    assert (found.opened_ms, found.resolved_ms) == (START + 2 * HOUR, START + 9 * HOUR)
    assert found.since_ms == START + HOUR
    assert (found.severity, found.pages, found.muted, found.heard) == ("CRITICAL", 1, False, True)
    assert found.worst.why == "y PSI 0.50 over 0.20 (with z)"
    assert found.features == {"x", "y", "z"}
    assert found.open_ms(START + 99 * HOUR) == 7 * HOUR


def test_one_that_is_not_resolved_is_open_to_the_end() -> None:
    """Of the history."""
    (found,) = episodes_of([alert("e", 2, "open")])
    assert found.resolved_ms is None
    assert found.open_ms(START + 5 * HOUR) == 3 * HOUR


def test_muted_is_what_woke_nobody() -> None:
    """Told as open again when the mute ends, it is muted no more; an end without a mute wakes
    nobody."""
    again = [alert("e", 1, "open", "CRITICAL", muted=MUTED), alert("e", 3, "open", "CRITICAL")]
    (told,) = episodes_of(again)
    assert (told.muted, told.pages, told.heard) == (False, 1, True)
    (quiet,) = episodes_of([alert("e", 1, "open", muted=MUTED), alert("e", 9, "resolved")])
    assert (quiet.muted, quiet.pages, quiet.heard) == (True, 0, False)


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        (drift("x", 1.234), "x PSI 1.23 over 0.20"),
        (
            {"features": [{"feature": n, "psi_corrected": 1.0} for n in "abcde"]},
            "a PSI 1.00 over -; b PSI 1.00 over -; c PSI 1.00 over -; and 2 more",
        ),
        (
            {
                "observed": {"records": [{"fault": "duplicates", "observed": 0.5, "expected": 0}]},
                "features": [{"feature": "x", "faults": [{"fault": "constant"}]}],
            },
            "x constant; records duplicates 0.5 (usual 0)",
        ),
        (
            {"measures": [{"measure": "auc", "value": 0.71234, "baseline": 0.8}]},
            "auc 0.7123, reference 0.8",
        ),
        (
            {"measures": [{"measure": "auc", "value": 0.7, "limit": 0.75, "broken": True}]},
            "auc 0.7, promised 0.75",
        ),
        (
            {"measures": [{"measure": "auc", "signals": ["ewma"], "score": 2.5}]},
            "auc ewma, score 2.50",
        ),
        (
            {"features": [{"figure": "approval_rate", "value": 0.9, "limit": 0.8}]},
            "approval_rate 0.9, limit 0.8",
        ),
        ({"measures": [{"loss": "error"}]}, "error rose"),
        (
            {"observed": {"errors": {"rate": 0.25, "usual": 0.01}}},
            "errors rate 0.25, usual 0.01",
        ),
        ({"observed": {"events": 12_000, "ratio": 2.345}}, "events 12,000; ratio 2.345"),
        ({}, ""),
    ],
)
def test_why_is_the_evidence_in_one_line(evidence: dict[str, Any], line: str) -> None:
    """Every kind of evidence, the worst first."""
    record = alert("e", 1, "open", evidence=evidence)
    assert of_alert(record) == line
    rows = evidence.get("features", evidence.get("measures", []))
    assert of_trigger({"observed": evidence.get("observed", {}), "evidence": rows}) == line


def test_bins_and_their_categories_are_not_told() -> None:
    """They may be those of a person."""
    record = alert("e", 1, "open", evidence=drift("x", top_bins=[{"bin": "hiv-positive"}]))
    assert "hiv" not in of_alert(record)
    assert features_of(record) == {"x"}


def judgement(end_ms: int, length_ms: int, **more: object) -> dict[str, Any]:
    """A judgement of a window of that length."""
    return {
        "window": "w",
        "start": ms_to_rfc3339(end_ms - length_ms),
        "end": ms_to_rfc3339(end_ms),
        "revision": 0,
        "events": 5,
        "data": {"level": "WATCH"},
        "features": {"x": {"psi_corrected": 0.3}, "y": {"level": "UNKNOWN"}},
        **more,
    }


def test_windows_are_first_judgements_that_tile_time() -> None:
    """Sliding windows, corrections and judgements of performance are none."""
    records = [
        judgement(START, HOUR),
        judgement(START + 20 * MINUTE, HOUR),
        judgement(START, HOUR, revision=1),
        judgement(START, HOUR, section="performance"),
        judgement(START + HOUR, HOUR, maintenance={"reason": "a move"}),
    ]
    first, second = windows_of(records, ["x", "y", "z"])
    assert (first.end_ms, first.psi, first.data_level) == (START, {"x": 0.3}, "WATCH")
    assert (second.maintenance, second.end_ms) == ("a move", START + HOUR)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 10)), max_size=12))
def test_time_that_overlaps_counts_once(spans: list[tuple[int, int]]) -> None:
    """Against counting each moment."""
    pairs = [(start, start + length) for start, length in spans]
    assert covered_ms(pairs) == len({t for start, end in pairs for t in range(start, end)})


def test_sums_by_rule_and_severity() -> None:
    """Muted ones stand last and apart; time open at once counts once."""
    found = sums(
        history(
            [
                alert("a", 2, "open"),
                alert("b", 3, "open", cause="other"),
                alert("a", 6, "resolved"),
                alert("b", 8, "resolved", cause="other"),
                alert("c", 10, "open", "CRITICAL", "operations", "errors"),
                alert("d", 20, "open", muted=MUTED),
                alert("d", 22, "resolved"),
            ]
        )
    )
    told = [(s.severity, s.rule, s.muted, s.episodes, s.pages, s.open_ms // HOUR) for s in found]
    assert told == [
        ("CRITICAL", "operations", False, 1, 1, 38),
        ("WARNING", "psi_features", False, 2, 0, 6),
        ("WARNING", "psi_features", True, 1, 0, 2),
    ]
    assert found[1].share == pytest.approx(6 / 48)
    assert found[1].per_month == pytest.approx(2 * 30 / 2)
    assert per_month(3, 0) == 0.0


def test_costs_are_counts_until_somebody_says_what_one_costs() -> None:
    """INFO and muted alerts take nobody's minutes."""
    one = history(
        [
            alert("a", 2, "open"),
            alert("b", 3, "open", "INFO", "performance_chart"),
            alert("c", 4, "open", muted=MUTED, cause="other"),
        ],
        [trigger(2), trigger(9)],
    )
    unpriced, priced = costs(one, None, None), costs(one, 500.0, 15.0)
    assert (unpriced.retrainings, unpriced.alerts) == (2, 1)
    assert (unpriced.retraining_cost, unpriced.alert_minutes) == (None, None)
    assert (priced.retraining_cost, priced.alert_minutes) == (1000.0, 15.0)
