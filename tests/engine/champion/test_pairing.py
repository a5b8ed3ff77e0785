"""Pairs of predictions and their labels are a function of the two logs, and the one that a plain
reading of the whole logs says."""

from __future__ import annotations

import numpy as np
import pytest

from engine.champion import cells
from engine.champion.answers import answers_of
from engine.champion.comparison import Comparison
from engine.champion.comparison_tally import ComparisonTally
from engine.champion.pairing import Pairing
from engine.decode import Decoder
from engine.panes import Counts
from engine.pieces import PieceWriter
from engine.planes import FIRST_COHORT
from engine.tally import Tally
from tests.engine.champion.naive_pairs import Cells, counted
from tests.engine.champion.worlds import (
    COMPARISON,
    LABEL,
    Tree,
    comparison_of,
    logs,
    values,
    versions,
)
from tests.engine.models import batch, part
from tests.engine.naive_join import Record

CLOSING = LABEL.replace("{", "{negative_after: 18s, ")
KINDS = {
    "shadow": versions(),
    "negatives": versions(label=CLOSING),
    "split": versions(COMPARISON.replace("}", ", mode: split, share: 0.4}")),
}


def comparing(tally: Tally) -> ComparisonTally:
    """The comparison's part of a tally."""
    (found,) = tally._versions.comparisons()
    return found


def driven(kind: str, seed: int, order: int | None) -> Tally:
    """The logs of a seed read whole, or (``order``) cut, interleaved, and restarted."""
    models = KINDS[kind]
    made, known = (values(log) for log in logs(seed))
    ends = {"predictions": batch(made), "labels": batch(known, topic="labels")}
    tally = Tally(0, 1, models)
    read = dict.fromkeys(ends, 0)
    random = np.random.default_rng([seed, order or 0])
    while any(read[topic] < len(log) for topic, log in ends.items()):
        topics = [topic for topic, log in ends.items() if read[topic] < len(log)]
        topic = topics[0] if order is None else str(random.choice(topics))
        step = 10_000 if order is None else int(random.integers(1, 6))
        tally.accept(part(ends[topic], read[topic], min(read[topic] + step, len(ends[topic]))))
        read[topic] += step
        if order is not None and random.random() < 0.2:
            tally = Tally(0, 1, models, resume=tally.snapshot())
    return tally


def state(tally: Tally) -> object:
    """All that there is to compare."""
    found = comparing(tally)
    joining, pairing = found.state.joining, found.state.pairing
    assert joining is not None
    assert pairing is not None
    counts = joining.join.counts
    return (
        cells_of(tally),
        joining.store.save(PieceWriter()),
        dict(counts.by_outcome),
        counts.repeats,
        pairing.save(found.state.newest_ms.get("predictions")),
        found.state.newest_ms,
        {start: pane.users and pane.users.pack() for start, pane in found.state.panes.items()},
    )


def cells_of(tally: Tally) -> Cells:
    """Every count of the open panes that is not 0."""
    found: Cells = Cells()
    for plane, panes in comparing(tally).open_panes():
        for start, pane in panes.items():
            for amended, counts in ((False, pane.on_time), (True, pane.amended)):
                if counts is not None:
                    for cell in np.flatnonzero(counts).tolist():
                        found[plane.number, start, amended, cell] = int(counts[cell])
    return found


def records(comparison: Comparison, trees: list[Tree]) -> list[Record]:
    """Predictions as the plain twin reads them, with bins and decisions as they were decoded."""
    decoder = Decoder(KINDS["shadow"], "predictions")
    found = []
    for tree in trees:
        (events,) = decoder.decode(batch(values([tree]))).events
        one = answers_of(comparison, [events])
        found.append(
            {
                "event_id": tree["event_id"],
                "ts": tree["ts"],
                "arm": int(one.arms[0]),
                "bin": int(one.bins[0]),
                "decision": int(one.decisions[0]),
            }
        )
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(8))
def test_every_interleaving_counts_what_the_whole_logs_say(kind: str, seed: int) -> None:
    """Batches, interleavings and restarts change no cell, no outcome and no byte of what waits."""
    whole = driven(kind, seed, None)
    for order in range(3):
        assert state(driven(kind, seed, order)) == state(whole)
    comparison = comparison_of(KINDS[kind])
    made, known = logs(seed)
    plain = counted(comparison, records(comparison, made), known).cells
    told = {
        place: count
        for place, count in cells_of(whole).items()
        if place[0] == FIRST_COHORT or place[3] in _plain_cells()
    }
    told = {
        place: count
        for place, count in told.items()
        if (place[0], place[3]) != (FIRST_COHORT, cells.ASSUMED)
    }
    assert told == {place: count for place, count in plain.items() if count}


def _plain_cells() -> set[int]:
    """Cells of the arms that the plain twin counts."""
    of_arms = [
        cells.arm_cell(arm, cell)
        for arm in range(cells.ARMS)
        for cell in (cells.DECIDED, cells.POSITIVE)
    ]
    return {*range(cells.ARM_CELLS), *of_arms}


def test_the_logs_have_everything_in_them() -> None:
    """Pairs, repeats, amendments, corrections, labels for nobody, events of one version alone."""
    found: Cells = Cells()
    outcomes: set[str] = set()
    for seed in range(8):
        tally = driven("shadow", seed, None)
        found.update(cells_of(tally))
        joining = comparing(tally).state.joining
        assert joining is not None
        outcomes |= set(joining.join.counts.by_outcome)
    assert outcomes >= {"matched", "pending", "duplicate", "corrected"}
    arms = [key for key in found if key[0] == 0]
    assert {cells.PAIRS, cells.REPEATS} <= {cell for _, _, _, cell in arms}
    assert any(amended and cell == cells.PAIRS for _, _, amended, cell in arms)
    assert any(count < 0 for (plane, *_), count in found.items() if plane == FIRST_COHORT)


def keyed(numbers: list[int]) -> Counts:
    """Keys as the event_ids' digests are."""
    return np.array([[n, 7] for n in numbers], dtype=np.uint64)  # type: ignore[return-value]


def test_above_the_bound_the_oldest_go_and_are_counted() -> None:
    """Of five events three may wait."""
    pairing = Pairing(1_000, 0, 3)
    ones = np.ones(5, dtype=np.int64)
    times = np.arange(5, dtype=np.int64) + 10_000
    found = pairing.take(keyed([1, 2, 3, 4, 5]), 0 * ones, times, times - 100, ones, ones)
    assert (len(pairing), pairing.forgotten, found.rows) == (3, 2, [])
    found = pairing.take(keyed([1, 2, 3, 4, 5]), ones, times, times - 100, ones, ones)
    assert found.rows == [2, 3, 4]
