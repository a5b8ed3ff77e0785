"""On data without change the budget of pages is kept; counting panes is as good as events."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from load_tests.false_pages.deciding import decide_month
from load_tests.false_pages.drawn import drawn_model, drawn_month
from load_tests.false_pages.event_level import both_ways, generous_model
from load_tests.false_pages.months import DrawnRuns, episodes
from load_tests.false_pages.policies import WINDOW_MS
from load_tests.false_pages.report import END, PLOT, START, draw, write
from load_tests.false_pages.results import Results, Told, faults, told, upper_bound

DAYS = 3
RUNS = 3


def test_the_budget_is_kept_where_fixed_thresholds_are_not() -> None:
    """Nine days of fifty features under the most nervous rule: at most one page, which is twice
    what the budget allows on average; without a budget there is one every few hours."""
    runs = DrawnRuns(drawn_model(3), DAYS)
    found = [told(runs.run(seed)) for seed in range(RUNS)]
    assert sum(run.pages for run in found) <= 1
    assert sum(run.default for run in found) == 0
    assert min(run.fixed for run in found) > 5
    assert min(run.unlikely for run in found) > 5


def test_what_is_screened_out_does_not_page() -> None:
    """Judging and deciding on every window tells what judging those tells that may page; the drift
    that is put into a day pages."""
    drawn = drawn_model(4, features=8)
    runs = DrawnRuns(drawn, 1)
    values, events = drawn_month(drawn, 1, 1)
    moved = values.copy()
    moved[144:, 0, 0] += moved[144:, 0, 1:4].sum(axis=1)
    moved[144:, 0, 1:4] = 0
    for each, pages in ((values, False), (moved, True)):
        month = runs.decided(each, events)
        everything = [
            due.__class__(due.window, due.end_ms, quiet=False, judge=due.judge)
            for due in runs.due(each, events)
        ]
        whole = decide_month(runs.policies, everything, exact=True)
        assert whole.alerts == month.alerts
        assert any(month.pages(name) for name in WINDOW_MS) == pages


def test_by_events_and_by_panes_the_same_is_told() -> None:
    """To the last byte, and there is something to tell."""
    by_events, by_panes, events = both_ways(generous_model(5, 12), 2, 4.0, 1)
    assert events > 500
    assert by_events == by_panes
    assert len(by_events) > 2


def test_alerts_in_a_row_are_one() -> None:
    """Two quiet windows end an alert of what stands beside us as well."""
    assert episodes(np.array([], dtype=bool)) == 0
    assert episodes(np.array([0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1], dtype=bool)) == 3


def results(pages: int) -> Results:
    """Twenty runs with so many pages each."""
    one = Told(pages, 0, 40, 90, {"5m/psi_features": pages} if pages else {}, 100)
    agreed = {"events": 9, "features": 2, "days": 1, "alerts": 3, "by_panes": 3, "agree": True}
    return Results(30, {"drawn": [one] * 20}, agreed)


def test_a_broken_budget_is_a_fault() -> None:
    """The bound counts, not the mean; and so does a disagreement."""
    assert upper_bound([0] * 200) < 0.016
    assert upper_bound([1] * 20) > 1.0
    assert faults(results(0)) == []
    assert "drawn" in faults(results(1))[0]
    wrong = results(0)
    wrong.event_level["agree"] = False
    assert "by events" in faults(wrong)[0]


def test_the_page_keeps_what_stands_around_the_tables(tmp_path: Path) -> None:
    """Only what is between the marks is written."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{START}\nof another run\n{END}\nafter\n")
    write(page, results(1))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "of another run" not in text
    assert "1.000 (1.4" in text
    assert "the same to the last byte" in text
    draw(results(1), tmp_path / PLOT)
    assert "budget, most nervous rule" in (tmp_path / PLOT).read_text()
