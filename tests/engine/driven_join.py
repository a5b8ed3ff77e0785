"""A join driven by hand: logs in any order and batches, restarts, and what it said of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from engine.join import Clock, Join
from engine.join_entry import JoinRules, Label, PlaneRule, Prediction
from engine.join_store import MemoryStore
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
        self.join = Join(rules_of(setting), self.store, pending)
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
        records: Any
        if clock == "predictions":
            self._ids.update({r["offset"]: r["event_id"] for r in new})
            records = [
                (
                    r["event_id"],
                    Prediction(r["offset"], r["ts"], r["on_time"], 0.5, 1, float("nan"), ()),
                )
                for r in new
            ]
        else:
            records = [
                (
                    r["event_id"],
                    Label(r["offset"], r["ts"], r["watermark"], r["on_time"], float(r["label"])),
                )
                for r in new
            ]
        for found, weight in self.join.take(records, watermarks, {clock: self.read[clock]}):
            made, label = found.prediction, found.label
            value = None if label is None else label.label
            delay = 0 if label is None else label.ts_ms - made.ts_ms
            name = self._ids[made.offset]
            place = (found.plane, found.start_ms, found.amended, name, value, delay)
            self.places[place] += weight

    def restart(self) -> None:
        """Go on from what is saved."""
        pieces = PieceWriter()
        saved = self.store.save(pieces)
        store = MemoryStore(self.setting.ttl)
        store.restore(saved, PieceReader(pieces.pieces))
        store.offsets = dict(self.store.offsets)
        join = Join(rules_of(self.setting), store, self.pending)
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


def drive(driven: Driven, order: Sequence[tuple[bool, int, bool]]) -> None:
    """Read the logs in this order of (labels?, records, restart after it?), then the rest."""
    for labels, count, restart in order:
        driven.step("labels" if labels else "predictions", count)
        if restart:
            driven.restart()
    driven.step("predictions", OPEN)
    driven.step("labels", OPEN)
