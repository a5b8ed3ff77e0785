"""Card payments with scripted drift, for as long as wanted and always the same for the same seed.

    python -m examples.fraud.generate OUT --events 1000000 --drift population --strength 0.4

writes into the directory OUT

* ``reference.parquet``: the payments of ``--reference-days`` before the stream, without drift;
* ``predictions.ndjson.gz``: prediction events as a scoring service publishes them;
* ``labels.ndjson.gz``: whether each was fraud, known days later, in the order of their own ts.

Rules.

* Payments come as a Poisson-like stream of ``rate`` a second on average, in the rhythm of a day.
  The stream starts where the reference ends, at the same rate, so that volumes compare.
* A drift begins after the share ``start`` of the stream and has its full ``strength`` when a
  further share ``ramp`` has passed; what a strength means stands at :data:`KINDS`.
* Payments are drawn in blocks of BLOCK, each from a generator of its own, seeded with (seed,
  stream, block).  The same arguments give the same bytes, and a payment does not depend on how many
  follow it as long as no drift is scripted.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np
import polars as pl

from examples.fraud.population import (
    COUNTRIES,
    DEVICES,
    HOURLY_SHARE,
    MERCHANTS,
    MISSING,
    REMOTE_DEVICES,
    RISKY_MERCHANTS,
    Floats,
    Integers,
    Payments,
    Row,
    amounts,
    categories,
    in_cents,
    probability,
    risk,
)
from examples.fraud.tables import frame, label_lines, prediction_lines

BLOCK: Final = 65_536
"""Payments drawn at once; a part of the format, as every block has its own random numbers."""
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
START_MS: Final = 1_767_225_600_000
"""2026-01-01, a Thursday: weeks aligned to the epoch begin on Thursdays."""
LABEL_MEAN_DAYS: Final = 6.0
LABEL_MAX_DAYS: Final = 60.0
STREAM, REFERENCE = 0, 1
"""Which of the two sequences of random numbers a seed is used for."""
KINDS: Final = {
    "amount": "amounts are 1 + strength times as large",
    "merchants": "so large a share of the payments turns to another mix of merchant categories",
    "countries": "so large a share turns to another mix of countries",
    "devices": "so large a share turns from the card to apps and the web",
    "population": "all four at once",
    "concept": "fraud moves: the logit of remote payments at risky merchants rises by so much, and "
    "the score does not know",
    "missing": "so large a share has neither country nor device",
    "rescaled": "so large a share has its amount in cents",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """A scripted drift: one of KINDS, and when it comes, in shares of the stream."""

    kind: str
    start: float = 0.5
    strength: float = 0.3
    ramp: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such drift: {self.kind!r}; there are {', '.join(KINDS)}")
        if not (0.0 <= self.start <= 1.0 and self.ramp >= 0.0 and self.strength >= 0.0):
            raise ValueError("start is a share of the stream, ramp and strength are not negative")

    def strengths(self, place: Floats, *kinds: str) -> Floats:
        """How far a drift of these kinds has come at places of the stream (0 to 1)."""
        if self.kind not in kinds:
            return np.zeros(len(place))
        passed = place - self.start
        share = np.clip(passed / self.ramp, 0.0, 1.0) if self.ramp else (passed >= 0).astype(float)
        return np.asarray(self.strength * share, dtype=np.float64)


NO_DRIFT: Final = Drift("amount", strength=0.0)


def generate(
    seed: int,
    events: int,
    start_ms: int = START_MS,
    rate_per_s: float = 1.0,
    drift: Drift = NO_DRIFT,
    stream: int = STREAM,
) -> Iterator[Payments]:
    """Blocks of at most BLOCK payments in order of time, ``events`` in all.

    Raises ValueError when ``events`` is negative or ``rate_per_s`` not positive.
    """
    if events < 0 or not rate_per_s > 0.0:
        raise ValueError("events must not be negative, and rate_per_s must be positive")
    for first in range(0, events, BLOCK):
        rng = np.random.default_rng([seed, stream, first // BLOCK])
        # Whole blocks are drawn, so that a longer stream starts with the shorter one.
        index = np.arange(first, first + BLOCK)
        block = _draw(rng, index, _times(rng, index, start_ms, rate_per_s), events, drift)
        yield block if first + BLOCK <= events else _head(block, events - first)


def _times(rng: np.random.Generator, index: Integers, start_ms: int, rate_per_s: float) -> Integers:
    """Event times: evenly spaced in the day's own rhythm, each moved within its own interval."""
    days = (index + rng.random(len(index))) / (rate_per_s * DAY_MS / 1000)
    passed = np.concatenate([[0.0], np.cumsum(HOURLY_SHARE)])
    hours = np.interp(days % 1.0, passed, np.arange(25.0))
    passed_ms = np.floor(days) * DAY_MS + hours * HOUR_MS
    return np.asarray(start_ms + passed_ms.astype(np.int64), dtype=np.int64)


