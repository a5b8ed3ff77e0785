"""One budget: how it is divided, which features it calls moved, what of it was spent."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from scipy.stats import chi2

from engine.budget_shares import sections, window_share
from engine.budget_spent import MAX_PAGES, NANO, SpentBudget
from engine.discoveries import discovery_alpha
from engine.effects import Publish
from engine.spec_reading import read_spec
from engine.tail_size import MIN_TAIL_BLOCKS, mean_excess, tail_blocks, tail_size
from engine.window_judging import least_values
from tests.engine.models import (
    HOUR,
    START,
    batch,
    beat,
    model_of,
    raw,
    reference,
    run,
    spec_text,
    trees,
)

DAY = 24 * HOUR


def test_the_shares_add_up_to_the_budget() -> None:
    """Over sections, lengths of windows and windows of the period, whatever is switched off."""
    for more in ({}, {"quality": "null"}):
        spec = read_spec(spec_text(budget="{false_pages: 3, per: 10d}", **more))
        spent = sum(
            window_share(spec, window, len(spec.windows)) * spec.budget.per_ms / window.length_ms
            for window in spec.windows
        )
        assert spent * sections(spec) == pytest.approx(3.0)


def naive_discoveries(chances: list[float], alpha: float) -> float:
    """The largest k by trying every one."""
    ranks = [k for k in range(1, len(chances) + 1) if sum(p <= k * alpha for p in chances) >= k]
    return min(max(ranks, default=1) * alpha, 0.05)


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    """Bonferroni's threshold where at most one moved, k times as much where k did, but never more
    than one comparison may have; what is no number takes no part, wherever it stands."""
    assert discovery_alpha([0.4] * 20, 0.025) == 0.05
    for nan_at in range(3):
        assert discovery_alpha(np.insert([0.015, 0.02], min(nan_at, 2), np.nan), 0.01) == 0.02
    assert discovery_alpha([], 0.01) == 0.01
    assert discovery_alpha([0.5, 0.02], 0.01) == 0.01
    assert discovery_alpha([0.015, 0.02, 0.9], 0.01) == pytest.approx(0.02)
    random = np.random.default_rng(3)
    for _ in range(200):
        chances = (random.random(12) ** 4).tolist()
        assert discovery_alpha(chances, 0.01) == pytest.approx(naive_discoveries(chances, 0.01))


def test_no_more_windows_are_called_than_their_share() -> None:
    """Of independent features that did not move, and of copies of one."""
    random = np.random.default_rng(4)
    share, features, windows = 0.05, 50, 4_000
    for p in (random.random((windows, features)), np.repeat(random.random((windows, 1)), 50, 1)):
        called = sum(min(row) <= discovery_alpha(row, share / features) for row in p.tolist())
        assert called / windows < share + 3 * np.sqrt(share / windows)


def days_of(blocks: int, a_day: int) -> np.ndarray:
    """The day of each block."""
    return np.arange(blocks) // a_day


def test_the_size_of_a_chi_square_is_found_again() -> None:
    """Blocks that follow chi2 / w are worth about w, a little less for the bootstrap's bound."""
    psi = chi2.rvs(9, size=2_000, random_state=5) / 120.0
    found = tail_size(psi, days_of(2_000, 24), 9)
    assert found is not None
    assert 95.0 < found < 125.0


def test_a_stormy_day_makes_windows_worth_less() -> None:
    """Two wild days of sixty: the mean hardly says so, the tail does; the p-value of what the wild
    days do is then as frequent as it says."""
    psi = chi2.rvs(9, size=60 * 24, random_state=6) / 120.0
    wild = psi.copy()
    wild[: 2 * 24] *= 6.0
    usual, found = (tail_size(each, days_of(60 * 24, 24), 9) for each in (psi, wild))
    assert usual is not None
    assert found is not None
    assert found < usual / 2
    chances = chi2.sf(wild * found, 9)
    for alpha in (1e-2, 1e-3):
        assert (chances <= alpha).mean() <= alpha * 1.5


def test_too_few_blocks_have_no_tail() -> None:
    """Of few blocks, few days, or a single bin the closed form holds; unusable blocks do not count;
    the same blocks give the same size."""
    psi = chi2.rvs(4, size=200, random_state=7) / 50.0
    assert tail_size(psi[: MIN_TAIL_BLOCKS - 1], days_of(MIN_TAIL_BLOCKS - 1, 1), 4) is None
    assert tail_size(psi, days_of(200, 100), 4) is None
    assert tail_size(psi, days_of(200, 10), 0) is None
    gaps = psi.copy()
    gaps[5:] = np.nan
    assert tail_size(gaps, days_of(200, 10), 4) is None
    assert tail_size(np.zeros(200), days_of(200, 10), 4) is None
    assert tail_size(psi, days_of(200, 10), 4) == tail_size(psi.copy(), days_of(200, 10), 4)


