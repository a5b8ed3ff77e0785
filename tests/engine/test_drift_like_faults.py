"""Real changes that look like faults among valid values: one trigger, and no alert on data.

Each is held against the rule that it would pass for; free and dear payments, which nobody can tell
from faults, stand in docs/quality-of-data.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
import orjson
import pytest

from engine.model import MonitoredModel
from engine.reference_table import ReferenceTable
from tests.engine.models import MINUTE, START, batch, beat, event, model_of, run, spec_text, trees
from tests.engine.reference_tables import MONDAY

Columns = dict[str, np.ndarray[Any, np.dtype[np.float64]]]
ROWS: Final = 8_000
A_MINUTE: Final = 400
MINUTES: Final = 7
MOVED_FROM: Final = 3
RULES: Final = (
    "{cooldown: 30m, rules: {psi_features: "
    "{above: 0.2, features: 1, window: 1m, at_least: 2, of_last: 3}}}"
)
FEATURES: Final = ("celsius", "balance", "visits", "discount", "price", "tariff")


def drawn(seed: int, rows: int) -> Columns:
    """A temperature and a balance about zero, a count, a discount that most do not have, and two
    prices."""
    rng = np.random.default_rng(seed)
    return {
        "celsius": np.round(rng.normal(-2.0, 5.0, rows), 1),
        "balance": np.round(rng.normal(300.0, 800.0, rows), 2),
        "visits": rng.poisson(2.0, rows).astype(np.float64),
        "discount": np.where(rng.random(rows) < 0.6, 0.0, np.round(rng.lognormal(1, 0.7, rows), 2)),
        "price": np.round(rng.lognormal(3.0, 0.6, rows), 2),
        "tariff": np.round(rng.uniform(10.0, 60.0, rows), 2),
    }


@cache
def model(*, timed: bool) -> MonitoredModel:
    """Its training rows are drawn as the stream is."""
    features = "\n" + "".join(f"  {name}: {{type: numeric, bins: 10}}\n" for name in FEATURES)
    text = spec_text(windows="[1m]", features=features, retraining=RULES, quality="{window: 1m}")
    times = MONDAY + np.arange(ROWS, dtype=np.int64) * (MINUTE // A_MINUTE)
    table = ReferenceTable(
        rows=ROWS, numeric=drawn(1, ROWS), categorical={}, ts_ms=times if timed else None
    )
    return model_of(text, table)


def said(moved: Columns, *, timed: bool) -> tuple[list[str], int]:
    """Causes of alerts, and triggers, of a stream that has these columns from MOVED_FROM on."""
    calm, later = drawn(2, A_MINUTE * MOVED_FROM), drawn(3, A_MINUTE * (MINUTES - MOVED_FROM))
    later |= moved
    rows = zip(*(np.concatenate((calm[n], later[n])).tolist() for n in FEATURES), strict=True)
    values = [
        orjson.dumps(
            event(
                i,
                START + i * (MINUTE // A_MINUTE),
                features=dict(zip(FEATURES, row, strict=True)),
                score=...,
                decision=0,
            )
        )
        for i, row in enumerate(rows)
    ]
    end = beat(START + (MINUTES + 2) * MINUTE)
    out, _ = run([model(timed=timed)], 1, [batch([*values, end])])
    causes = [alert["cause"] for alert in trees(out, "alerts")]
    return causes, len(trees(out, "retraining-triggers"))


Draw = Callable[[np.random.Generator, int], Columns]
DRIFTS: Final[dict[str, Draw]] = {
    "spring": lambda rng, n: {"celsius": np.round(rng.normal(2.0, 5.0, n), 1)},
    "debts": lambda rng, n: {"balance": np.round(rng.normal(-400.0, 900.0, n), 2)},
    "fewer visits": lambda rng, n: {"visits": rng.poisson(1.0, n).astype(np.float64)},
    "more visits": lambda rng, n: {"visits": rng.poisson(5.0, n).astype(np.float64)},
    "no more discounts": lambda rng, n: {
        "discount": np.where(rng.random(n) < 0.9, 0.0, np.round(rng.lognormal(1, 0.7, n), 2))
    },
    "twice the price": lambda rng, n: {"price": np.round(2.0 * rng.lognormal(3.0, 0.6, n), 2)},
    "one kind of customer": lambda rng, n: {"tariff": np.round(rng.normal(30.0, 1.0, n), 2)},
    "two kinds": lambda rng, n: {
        "tariff": np.round(rng.normal(np.where(rng.random(n) < 0.5, 20.0, 50.0), 1.0), 2)
    },
}


@pytest.mark.parametrize("timed", [False, True], ids=["without times", "with times"])
@pytest.mark.parametrize("name", list(DRIFTS))
def test_a_real_change_asks_once_and_is_no_fault(name: str, *, timed: bool) -> None:
    """Whether or not the training table has times."""
    moved = DRIFTS[name](np.random.default_rng(5), A_MINUTE * (MINUTES - MOVED_FROM))
    assert said(moved, timed=timed) == (["data_drift"], 1)


def test_a_stream_like_the_training_rows_says_nothing() -> None:
    """With either table."""
    assert said({}, timed=False) == ([], 0)
    assert said({}, timed=True) == ([], 0)