def _draw(
    rng: np.random.Generator, index: Integers, ts_ms: Integers, events: int, drift: Drift
) -> Payments:
    place = index / max(1, events)
    size = len(index)
    hour = ts_ms // HOUR_MS % 24
    mcc = categories(rng, MERCHANTS, drift.strengths(place, "merchants", "population"))
    country = categories(rng, COUNTRIES, drift.strengths(place, "countries", "population"))
    device = categories(rng, DEVICES, drift.strengths(place, "devices", "population"))
    amount = in_cents(amounts(rng, mcc) * (1.0 + drift.strengths(place, "amount", "population")))
    truth = risk(amount, mcc, country, device, hour)
    remote = np.isin(device, _codes(DEVICES, REMOTE_DEVICES))
    risky = np.isin(mcc, _codes(MERCHANTS, RISKY_MERCHANTS))
    truth = truth + drift.strengths(place, "concept") * (remote & risky)
    fraud = rng.random(size) < probability(truth)
    damaged = rng.random(size)
    lost = damaged < drift.strengths(place, "missing")
    country, device = np.where(lost, MISSING, country), np.where(lost, MISSING, device)
    amount = np.where(damaged < drift.strengths(place, "rescaled"), amount * 100.0, amount)
    delay_days = np.minimum(rng.exponential(LABEL_MEAN_DAYS, size), LABEL_MAX_DAYS)
    return Payments(
        ts_ms=ts_ms,
        amount=amount,
        mcc=mcc,
        country=country,
        device=device,
        hour=hour,
        score=probability(risk(amount, mcc, country, device, hour)).round(5),
        fraud=fraud,
        label_ts_ms=ts_ms + (delay_days * DAY_MS).astype(np.int64),
    )


def _codes(table: Mapping[str, Row], names: tuple[str, ...]) -> list[int]:
    return [list(table).index(name) for name in names]


def _head(block: Payments, size: int) -> Payments:
    return Payments(*(getattr(block, name)[:size] for name in Payments.__slots__))


def write_reference(path: Path, seed: int, days: int, rate_per_s: float) -> int:
    """Write ``days`` of payments before START_MS + days as parquet; give how many they are."""
    events = int(days * DAY_MS / 1000 * rate_per_s)
    blocks = generate(seed, events, START_MS, rate_per_s, stream=REFERENCE)
    tables = [frame(block, seed, place * BLOCK) for place, block in enumerate(blocks)]
    table = pl.concat(tables).with_columns(pl.format("reference-{}", "event_id").alias("event_id"))
    times = pl.col("ts", "label_ts").cast(pl.Datetime("ms", "UTC"))
    table.with_columns(times).write_parquet(path, compression="zstd")
    return events


@click.command()
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--events", default=1_000_000, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=7, show_default=True, type=click.IntRange(0))
@click.option(
    "--rate",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Payments a second of event time.",
)
@click.option("--reference-days", default=21, show_default=True, type=click.IntRange(1, 366))
@click.option(
    "--drift", "kind", type=click.Choice(list(KINDS)), help="What drifts; without, nothing."
)
@click.option(
    "--start",
    default=0.5,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of the stream before the drift.",
)
@click.option("--strength", default=0.3, show_default=True, type=click.FloatRange(0))
@click.option(
    "--ramp",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Share of the stream until it has its full strength; 0 is at once.",
)
def main(  # noqa: PLR0913, PLR0917 - one argument per option
    out: Path,
    events: int,
    seed: int,
    rate: float,
    reference_days: int,
    kind: str | None,
    start: float,
    strength: float,
    ramp: float,
) -> None:
    """Write reference, predictions and labels into the directory OUT."""
    out.mkdir(parents=True, exist_ok=True)
    rows = write_reference(out / "reference.parquet", seed, reference_days, rate)
    click.echo(f"reference.parquet: {rows} payments")
    drift = Drift(kind, start, strength, ramp) if kind else NO_DRIFT
    begins_ms = START_MS + reference_days * DAY_MS
    labels = []
    # Without a name and a time in the header, the same events are the same bytes.
    with (
        (out / "predictions.ndjson.gz").open("wb") as file,
        gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
        click.progressbar(length=events, label="predictions") as bar,
    ):
        for place, block in enumerate(generate(seed, events, begins_ms, rate, drift)):
            table = frame(block, seed, place * BLOCK)
            packed.write(prediction_lines(table))
            labels.append(table.select("event_id", "label", "label_ts"))
            bar.update(len(table))
    known = pl.concat(labels).sort("label_ts", maintain_order=True)
    with (
        (out / "labels.ndjson.gz").open("wb") as file,
        gzip.GzipFile("", "wb", 1, file, mtime=0) as packed,
    ):
        for part in known.iter_slices(BLOCK):
            packed.write(label_lines(part))
    click.echo(f"{events} payments, {int(known['label'].sum())} of them fraud")


if __name__ == "__main__":
    main()
