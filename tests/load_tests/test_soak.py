"""The soak's arithmetic: a slope with its interval, and a verdict that can say no."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from load_tests.running_worker import Scrape
from load_tests.soak.report import draw, page
from load_tests.soak.run import Found, Plan
from load_tests.soak.samples import Sample, delay_quantile, read_sample
from load_tests.soak.slope import slope
from load_tests.soak.verdict import judge

SECONDS = 1_800
EVERY_S = 5
RATE = 100.0


def sample(at_s: float, **changed: float) -> Sample:
    """A reading of a worker that is flat."""
    count = int(at_s * RATE)
    flat = Sample(
        at_s=at_s,
        rss_bytes=200_000_000,
        pss_bytes=190_000_000,
        uss_bytes=180_000_000,
        descriptors=40,
        threads=12,
        cpu_s=at_s / 10,
        sent=count,
        records=count,
        lag=10,
        delays=int(at_s),
        delay_total_s=at_s / 4,
        snapshots=int(at_s / 2),
        snapshot_bytes=int(at_s) * 1_000,
        snapshot_s=at_s / 100,
        collections=int(at_s),
    )
    return replace(flat, **changed)


def found(samples: list[Sample]) -> Found:
    """A soak of these readings in which every event was counted."""
    sent = int(SECONDS * RATE)
    return Found(
        Plan(SECONDS, RATE, EVERY_S, 1),
        samples,
        sent=sent,
        heartbeats=4,
        records=sent + 4,
        tallied=sent,
        in_windows=sent,
        delays=[(0.5, 90), (1.0, 100), (float("inf"), 100)],
    )


TIMES = [float(at) for at in range(0, SECONDS, EVERY_S)]


def test_a_slope_is_found_with_its_interval() -> None:
    """A line through noise: the interval holds the truth and excludes what is far away."""
    noise = np.random.default_rng(1).normal(0.0, 2.0, len(TIMES))
    line = slope(TIMES, [at * 20 / 3600 + each for at, each in zip(TIMES, noise, strict=True)])
    assert line.low < 20 < line.high
    assert 15 < line.per_hour < 25
    assert line.grows(5.0)
    assert not line.grows(30.0)
    with pytest.raises(ValueError, match="a slope needs"):
        slope([0.0, 1.0], [0.0, 0.0])


def test_a_wandering_value_has_a_wide_interval() -> None:
    """Readings that depend on one another say less than their number."""
    steps = np.random.default_rng(2).normal(0.0, 1.0, len(TIMES))
    noise = np.random.default_rng(3).permutation(np.cumsum(steps))
    wandering, shuffled = slope(TIMES, list(np.cumsum(steps))), slope(TIMES, list(noise))
    assert wandering.high - wandering.low > 2 * (shuffled.high - shuffled.low)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, None),
        ({"rss_bytes": lambda at: 2e8 + at * 10e6 / 3600}, "RSS grows by 10.0 MB/h"),
        ({"descriptors": lambda at: 40 + int(at) // 200}, "descriptors grew from 44 to 48"),
        ({"descriptors": lambda at: 40 + 9 * (at == 1_500)}, None),
        ({"threads": lambda at: 12 + 4 * (at > 1_600)}, "threads grew from 12 to 16"),
        ({"lag": lambda at: 1_001 * (at == 1_500)}, "the lag reached 1,001 records"),
    ],
)
def test_what_is_not_flat_is_said(changed: dict[str, object], fault: str | None) -> None:
    """Each criterion by itself."""
    readings = [sample(at, **{name: of(at) for name, of in changed.items()}) for at in TIMES]  # type: ignore[operator]
    verdict = judge(found(readings))
    assert verdict.flat is (fault is None)
    assert fault is None or verdict.faults[0].startswith(fault)


def test_one_event_lost_is_not_flat() -> None:
    """Tallied but in no window counts as lost."""
    lost = found([sample(at) for at in TIMES])
    lost.in_windows -= 1
    assert "179,999 in windows" in judge(lost).faults[0]


def test_the_page_has_the_figures_and_the_plot_is_drawn(tmp_path: Path) -> None:
    """Delays are told as bounds of buckets."""
    flat = found([sample(at) for at in TIMES])
    text = page(flat, judge(flat), "soak.svg", "2 cores")
    assert "**Flat.**" in text
    assert "| events published | 180,000 |" in text
    assert "p50 <= 0.5 s, p99 <= 1 s" in text
    assert max(map(len, text.splitlines())) <= 100
    draw(flat, tmp_path / "soak.svg")
    assert "<svg" in (tmp_path / "soak.svg").read_text()


def test_a_reading_is_of_a_real_process() -> None:
    """The interpreter that runs this, with metrics that say little."""
    text = 'longshore_records_total{topic="predictions"} 7\nlongshore_snapshots_total 2\n'
    own = read_sample(os.getpid(), Scrape(text), 1.0, 9)
    assert own.rss_bytes >= own.uss_bytes > 1_000_000
    assert own.descriptors > 2
    assert own.threads >= 1
    assert (own.records, own.snapshots, own.sent) == (7, 2, 9)
    assert np.isnan(delay_quantile([], 0.5))