def test_the_mean_excess_of_a_chi_square() -> None:
    """By formula as by integration; 2 where doubles end."""
    for at, freedom in ((0.0, 5), (11.0, 5), (40.0, 9)):
        x = chi2.rvs(freedom, size=400_000, random_state=8) if at < 20 else None
        if x is not None:
            assert mean_excess(at, freedom) == pytest.approx((x[x > at] - at).mean(), rel=0.03)
    assert mean_excess(1e5, 3) == 2.0


def test_blocks_are_grouped_by_days_or_longer() -> None:
    """Hours into days, weeks into themselves; folds are stretches of time."""
    hours = tail_blocks(np.arange(20 * 24) * HOUR, HOUR, DAY)
    assert np.unique(hours.units).tolist() == list(range(20))
    assert (np.diff(hours.folds) >= 0).all()
    assert len(np.unique(hours.folds)) == 10
    weeks = tail_blocks(np.arange(8) * 7 * DAY, 7 * DAY, DAY)
    assert weeks.units.tolist() == list(range(8))
    minutes = tail_blocks(np.arange(30 * 1440, dtype=np.int64) * 60_000, 60_000, DAY)
    assert len(minutes.chosen) <= 10_000
    assert len(np.unique(minutes.units)) == 6


def test_a_profile_with_times_knows_its_tail_and_says_so() -> None:
    """The judgement names the way; a profile from a table without times has the closed form."""
    text = spec_text(windows="[1h]", retraining="{rules: {}}")
    timed = model_of(text, reference(rows=3_000, step_ms=6 * 60_000 * 10))
    closed = model_of(text, reference(rows=3_000))
    values = [raw(i, START + i * 1000) for i in range(40)]
    told = {}
    for name, model in (("timed", timed), ("closed", closed)):
        out, _ = run([model], 1, [batch([*values, beat(START + 3 * HOUR)])])
        told[name] = trees(out, "judgements")[0]["conventions"]
    assert told["closed"]["calibration"] == "closed form"
    assert told["closed"]["significance_of_features"] >= told["closed"]["significance"] * 0.999
    assert least_values(timed.profile) == 30
    assert least_values(closed.profile) == 0
    hourly = model_of(text, reference(rows=30_000, step_ms=60_000))
    own = hourly.profile.features["x"].own["1h"]
    assert own.tail_size is not None
    assert own.worth == min(own.tail_size, own.effective_size)
    out, _ = run([hourly], 1, [batch([*values, beat(START + 3 * HOUR)])])
    assert trees(out, "judgements")[0]["conventions"]["calibration"] == "profile"


def alert(severity: str, state: str = "open", **more: object) -> Publish:
    """An alert record."""
    return Publish("alerts", b"m", orjson.dumps({"severity": severity, "state": state, **more}))


class Looked:
    """A window as far as the budget looks at it."""

    def __init__(self, end_ms: int, window: str = "1m", events: int = 5) -> None:
        self.model = model_of()
        self.end_ms, self.events = end_ms, events
        self.window = self.model.spec.window(window)


def test_what_was_spent_and_told_is_remembered() -> None:
    """Each look at a window that a rule reads spends its share; only what somebody hears is a page;
    pages older than the budget's period are forgotten, the total is not."""
    spent, look = SpentBudget(), Looked(START)
    spec = look.model.spec
    per_section = window_share(spec, look.window, 2)
    spent.note(look, [])  # type: ignore[arg-type]
    assert spent.nano_pages == round(NANO * per_section * 1)
    spent.note(Looked(START, events=0), [])  # type: ignore[arg-type]
    assert spent.nano_pages == round(NANO * per_section * 1)
    said = [
        alert("WARNING"),
        alert("INFO"),
        alert("CRITICAL", "escalated"),
        alert("WARNING", "resolved"),
        alert("WARNING", muted={"reason": "known"}),
    ]
    spent.note(look, said)  # type: ignore[arg-type]
    assert spent.pages == 2
    assert spent.within(START + 1, spec.budget.per_ms) == 2
    late = Looked(START + spec.budget.per_ms)
    spent.note(late, [alert("WARNING")] * (MAX_PAGES + 5))  # type: ignore[arg-type]
    assert spent.pages == MAX_PAGES + 7
    assert set(spent.page_ends_ms) == {late.end_ms}
    assert len(spent.page_ends_ms) == MAX_PAGES
