"""What there is to measure, in pieces that can be done one by one and resumed.

Rule.  A cell is one stream with all detectors on it, or one stretch of the whole judge.  Its name
says what it is, its result depends on its name and on the code alone, and so a run that was
interrupted goes on with the cells that it lacks and ends with the same file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from load_tests.quality import whole_judge
from load_tests.quality.alarming import (
    BOTH,
    WINDOW_ROWS,
    StatisticAlarms,
    estimator_alarms,
    with_baselines,
)
from load_tests.quality.columns import Columns
from load_tests.quality.injections import KINDS, MEDIUM_KINDS, inject
from load_tests.quality.measured import numeric_model
from load_tests.quality.real_data import DATASETS, real_data
from load_tests.quality.river_streams import FAMILIES, ROWS, WARM_ROWS, river_stream
from load_tests.quality.river_streams import KINDS as CHANGES
from load_tests.quality.scoring import Score, score

INJECTED = 3
"""The sequence of random numbers; the whole judge has its own."""
STILL_TIMES = 5
"""A stream of real rows without an injection is so many times as long as one with it."""
Group = str
"""What watches what: ``estimators/losses``, ``estimators/features`` or ``statistics``."""
Scores = dict[Group, dict[str, Score]]
"""Group -> detector -> its score."""


class Plan(msgspec.Struct, frozen=True):
    """How much is measured."""

    seeds: int = 5
    """Streams of each kind."""
    months: int = 10
    """Months of each table without change, for the judge as a whole."""
    rows: int = ROWS
    warm_rows: int = WARM_ROWS
    hours_per_month: int = whole_judge.HOURS_PER_MONTH
    datasets: tuple[str, ...] = DATASETS
    families: tuple[str, ...] = FAMILIES


Cell = tuple[str, ...]
"""``("river", family, kind, seed)``, ``("injected", table, kind, strength, seed)``, ``("judged",
table, kind, strength, seed)``, ``("still", table, seed)`` or ``("medium", table, kind, seed)``; an
injection of strength 0 is none."""


def cells_of(plan: Plan) -> Iterator[Cell]:
    """All cells, those of one seed together, so that a run cut short has whole seeds."""
    for seed in map(str, range(plan.seeds)):
        for family in plan.families:
            yield from (("river", family, kind, seed) for kind in CHANGES)
        for table in plan.datasets:
            yield ("injected", table, "none", "0", seed)
            for kind, injection in KINDS.items():
                for strength in injection.strengths:
                    yield ("injected", table, kind, f"{strength:g}", seed)
                    yield ("judged", table, kind, f"{strength:g}", seed)
            yield from (("medium", table, kind, seed) for kind in MEDIUM_KINDS)
    for seed in map(str, range(plan.months)):
        yield from (("still", table, seed) for table in plan.datasets)


def measure(cell: Cell, plan: Plan) -> Any:  # noqa: ANN401 - builtins, for JSON
    """The result of a cell, as builtins."""
    sort, *rest = cell
    if sort == "still":
        data = real_data(rest[0])
        days = whole_judge.still_days(data, int(rest[1]), plan.hours_per_month)
        return msgspec.to_builtins(days)
    if sort == "medium":
        table, kind, seed = rest
        return msgspec.to_builtins(whole_judge.medium_change(real_data(table), kind, int(seed)))
    if sort == "judged":
        table, kind, strength, seed = rest
        data = real_data(table)
        change = whole_judge.judged_change(data, kind, float(strength), int(seed))
        return msgspec.to_builtins(change)
    if sort == "injected":
        return msgspec.to_builtins(_injected(*rest, rows=plan.rows))
    family, kind, seed = rest
    return msgspec.to_builtins(_river(family, kind, int(seed), plan))


def _river(family: str, kind: str, seed: int, plan: Plan) -> Scores:
    changes = next(each for each in CHANGES if each == kind)
    warm, stream = river_stream(family, changes, seed, plan.rows, plan.warm_rows)
    statistics = StatisticAlarms(numeric_model(family, warm), stream, seed)
    return scores_of(stream, statistics)


def _injected(table: str, kind: str, strength: str, seed: str, *, rows: int) -> Scores:
    data = real_data(table)
    if kind == "none":
        stream = data.drawn(STILL_TIMES * rows, INJECTED, int(seed))
    else:
        # Rows of its own for each, or the still parts of all would be one and the same evidence.
        place = (1 + list(KINDS).index(kind), round(float(strength) * 1_000))
        still = data.drawn(rows, INJECTED, int(seed), *place)
        stream = inject(data, still, kind, float(strength), rows // 2, int(seed))
    return scores_of(stream, _statistics(table, int(seed)))


@cache
def _statistics(table: str, seed: int) -> StatisticAlarms:
    """The same for all strengths; its bounds take longer than a stream."""
    data = real_data(table)
    return StatisticAlarms(data.model, data.drawn(WINDOW_ROWS, INJECTED, seed), seed)


def scores_of(stream: Columns, statistics: StatisticAlarms) -> Scores:
    """Every detector on a stream, beside always and never."""
    found: Scores = {}
    for watched in BOTH:
        changes = stream.changes_of(watched, from_reference=False)
        alarms = with_baselines(estimator_alarms(stream, watched), stream.rows, 1)
        found[f"estimators/{watched}"] = _scored(stream, alarms, changes)
    changes = stream.changes_of("features", from_reference=True)
    alarms = with_baselines(statistics.alarms(stream), stream.rows, WINDOW_ROWS)
    found["statistics"] = _scored(stream, alarms, changes)
    return found


def _scored(
    stream: Columns, alarms: dict[str, list[int]], changes: tuple[int, ...]
) -> dict[str, Score]:
    ends = stream.ends_of(changes)
    return {name: score(rows, stream.rows, changes, ends) for name, rows in alarms.items()}
