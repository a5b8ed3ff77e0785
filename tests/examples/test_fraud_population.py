"""The card payments without drift: rates, moments, habits, rhythm, labels and calibration."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest

from examples.fraud.chargebacks import WaitingLabels
from examples.fraud.drift import Change
from examples.fraud.payments import (
    LABEL_MAX_DAYS,
    LABEL_MEDIAN_DAYS,
    LABEL_SPREAD,
    START_MS,
    generate,
)
from examples.fraud.population import AMOUNT_SPREAD, COUNTRIES, MERCHANTS, TAIL_EXPONENT
from examples.fraud.rhythm import DAY_MS, HOUR_MS, HOURLY_SHARE, WEEK_MS, WEEKDAY_FACTOR, Rhythm
from examples.fraud.users import AWAY_SHARE, users_of
from tests.examples.fraud_streams import SEED, auc, calibration, payments

SCORE_EDGES: Final = (0.0005, 0.002, 0.01, 0.05, 0.2, 0.5)
MINUTE_MS: Final = 60_000


@pytest.fixture(scope="module")
def long() -> pl.DataFrame:
    """Enough payments for some thousands of frauds."""
    return payments(events=800_000)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rates_and_moments_hold_for_every_seed(seed: int) -> None:
    """Shares of merchants and countries as the tables say, amounts log-normal around their
    merchant's centre, latency as promised, and the share of fraud as asked for."""
    table = payments(events=200_000, seed=seed)
    shares = dict(table["mcc"].value_counts(normalize=True).iter_rows())
    assert all(shares[name] == pytest.approx(row[0], abs=0.004) for name, row in MERCHANTS.items())
    # Homes are drawn once per user, and the most active weigh most: hence the wider bound.
    places = dict(table["country"].value_counts(normalize=True).iter_rows())
    assert all(places[name] == pytest.approx(row[0], abs=0.02) for name, row in COUNTRIES.items())
    groceries = np.log(table.filter(pl.col("mcc") == "5411")["amount_to_usual"].to_numpy())
    middle = np.quantile(groceries, [0.25, 0.5, 0.75])
    assert middle[1] == pytest.approx(np.log(32.0 / 40.0), abs=0.02)
    assert middle[2] - middle[0] == pytest.approx(1.349 * AMOUNT_SPREAD, rel=0.05)
    assert table["latency_ms"].median() == pytest.approx(11.0, rel=0.02)
    assert table["label"].mean() == pytest.approx(0.004, rel=0.12)


@pytest.mark.parametrize("rate", [0.002, 0.01])
def test_the_share_of_fraud_is_the_one_asked_for(rate: float) -> None:
    """From 0.2 to 1 per cent, within what chance does."""
    table = payments(events=300_000, fraud_rate=rate)
    assert table["label"].mean() == pytest.approx(rate, rel=0.12)
    with pytest.raises(ValueError, match="fraud_rate must be"):
        payments(events=10, fraud_rate=0.5)


