"""What is made of measurements: medians, ratios, alarm comparison, latency, the table."""

from __future__ import annotations

import io

from rich.console import Console

from load_tests.contenders.protocol import Measurement
from load_tests.latency import ClosingTimes
from load_tests.outcomes import Latency, Outcome, Round, alarms_agree, check_alarms
from load_tests.table import as_json, report
from load_tests.worker_runs import Scrape, last_window_end_s


def measured(
    events: int,
    seconds: float,
    counted: dict[int, int] | None = None,
    alarms: dict[int, list[tuple[str, int]]] | None = None,
) -> Measurement:
    """A measurement of a contender that used one core."""
    return Measurement(events, seconds, seconds, 100 << 20, 0.0, counted or {}, alarms or {})


def outcome(name: str, *seconds: float, events: int = 1_000) -> Outcome:
    """An outcome with a round for each duration."""
    rounds = [Round(i, measured(events, each), 0.5) for i, each in enumerate(seconds)]
    return Outcome(name, name, rounds)


def rendered(*outcomes: Outcome, latency: Latency | None = None) -> str:
    """The report on a terminal of 80 columns."""
    console = Console(file=io.StringIO(), width=80)
    console.print(report(outcomes, latency, 605.0, ["a note"]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_ratio_is_taken_within_a_round() -> None:
    """A slow second half of the machine moves both sides, and not the ratio."""
    fast, slow = outcome("fast", 1.0, 4.0, 1.0), outcome("slow", 2.0, 8.0, 2.0)
    assert fast.speed_ratio(slow) == 2.0
    assert fast.events_per_second() == 1_000.0
    assert fast.thrift_ratio(slow) == 2.0
    assert fast.speed_ratio(None) is None
    assert fast.speed_ratio(Outcome("absent", "absent")) is None


def test_alarms_are_compared_where_both_have_read() -> None:
    """Alarms behind the shorter reader's position are not held against it; others are."""
    long = measured(20, 1.0, {0: 10, 1: 10}, {0: [("a", 3), ("b", 9)], 1: [("a", 2)]})
    short = measured(9, 1.0, {0: 5, 1: 4}, {0: [("a", 3)], 1: [("a", 2)]})
    assert alarms_agree(long, short) == (2, 0)
    wrong = measured(9, 1.0, {0: 5, 1: 4}, {0: [("a", 4)], 1: [("a", 2)]})
    assert alarms_agree(long, wrong) == (2, 1)
    outcomes = [Outcome(n, n, [Round(0, m, 0.0)]) for n, m in (("x", long), ("y", wrong))]
    ((line, equal),) = check_alarms(outcomes)
    assert not equal
    assert "DIFFERENT in 1" in line


def test_the_table_shows_ratios_and_failures() -> None:
    """Each contender has a row with its ratios; a failed one says so and why."""
    failed = Outcome("worker", "the worker", [], "ended with code 1")
    text = rendered(outcome("floor", 1.0), outcome("naive", 40.0), failed)
    row = next(line for line in text.splitlines() if line.strip().startswith("naive"))
    assert row.split()[1:] == ["1,000", "25", "40000.00", "1.00", "1.00", "0.03", "100", "0.5"]
    assert any(line.split() == ["the", "worker", "failed"] for line in text.splitlines())
    assert "the worker: ended with code 1" in text
    assert "a note" in text
    assert "naive = 1: floor 40.00" in text


def test_latency_reads_as_quantiles() -> None:
    """p50 and p99 are delays that were seen."""
    delays = tuple(i / 100 for i in range(1, 101))
    latency = Latency(5_000, 30, 10, 0.1, delays, 0, 3, 300 << 20)
    assert (latency.quantile(0.5), latency.quantile(0.99)) == (0.50, 0.99)
    assert "p50 0.50 s, p99 0.99 s" in rendered(outcome("floor", 1.0), latency=latency)
    found = as_json([outcome("floor", 1.0)], latency, 605.0, [])
    assert found["latency"]["p99_seconds"] == 0.99
    assert found["contenders"][0]["median"]["times_floor"] == 1.0


def test_a_window_closes_with_its_last_partition() -> None:
    """The closing record is the one that takes the slowest partition past the end."""
    closing = ClosingTimes(lateness_ms=1_000, pane_ms=1_000, partitions=2)
    closing.appended(0, 10_500, 1)
    closing.appended(1, 10_900, 2)
    assert closing.closed_at_ms == {}
    closing.appended(0, 12_000, 3)
    assert closing.closed_at_ms == {}
    closing.appended(1, 11_999, 4)
    assert closing.closed_at_ms == {10_000: 4}
    closing.appended(1, 13_000, 5)
    assert closing.closed_at_ms == {10_000: 4, 11_000: 5}


def test_a_scrape_is_read_by_metric_and_labels() -> None:
    """Samples are picked by name and label text; comments and other metrics are not."""
    scrape = Scrape(
        "# HELP longshore_records_total read\n"
        'longshore_records_total{topic="predictions"} 41\n'
        'longshore_records_total{topic="labels"} 5\n'
        "longshore_records_late_total 2\n"
    )
    assert scrape.total("longshore_records_total", 'predictions"') == 41
    assert scrape.total("longshore_records_total") == 46
    assert scrape.values("longshore_records_late_total") == [2.0]


def test_the_last_closed_window_is_known() -> None:
    """600,000 events are 120 s of event time; 5 s lateness leaves windows up to second 110."""
    assert last_window_end_s(600_000) % 60 == 50.0
