"""A join driven by hand: logs in any order and batches, restarts, and what it said of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from engine.event_keys import keys_of
from engine.join import Batch, Join
from engine.join_batches import LabelColumns, PredictionColumns
from engine.join_entry import JoinRules, Label, PlaneRule, Prediction
from engine.join_store import Clock, JoinStore, MemoryStore
from engine.pieces import PieceReader, PieceWriter
from tests.engine.naive_join import Outcome, Place, Record, Setting, judged

OPEN = 1_000
"""Far more events than these logs have."""
BASE = 1_000
"""Small times start here, since times are not negative."""


def rules_of(setting: Setting) -> JoinRules:
    """The same setting as the engine takes it."""
    maturities = [None, *setting.maturities]
    return JoinRules(
        ttl_ms=setting.ttl,
        negative_after_ms=setting.negative_after,
        prediction_amend_ms=setting.predictions.amend,
        label_amend_ms=setting.labels.amend,
        repeat_ms=setting.repeat,
        planes=tuple(
            PlaneRule(number, setting.pane, setting.amend, maturity)
            for number, maturity in enumerate(maturities, start=1)
        ),
    )


class Driven:
    """A join, its logs, and what it said so far."""

    def __init__(
        self, setting: Setting, logs: dict[Clock, Sequence[Record]], pending: int = OPEN
    ) -> None:
        self.setting = setting
        self.logs = logs
        self.pending = pending
        self.store = MemoryStore(setting.ttl)
        self.join = join_of(setting, self.store, pending)
        self.places: Counter[Place] = Counter()
        self.read: dict[Clock, int] = {"predictions": 0, "labels": 0}
        self._ids: dict[int, str] = {}

    def _known(self, clock: Clock) -> tuple[list[Record], int | None]:
        clocks = self.setting.predictions if clock == "predictions" else self.setting.labels
        return judged(self.logs[clock][: self.read[clock]], clocks)

    def step(self, clock: Clock, count: int) -> None:
        """Read the next ``count`` records of one topic as one batch."""
        before = self.read[clock]
        self.read[clock] = min(before + count, len(self.logs[clock]))
        kept, _ = self._known(clock)
        new = [record for record in kept if record["offset"] >= before]
        watermarks: dict[Clock, int | None] = {c: self._known(c)[1] for c in self.read}
        if clock == "predictions":
            self._ids.update({r["offset"]: r["event_id"] for r in new})
        found = self.join.take(batch_of(clock, new), watermarks, {clock: self.read[clock]})
        columns = zip(
            found.planes.tolist(),
            found.starts_ms.tolist(),
            found.amended.tolist(),
            found.made.records(),
            found.known.records(),
            found.weights.tolist(),
            strict=True,
        )
        for plane, start_ms, amended, made, label, weight in columns:
            matched = not math.isnan(label.label)
            value = label.label if matched else None
            delay = label.ts_ms - made.ts_ms if matched else 0
            name = self._ids[made.offset]
            self.places[plane, start_ms, amended, name, value, delay] += weight

    def restart(self) -> None:
        """Go on from what is saved."""
        pieces = PieceWriter()
        saved = self.store.save(pieces)
        store = MemoryStore(self.setting.ttl)
        store.restore(saved, PieceReader(pieces.pieces))
        store.offsets = dict(self.store.offsets)
        join = join_of(self.setting, store, self.pending)
        join.counts = self.join.counts
        join.restored({clock: self._known(clock)[1] for clock in self.read})
        self.store, self.join = store, join

    def state(self) -> Any:  # noqa: ANN401
        """All that there is to compare."""
        counts = self.join.counts
        places = {place: count for place, count in self.places.items() if count}
        return (
            self.store.save(PieceWriter()),
            dict(counts.by_outcome),
            counts.repeats,
            counts.labels,
            places,
        )

    def outcome(self) -> Outcome:
        """What the plain twin is compared with."""
        _, kept, repeats, _, places = self.state()
        return Outcome(Counter(places), Counter(kept), repeats)


def join_of(setting: Setting, store: JoinStore, pending: int) -> Join:
    """A join of predictions with one segment."""
    return Join(rules_of(setting), store, pending, 1)


def batch_of(clock: Clock, records: Sequence[Record]) -> Batch:
    """Records of one topic as the join takes them."""
    keys = keys_of([r["event_id"] for r in records])
    if clock == "labels":
        labels = [
            Label(r["offset"], r["ts"], r["watermark"], r["on_time"], float(r["label"]))
            for r in records
        ]
        return keys, LabelColumns.of(labels)
    made = [
        Prediction(r["offset"], r["ts"], r["on_time"], 0.5, 1, math.nan, (r["offset"] % 3,))
        for r in records
    ]
    return keys, PredictionColumns.of(made, 1)


def drive(driven: Driven, order: Sequence[tuple[bool, int, bool]]) -> None:
    """Read the logs in this order of (labels?, records, restart after it?), then the rest."""
    for labels, count, restart in order:
        driven.step("labels" if labels else "predictions", count)
        if restart:
            driven.restart()
    driven.step("predictions", OPEN)
    driven.step("labels", OPEN)