def test_amounts_have_the_tail_of_a_pareto_law(long: pl.DataFrame) -> None:
    """Beyond the log-normal body, over what the user and the merchant are used to, the largest
    follow a power law (Hill's estimator); and the mean lies well above the median."""
    centre = long["mcc"].replace_strict({name: row[2] for name, row in MERCHANTS.items()})
    relative = np.sort((long["amount_to_usual"] / centre).to_numpy())
    largest = relative[-len(relative) // 5000 :]
    hill = 1.0 / np.mean(np.log(largest / largest[0]))
    assert hill == pytest.approx(TAIL_EXPONENT, rel=0.25)
    amount = long["amount"].to_numpy()
    assert amount.mean() > 1.5 * np.median(amount)


def test_fraud_looks_different(long: pl.DataFrame) -> None:
    """Larger amounts, farther away, and at the web and the app; the model tells it well."""
    fraud, others = (long.filter(pl.col("label") == label) for label in (1, 0))
    assert fraud["amount"].median() > 2 * others["amount"].median()  # type: ignore[operator]
    for column, value in (("channel", "online"), ("country", "US")):
        share = [float((side[column] == value).mean()) for side in (fraud, others)]  # type: ignore[arg-type]
        assert share[0] > 2 * share[1]
    assert auc(long) > 0.9


def test_the_score_is_the_probability_of_fraud(long: pl.DataFrame) -> None:
    """In every bin of the score as much fraud as the scores add up to, by four standard
    deviations; the same measure sees it when the concept has drifted."""
    assert np.abs(calibration(long, SCORE_EDGES)).max() < 4.0
    drifted = payments(Change("concept", start=0.0, strength=0.5), events=200_000)
    assert np.abs(calibration(drifted, SCORE_EDGES)).max() > 8.0


def test_users_have_habits() -> None:
    """Few pay often and most seldom (Zipf), each at home mostly and on a scale of their own."""
    block = next(generate(SEED, 60_000))
    users = users_of(SEED)
    counts = np.bincount(block.user, minlength=len(users.scale))
    assert counts[:2000].sum() > 0.35 * counts.sum()
    assert (counts == 0).sum() > 1000
    away = float((block.country != users.home[block.user]).mean())
    assert 0.1 * AWAY_SHARE < away < AWAY_SHARE
    grocery = block.mcc == 0
    seen = np.corrcoef(np.log(block.value[grocery]), np.log(users.scale[block.user[grocery]]))[0, 1]
    assert seen > 0.3
    assert users_of(SEED + 1).unit[0] != users.unit[0]


def test_payments_come_as_a_poisson_process_in_the_rhythm_of_a_week() -> None:
    """Counts per minute scatter around the expected ones as Poisson counts do, by hour and by
    weekday; a Sunday has much less than a Saturday, and night less than noon."""
    rhythm, rng = Rhythm(START_MS, 0.5), np.random.default_rng(SEED)
    times = np.concatenate([rhythm.advance(rng, np.zeros(50_000)) for _ in range(10)])
    times = times[times < START_MS + WEEK_MS] - START_MS
    assert (np.diff(times) >= 0).all()
    expected_per_hour = np.outer(WEEKDAY_FACTOR, HOURLY_SHARE).ravel() * 0.5 * DAY_MS / 1000
    minutes = np.bincount(times // MINUTE_MS, minlength=7 * 24 * 60)
    expected = np.repeat(expected_per_hour / 60, 60)
    dispersion = float(((minutes - expected) ** 2 / expected).mean())
    # Of n Poisson counts of mean m it has the variance (2 + 1/m) / n.
    spread = float(np.sqrt((2.0 + (1.0 / expected)).mean() / len(minutes)))
    assert abs(dispersion - 1.0) < 4.0 * spread
    days = np.bincount(times // DAY_MS, minlength=7) / len(times) * 7
    assert days == pytest.approx(WEEKDAY_FACTOR, abs=0.02)
    hours = np.bincount(times // HOUR_MS % 24, minlength=24) / len(times)
    assert hours == pytest.approx(HOURLY_SHARE, abs=0.003)


def test_a_stream_may_begin_at_any_time_of_the_week() -> None:
    """The clock starts where the calendar is, not at the beginning of a week."""
    start_ms = START_MS + 3 * DAY_MS + 7 * HOUR_MS
    first = Rhythm(start_ms, 1.0).advance(np.random.default_rng(1), np.zeros(100))
    assert start_ms <= first[0] < start_ms + 60_000
    with pytest.raises(ValueError, match="rate_per_s"):
        Rhythm(start_ms, 0.0)


def test_labels_are_known_days_later(long: pl.DataFrame) -> None:
    """The logarithm of the delay is normal, up to the cut after which nobody disputes."""
    days = (long["label_ts"] - long["ts"]).to_numpy()[:50_000] / DAY_MS
    assert days.max() <= LABEL_MAX_DAYS
    assert np.median(days) == pytest.approx(LABEL_MEDIAN_DAYS, rel=0.03)
    below = days[days < LABEL_MAX_DAYS - 0.01]
    assert 0.001 < 1.0 - len(below) / len(days) < 0.004
    normal = np.log(below / LABEL_MEDIAN_DAYS) / LABEL_SPREAD
    assert kstest(normal, "norm").pvalue > 0.001


@pytest.mark.parametrize("labelled", ["chargebacks", "all", "none"])
def test_labels_come_in_their_own_order_and_only_for_whom_they_should(labelled: str) -> None:
    """Each label exactly once, in the order of its own time, none before that time has come;
    chargebacks are of fraud only."""
    table = payments(events=60_000, rate=0.02)
    waiting, parts = WaitingLabels(labelled), []  # type: ignore[arg-type]
    for piece in table.iter_slices(7_000):
        known = waiting.known_after(piece)
        assert len(known) == 0 or known["label_ts"].max() <= piece["ts"].max()  # type: ignore[operator]
        parts.append(known)
    early = sum(len(part) for part in parts)
    labels = pl.concat([*parts, waiting.rest()])
    assert labels["label_ts"].is_sorted()
    wanted = {"all": table, "none": table.clear()}.get(labelled, table.filter(pl.col("label") == 1))
    assert set(labels["event_id"]) == set(wanted["event_id"])
    assert len(labels) == len(wanted)
    assert labelled == "none" or 0 < early < len(labels)
    assert len(waiting) == 0
