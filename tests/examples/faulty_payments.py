"""The payments of examples/fraud with faults put in by its own generator, through the whole engine.

Rule.  The generator makes every draw whether a change needs it or not, so payment i of a faulty
stream is payment i of the sound one: a stream with a fault for some hours is the sound one with
those hours of the other in their place.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from engine.model import MonitoredModel, build_model
from engine.profile_building import build_profile
from engine.spec_reading import read_spec
from examples.fraud.drift import Change
from examples.fraud.generate import SPEC, write_reference
from examples.fraud.payments import BLOCK, START_MS, generate
from examples.fraud.rhythm import DAY_MS, HOUR_MS
from examples.fraud.tables import frame
from examples.fraud.users import users_of
from streams.replay import Source, replay
from streams.tables import read_table
from tests.engine.reference_tables import MADE_BY
from tests.examples.faulty_flights import Records, records_in

SEED: Final = 23
RATE: Final = 0.12
"""Payments a second: some ten thousand a day, twenty in the quietest hour."""
REFERENCE_DAYS: Final = 15
DAYS: Final = 10
EVENTS: Final = round(DAYS * DAY_MS / 1000 * RATE * 1.1)
"""More than so many days hold, whatever their weekdays; what is later is cut off."""
BEGINS_MS: Final = START_MS + REFERENCE_DAYS * DAY_MS
Span = tuple[float, float]
"""From and until, hours after the stream began."""


@cache
def payments_model(folder: Path, *, window: str, pane: str = "4m") -> MonitoredModel:
    """The example's, in windows of an hour and a day; a single cause that drifts asks for
    retraining, in two of three windows of this length.  ``folder`` has room for the reference."""
    text = SPEC.read_text(encoding="utf-8")
    changes = {
        "[5m, 1h, 7d]": "[{length: 1h, judge_every: 1h}, {length: 1d, judge_every: 1d}]",
        "pane: 10s": f"pane: {pane}",
        "[predictions, labels]": "[predictions]",
        "features: 3, window: 1h": f"features: 1, window: {window}",
        "amount_to_usual: {": "amount_to_usual: {upstream: [amount], ",
    }
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    for line in ("label:", "    volume:", "  costs:", "    false_positive:", "    false_negative:"):
        text = "".join(x for x in text.splitlines(keepends=True) if not x.startswith(line))
    spec, table = read_spec(text), folder / "reference.parquet"
    if not table.exists():
        write_reference(table, SEED, REFERENCE_DAYS, RATE)
    return build_model(spec, build_profile(spec, read_table(table, spec), MADE_BY))


@cache
def payments(*changes: Change) -> pl.DataFrame:
    """DAYS of payments; each change from the first one on."""
    users = users_of(SEED)
    blocks = generate(SEED, EVENTS, BEGINS_MS, RATE, changes)
    table = pl.concat(frame(block, users, SEED, n * BLOCK) for n, block in enumerate(blocks))
    return table.filter(pl.col("ts") < BEGINS_MS + DAYS * DAY_MS)


def scripted(*parts: tuple[Span, tuple[Change, ...]]) -> pl.DataFrame:
    """The payments with these changes in these spans, which do not overlap, and without any
    elsewhere."""
    rest, found = pl.lit(value=True), []
    for (start, end), changes in parts:
        bounds = (BEGINS_MS + round(hour * HOUR_MS) for hour in (start, end))
        inside = pl.col("ts").is_between(*bounds, closed="left")
        found.append(payments(*changes).filter(inside))
        rest &= ~inside
    return pl.concat([payments().filter(rest), *found]).sort("event_id")


def said_of_payments(model: MonitoredModel, table: pl.DataFrame, folder: Path) -> Records:
    """What the engine says of them: records by topic, judgements of revision 0."""
    path = folder / "payments.parquet"
    table.drop("label", "label_ts").with_columns(
        pl.col("ts").cast(pl.Datetime("ms", "UTC"))
    ).write_parquet(path)
    replay([model], [Source("predictions", path, model.spec)], 1, folder)
    return records_in(folder)
