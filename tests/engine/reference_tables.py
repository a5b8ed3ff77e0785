"""Training tables made from a seed, and the spec that profiles them."""

from __future__ import annotations

import numpy as np

from engine.profile import Profile, Provenance
from engine.profile_building import build_profile
from engine.reference_table import ReferenceTable
from engine.spec import Spec
from engine.spec_reading import read_spec

HOUR = 3_600_000
DAY = 24 * HOUR
MONDAY = 1_357_516_800_000
"""2013-01-07T00:00:00Z, a Monday."""
MADE_BY = Provenance(
    code_commit="c",
    data_sha256="sha256:d",
    data_rows=0,
    parameters={},
    seed=1,
    start_ms=0,
    end_ms=0,
)


def spec_of(features: str = "x: {type: numeric}", more: str = "") -> Spec:
    """A spec with windows of an hour, a day and a week; ``features`` is one line of YAML each."""
    lines = "".join(f"  {line}\n" for line in features.split("\n"))
    return read_spec(
        "model: m\nversion: v1\ninventory: {owner: risk}\ntime: {pane: 1m}\n"
        f"windows: [1h, 1d, 7d]\nfeatures:\n{lines}{more}"
    )


def table_of(days: int = 20, a_day: int = 1_000, seed: int = 7) -> ReferenceTable:
    """Rows spread evenly over the days: x swings with the day, c is text, some are missing."""
    random = np.random.default_rng(seed)
    rows = days * a_day
    ts_ms = MONDAY + np.arange(rows, dtype=np.int64) * (DAY // a_day)
    x = np.round(random.normal(size=rows) + (ts_ms // DAY % 5), 3)
    x[::50] = np.nan
    x[7::500] = np.inf
    texts = random.choice(["a", "b", "c", "d"], rows, p=[0.5, 0.3, 0.15, 0.05]).astype(object)
    texts[::40] = None
    return ReferenceTable(
        rows=rows,
        numeric={"x": x},
        categorical={"c": texts.tolist()},
        score=random.random(rows),
        decision=None,
        ts_ms=ts_ms,
    )


def shuffled(table: ReferenceTable, seed: int) -> ReferenceTable:
    """The same rows in another order."""
    order = np.random.default_rng(seed).permutation(table.rows)
    return ReferenceTable(
        rows=table.rows,
        numeric={name: column[order] for name, column in table.numeric.items()},
        categorical={
            name: [column[row] for row in order] for name, column in table.categorical.items()
        },
        score=None if table.score is None else table.score[order],
        decision=None if table.decision is None else table.decision[order],
        ts_ms=None if table.ts_ms is None else table.ts_ms[order],
        invalid_categories=table.invalid_categories,
    )


def profile_of(table: ReferenceTable, spec: Spec) -> Profile:
    """The profile of a table."""
    return build_profile(spec, table, MADE_BY)
