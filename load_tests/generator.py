"""Synthetic prediction events: seeded, drawn column by column, the same bytes for the same seed.

Rule.  An event is a function of (seed, block, row in the block) alone, so a stream cut into any
number of calls is the same stream.  Distributions are the usual ones of card payments: log-normal
amounts, exponential waiting times, Poisson counts, beta risks, Zipf-like categories.  Three
features (:data:`SHIFTING`) step by half a standard deviation every :data:`SHIFT_EVERY` events, so
that change detectors have something to find and their alarms can be compared between contenders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import orjson

from load_tests.event import CATEGORICAL, HISTOGRAM_BINS, MODEL, NUMERIC, VERSION

BLOCK_ROWS: Final = 4_096
"""Rows drawn at a time; part of the definition of the stream."""

DECIMALS: Final = 4
SHIFTING: Final = ("amount_to_mean", "merchant_risk", "utilisation")
SHIFT_EVERY: Final = 20_000
REFERENCE_BLOCK: Final = 1 << 40
"""Blocks from here on are the reference: same distributions, never a block of the stream."""

START_MS: Final = 1_767_571_200_000
"""2026-01-05T00:00:00Z, a Monday: where event time starts unless told otherwise."""

FloatArray = npt.NDArray[np.float64]

_LOG_NORMAL: Final = {
    "amount": (3.4, 1.1),
    "distance_home": (2.0, 1.3),
    "amount_1h": (3.8, 1.2),
    "amount_24h": (4.8, 1.0),
    "credit_limit": (8.3, 0.6),
    "balance": (7.0, 1.0),
}
_EXPONENTIAL: Final = {
    "account_age": 900.0,
    "card_age": 400.0,
    "device_age": 200.0,
    "distance_last": 12.0,
    "hours_since_last": 18.0,
}
_POISSON: Final = {"count_1h": 1.2, "count_24h": 6.5}
_BETA: Final = {
    "merchant_risk": (2.0, 9.0),
    "country_risk": (1.5, 12.0),
    "device_risk": (1.2, 14.0),
    "utilisation": (2.2, 4.0),
}
_MERCHANT_TYPES: Final = tuple(f"{4_000 + 37 * i}" for i in range(40))
_COUNTRIES: Final = (
    "DE",
    "FR",
    "NL",
    "BE",
    "AT",
    "CH",
    "IT",
    "ES",
    "PT",
    "PL",
    "CZ",
    "DK",
    "SE",
    "NO",
    "FI",
)
_VOCABULARY: Final = dict(zip(CATEGORICAL, (_MERCHANT_TYPES, _COUNTRIES), strict=True))
_LEVELS: Final = (0.0, 0.5, -0.5)
"""Offsets, in standard deviations, that a shifting feature takes in turn."""


@dataclass(frozen=True, slots=True)
class Columns:
    """One block: ``numeric[name]`` and ``score`` of shape (rows,), ``categorical[name]`` texts."""

    numeric: dict[str, FloatArray]
    categorical: dict[str, list[str]]
    score: FloatArray
    latency_ms: FloatArray


def _draw(name: str, random: np.random.Generator, rows: int) -> FloatArray:
    if name in _LOG_NORMAL:
        return random.lognormal(*_LOG_NORMAL[name], size=rows)
    if name in _EXPONENTIAL:
        return random.exponential(_EXPONENTIAL[name], size=rows)
    if name in _POISSON:
        return random.poisson(_POISSON[name], size=rows).astype(np.float64)
    if name in _BETA:
        return random.beta(*_BETA[name], size=rows)
    return random.normal(1.0, 0.4, size=rows)


def _zipf_shares(size: int) -> FloatArray:
    weights = 1.0 / np.arange(1.0, size + 1.0)
    shares: FloatArray = weights / weights.sum()
    return shares


def draw_block(seed: int, block: int, *, shifted: bool = True) -> Columns:
    """Block ``block`` of the stream ``seed``: BLOCK_ROWS rows.

    ``shifted`` False leaves the scripted steps out (the reference).
    """
    random = np.random.Generator(np.random.PCG64([seed, block]))
    numeric = {name: _draw(name, random, BLOCK_ROWS) for name in NUMERIC}
    if shifted:
        positions = block * BLOCK_ROWS + np.arange(BLOCK_ROWS)
        level = np.asarray(_LEVELS)[(positions // SHIFT_EVERY) % len(_LEVELS)]
        for name in SHIFTING:
            numeric[name] = numeric[name] + level * numeric[name].std()
    categorical = {
        name: [words[i] for i in random.choice(len(words), BLOCK_ROWS, p=_zipf_shares(len(words)))]
        for name, words in _VOCABULARY.items()
    }
    return Columns(
        numeric={name: np.round(values, DECIMALS) for name, values in numeric.items()},
        categorical=categorical,
        score=np.round(random.beta(1.2, 20.0, BLOCK_ROWS), DECIMALS),
        latency_ms=np.round(random.gamma(4.0, 3.0, BLOCK_ROWS), 1),
    )


def _encode_block(
    columns: Columns, models: tuple[str, ...], seed: int, first: int, ts_ms: list[int]
) -> list[bytes]:
    values = [columns.numeric[name].tolist() for name in NUMERIC]
    values += [columns.categorical[name] for name in CATEGORICAL]
    names = NUMERIC + CATEGORICAL
    rows = zip(
        ts_ms,
        columns.score.tolist(),
        columns.latency_ms.tolist(),
        zip(*values, strict=True),
        strict=False,
    )
    return [
        orjson.dumps(
            {
                "event_id": event_id(seed, first + i),
                "model": models[(first + i) % len(models)],
                "version": VERSION,
                "ts": ts,
                "features": dict(zip(names, row, strict=True)),
                "score": score,
                "decision": int(score >= 0.5),
                "latency_ms": latency_ms,
                "role": "champion",
                "segment": {"channel": "web"},
            }
        )
        for i, (ts, score, latency_ms, row) in enumerate(rows)
    ]


def event_id(seed: int, position: int) -> str:
    """The id, and so the Kafka key, of the event at ``position`` of stream ``seed``."""
    return f"{seed & 0xFFFF:04x}{position:012x}"


def stream(
    seed: int,
    events: int,
    events_per_second: float,
    *,
    start_ms: int = START_MS,
    models: tuple[str, ...] = (MODEL,),
) -> Iterator[tuple[int, list[bytes]]]:
    """The first ``events`` events as (position of the first, encoded events) block by block.

    ``events_per_second`` is a rate of event time: event i has ts start_ms + i / rate, and is of
    ``models[i % len(models)]``.
    """
    for block in range(-(-events // BLOCK_ROWS)):
        first = block * BLOCK_ROWS
        rows = min(BLOCK_ROWS, events - first)
        positions = np.arange(first, first + rows)
        ts_ms = (start_ms + positions * 1000 / events_per_second).astype(np.int64).tolist()
        yield first, _encode_block(draw_block(seed, block), models, seed, first, ts_ms)


def reference_columns(seed: int, rows: int) -> Columns:
    """``rows`` rows of training data: the same distributions without the steps."""
    blocks = [
        draw_block(seed, REFERENCE_BLOCK + i, shifted=False) for i in range(-(-rows // BLOCK_ROWS))
    ]
    return Columns(
        numeric={n: np.concatenate([b.numeric[n] for b in blocks])[:rows] for n in NUMERIC},
        categorical={n: [v for b in blocks for v in b.categorical[n]][:rows] for n in CATEGORICAL},
        score=np.concatenate([b.score for b in blocks])[:rows],
        latency_ms=np.concatenate([b.latency_ms for b in blocks])[:rows],
    )


def histogram_edges(reference: Columns) -> dict[str, list[float]]:
    """Inner edges of HISTOGRAM_BINS equal-probability bins per numeric feature."""
    shares = np.arange(1, HISTOGRAM_BINS) / HISTOGRAM_BINS
    return {
        name: np.quantile(values, shares).tolist() for name, values in reference.numeric.items()
    }
