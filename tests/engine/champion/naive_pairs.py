"""The pairs of a comparison once more, slow and plain, from the two whole logs of one partition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.champion import cells
from engine.champion.cells import arm_cell
from engine.champion.comparison import Comparison
from engine.planes import FIRST_COHORT
from tests.engine.naive_join import Clocks, Outcome, Record, Setting, place, taken_by

Cells = Counter[tuple[int, int, bool, int]]
"""(plane, start of the pane, amended, cell) -> count."""


@dataclass
class Counted:
    """What came of two logs."""

    cells: Cells = field(default_factory=Counter)
    pairs: list[Record] = field(default_factory=list)
    """What the join is given, in the order of the second answers."""


def setting_of(comparison: Comparison) -> Setting:
    """What the comparison's spec says, as the plain join takes it."""
    spec, rules = comparison.spec, comparison.rules
    time, label = spec.time, spec.label
    return Setting(
        predictions=Clocks(time.lateness_ms, time.amend_ms),
        labels=Clocks(label.lateness_ms, label.amend_ms),
        ttl=label.ttl_ms,
        repeat=time.lateness_ms + time.amend_ms,
        negative_after=label.negative_after_ms,
        pane=rules.looks_ms,
        amend=max(time.amend_ms, label.amend_ms),
        maturities=[rules.maturity_ms],
        arrival=False,
    )


def counted(
    comparison: Comparison, predictions: Sequence[Record], labels: Sequence[Record]
) -> Counted:
    """Everything that two whole logs give; a prediction has ``arm``, ``bin``, ``decision``."""
    found = Counted()
    watermark = _arms(comparison, predictions, found)
    setting, outcome = setting_of(comparison), Outcome()
    taken = taken_by(setting, found.pairs, watermark, labels, outcome)
    # A pair is named by its place, so that event_ids that come again are told apart.
    place(setting, [{**one, "event_id": str(one["offset"])} for one in taken], outcome)
    by_offset = {str(one["offset"]): one for one in found.pairs}
    for (plane, start, amended, name, label, _), count in outcome.places.items():
        if plane == FIRST_COHORT:
            for cell in _match_cells(comparison, by_offset[name], label):
                found.cells[plane, start, amended, cell] += count
    return found


def _arms(comparison: Comparison, predictions: Sequence[Record], found: Counted) -> int | None:
    rules, lateness = comparison.rules, comparison.spec.time.lateness_ms
    entries: dict[str, tuple[int, dict[int, Record]]] = {}
    newest, watermark = None, None
    for offset, one in enumerate(predictions):
        newest = one["ts"] if newest is None else max(newest, one["ts"])
        watermark = newest - lateness
        if watermark - one["ts"] > comparison.admitted_ms:
            continue
        arm, amended = one["arm"], one["ts"] < watermark
        opened = entries.get(one["event_id"])
        if opened is not None and opened[0] + rules.within_ms + comparison.admitted_ms < watermark:
            opened = None
        first = opened is None
        if opened is None:
            opened = entries[one["event_id"]] = (one["ts"], {arm: one})
        elif abs(one["ts"] - opened[0]) <= rules.within_ms:
            if arm in opened[1]:
                _add(found, comparison, one["ts"], cells.REPEATS, amended=amended)
                continue
            opened[1][arm] = one
            pair = [opened[1][each] for each in range(cells.ARMS)]
            at = pair[0]["ts"]
            _add(found, comparison, at, cells.PAIRS, amended=at < watermark)
            if rules.mode == "shadow":
                record = {"ts": at, "answers": pair, "on_time": at >= watermark}
                _give(comparison, found, {**record, "offset": offset, "event_id": one["event_id"]})
        if first and rules.mode == "split":
            record = {"ts": one["ts"], "answers": [one], "on_time": not amended}
            _give(comparison, found, {**record, "offset": offset, "event_id": one["event_id"]})
        _add(found, comparison, one["ts"], arm, amended=amended)
        if one["decision"] < cells.NO_DECISION:
            _add(found, comparison, one["ts"], arm_cell(arm, cells.DECIDED), amended=amended)
        if one["decision"] == 1:
            _add(found, comparison, one["ts"], arm_cell(arm, cells.POSITIVE), amended=amended)
    return watermark


def _give(comparison: Comparison, found: Counted, record: Record) -> None:
    """To the join, where both sides have a score, or both a decision."""
    answers, bins = record["answers"], comparison.matches.bins
    scored = all(one["bin"] < bins for one in answers)
    if scored or all(one["decision"] < cells.NO_DECISION for one in answers):
        found.pairs.append(record)


def _add(found: Counted, comparison: Comparison, ts: int, cell: int, *, amended: bool) -> None:
    pane = comparison.rules.looks_ms
    found.cells[0, ts // pane * pane, amended, cell] += 1


def _match_cells(comparison: Comparison, pair: Record, label: float | None) -> list[int]:
    layout, answers = comparison.matches, pair["answers"]
    if label is None:
        return [cells.MADE]
    if len(answers) == 1:
        (one,) = answers
        code = one["arm"] * cells.DECISIONS + one["decision"]
        where = one["arm"] * (layout.bins + 1) + one["bin"]
    else:
        first, second = answers
        code = first["decision"] * cells.DECISIONS + second["decision"]
        where = first["bin"] * (layout.bins + 1) + second["bin"]
    value = int(label)
    return [
        cells.MATCHED,
        cells.MATCH_CELLS + value * layout.decision_cells + code,
        layout.scores + value * layout.score_cells + where,
    ]
