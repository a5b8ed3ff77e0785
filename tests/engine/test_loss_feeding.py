"""Estimators see the losses that the plain twin says, in its order, whatever the way."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import orjson
import pytest

from engine import loss_waiting
from engine.model import MonitoredModel
from engine.panes import PaneRecord, decode, unpack
from engine.records import RecordBatch
from engine.snapshot import Snapshot, SnapshotError
from engine.tally import Tally
from tests.engine import naive_losses
from tests.engine.models import HOUR, MINUTE, SECOND, START, batch, event, model_of, part, spec_text

ROWS = 700
PERFORMANCE = 1
LABEL = "{ttl: 20m, lateness: 1m, amend: 2m, pane: 1m, maturities: [2m]"
CONCEPT = (
    "{estimators: {adwin: {clock: 8, delta: 0.3}, ddm: {warm_start: 5, drift_threshold: 1}, "
    "eddm: {warm_start: 3}, hddm_a: {drift_confidence: 0.2, warning_confidence: 0.3}, "
    "page_hinkley: {threshold: 2, min_instances: 5}, kswin: {window_size: 40, stat_size: 10}}}"
)


@cache
def model(negative_after: str = "") -> MonitoredModel:
    """Estimators that alarm on little, over all losses."""
    text = spec_text(
        inputs="[predictions, labels]",
        label=f"{LABEL}{negative_after}}}",
        concept=CONCEPT,
        estimators="{}",
    )
    return model_of(text)


@cache
def logs(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Disordered predictions and labels: doubled, corrected, late, for nobody; the model gets worse
    and better.  Both end so late that everything before has sealed."""
    random = np.random.default_rng(seed)
    made, known = [], []
    for i in range(ROWS):
        ts = START + i * SECOND + int(random.integers(0, 40)) * SECOND
        score = float(random.random())
        made.append(event(i % 640, ts, score=score))
        right = random.random() < (0.9, 0.5, 0.95)[3 * i // ROWS]
        truth = int((score >= 0.5) == right)
        if random.random() < 0.1:
            continue
        at = ts + int(random.exponential(2 * MINUTE))
        label = {"event_id": f"e{i % 640}", "model": "m", "ts": at, "label": truth}
        known.append((at + int(random.integers(0, 90)) * SECOND, label))
        if random.random() < 0.2:
            again = at + int(random.exponential(2 * MINUTE))
            changed = {**label, "ts": again, "label": int(random.random() < 0.5)}
            known.append((again + int(random.integers(0, 90)) * SECOND, changed))
        if random.random() < 0.05:
            known.append((at, {**label, "event_id": f"nobody{i}"}))
    known.sort(key=lambda each: each[0])
    labels = [label for _, label in known]
    made.append(event(9_999, START + 3 * HOUR, score=0.5))
    labels.append({"event_id": "none", "model": "m", "ts": START + 3 * HOUR, "label": 0})
    return made, labels


def whole(seed: int) -> list[RecordBatch]:
    """Both logs as one batch each."""
    made, labels = logs(seed)
    return [
        batch([orjson.dumps(tree) for tree in made]),
        batch([orjson.dumps(tree) for tree in labels], topic="labels"),
    ]


class Told:
    """What a tally told of its panes of performance."""

    def __init__(self, chosen: MonitoredModel) -> None:
        self.model = chosen
        self.records: dict[int, PaneRecord] = {}

    def flush(self, tally: Tally) -> None:
        """Take what it says now."""
        for effect in tally.flush():
            assert effect.value is not None
            record = decode(effect.value)
            if isinstance(record, PaneRecord) and record.plane == PERFORMANCE:
                self.records[record.start_ms] = record

    def panes(self) -> dict[int, naive_losses.Pane]:
        """In the twin's words."""
        cells, plane = self.model.alarm_cells, self.model.planes[PERFORMANCE]
        assert cells is not None
        found = {}
        for start, record in self.records.items():
            counts = unpack(record.on_time, plane.size)
            pane = naive_losses.Pane({}, {}, {})
            for row in record.alarms:
                at = (row.position, row.at_ms, row.before, row.after)
                pane.first[cells.pairs[row.pair]] = at
            for number, pair in enumerate(cells.pairs):
                if counts[cells.alarms(number)]:
                    pane.alarms[pair] = int(counts[cells.alarms(number)])
                if counts[cells.improvements(number)]:
                    pane.improvements[pair] = int(counts[cells.improvements(number)])
            if any(pane):
                found[start] = pane
        return found


def driven(chosen: MonitoredModel, seed: int, order: int | None) -> tuple[Told, Tally]:
    """The logs through one tally: whole, or in random pieces with flushes and restarts."""
    tally, told = Tally(0, 1, [chosen]), Told(chosen)
    if order is None:
        for one in whole(seed):
            tally.accept(one)
    else:
        random = np.random.default_rng(order)
        queues = [[one, 0] for one in whole(seed)]
        while queues:
            queue: Any = queues[int(random.integers(0, len(queues)))]
            log, done = queue
            upto = min(len(log), done + int(random.integers(1, 120)))
            tally.accept(part(log, done, upto))
            queue[1] = upto
            if upto == len(log):
                queues.remove(queue)
            if random.random() < 0.3:
                told.flush(tally)
                if random.random() < 0.5:
                    tally = Tally(0, 1, [chosen], resume=tally.snapshot())
    told.flush(tally)
    return told, tally


def losses_saved(tally: Tally) -> Any:  # noqa: ANN401 - only compared
    """The part of a tally's state that is fed, and what waits."""
    feeding = tally.joinings["m@v1"].losses
    assert feeding is not None
    packed = {start: rows.content for start, rows in feeding.waiting.packed().items()}
    return packed, {name: bank.snapshot() for name, bank in feeding._banks.items()}


@pytest.mark.parametrize("negative_after", ["", ", negative_after: 6m"])
@pytest.mark.parametrize("seed", [1, 2])
def test_alarms_are_those_of_the_twin(seed: int, negative_after: str) -> None:
    """The same alarms at the same places, in the same panes, with the same means, bit for bit."""
    told, tally = driven(model(negative_after), seed, None)
    made, labels = logs(seed)
    expected = naive_losses.alarms(model(negative_after), made, labels)
    assert told.panes() == expected
    found = {pair for pane in expected.values() for pair in pane.first}
    assert {loss for _, loss in found} == {"error", "missed", "false_alarm", "squared_error"}
    assert any(pane.improvements for pane in expected.values())
    assert tally.joinings["m@v1"].join.counts.by_outcome["corrected"] > 0


@pytest.mark.parametrize("negative_after", ["", ", negative_after: 6m"])
@pytest.mark.parametrize("order", range(4))
def test_cut_interleaved_and_restarted_anywhere(order: int, negative_after: str) -> None:
    """What is told and what is kept are the same."""
    chosen = model(negative_after)
    known, told = driven(chosen, 1, None), driven(chosen, 1, order)
    assert told[0].panes() == known[0].panes()
    assert losses_saved(told[1]) == losses_saved(known[1])


def test_what_waits_is_of_the_prefixes() -> None:
    """In the middle of the logs too, in whatever order they were read."""
    chosen = model()
    states = []
    for order in ((0, 1), (1, 0)):
        tally = Tally(0, 1, [chosen])
        for topic in order:
            log = whole(1)[topic]
            tally.accept(part(log, 0, len(log) // 2))
        states.append(losses_saved(tally))
    assert states[0] == states[1]
    assert states[0][0]


def test_above_the_bound_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not seen."""
    monkeypatch.setattr(loss_waiting, "MAX_WAITING_LOSSES", 50)
    feeding = driven(model(), 1, None)[1].joinings["m@v1"].losses
    assert feeding is not None
    assert feeding.waiting.left_out > 0
    assert len(feeding.waiting) <= 50


def test_an_estimator_with_other_parameters_starts_afresh() -> None:
    """Its parameters are no part of the layout; the others go on."""
    tally = Tally(0, 1, [model()])
    for log in whole(1):
        tally.accept(part(log, 0, len(log) // 2))
    other = model_of(
        spec_text(
            inputs="[predictions, labels]",
            label=f"{LABEL}}}",
            concept=CONCEPT.replace("warm_start: 5", "warm_start: 6"),
            estimators="{}",
        )
    )
    again = Tally(0, 1, [other], resume=tally.snapshot())
    assert not again.fresh
    before, after = losses_saved(tally), losses_saved(again)
    assert before[0] == after[0]
    assert {name for name in before[1] if before[1][name] != after[1][name]} == {"ddm"}


def test_losses_that_no_match_has_are_refused() -> None:
    """With what is wrong of them."""
    feeding = Tally(0, 1, [model()]).joinings["m@v1"].losses
    assert feeding is not None
    for content in (b"", b"short", bytes(30)):
        with pytest.raises(SnapshotError, match="losses"):
            feeding.waiting.restore(START, loss_waiting.Packed(content), MINUTE)


def test_a_snapshot_is_the_same_after_a_restart() -> None:
    """Byte for byte, but for the epoch."""
    tally = Tally(0, 1, [model()])
    for log in whole(2):
        tally.accept(part(log, 0, len(log) // 2))
    saved = tally.snapshot()
    once = Tally(0, 1, [model()], resume=saved)
    assert losses_saved(once) == losses_saved(tally)
    assert isinstance(once.snapshot(), Snapshot)
