"""Counting what two versions do, and their pairs, in one source partition.

Rule.  What :mod:`engine.model_tally` says of a model's events is true of a comparison's: on time,
amended or late by its own source's watermark, which is that of both versions' predictions together.
A pair is as late as its older answer was when the younger one was read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from engine.champion.answers import Answers, answers_of
from engine.champion.cells import (
    ARMS_SIZE,
    DECIDED,
    ERRORS,
    LATENCIES,
    LATENCY_CLIP_MS,
    LATENCY_EDGES_MS,
    LATENCY_US,
    NO_DECISION,
    PAIRS,
    POSITIVE,
    REPEATS,
    TIMED,
    VALUE,
    VALUE_CLIP,
    VALUE_STEP,
    VALUED,
    arm_cell,
)
from engine.champion.comparison import Comparison, comparisons_of
from engine.champion.pair_joining import PairJoining
from engine.champion.pairing import ANSWER_FIELDS, Paired, Pairing
from engine.champion.users import MAX_LOOK_USERS, Users
from engine.decoded import Decoded, Events
from engine.event_keys import keys_of
from engine.join_batches import PredictionColumns
from engine.join_store import InMemory, Keeping
from engine.model import MonitoredModel
from engine.model_tally import ModelState, ModelTally
from engine.records import RecordBatch
from engine.spec import Topic

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class ComparisonTally(ModelTally):
    """The logic over one comparison's state."""

    def __init__(self, comparison: Comparison, state: ModelState) -> None:
        # The events' features are counted by the versions' own tallies.
        self.model = self.comparison = comparison
        self.state = state

    @property
    def _joining(self) -> PairJoining:
        assert isinstance(self.state.joining, PairJoining), "a comparison joins pairs"
        return self.state.joining

    def accept_versions(
        self,
        topic: Topic,
        found: Sequence[Events],
        offsets: Integers,
        beats: list[tuple[int, int]],
        record_ms: int,
    ) -> bool:
        """Take a batch's events of the two versions, if there are any; ``offsets`` are those of
        the whole batch."""
        own = [events for events in found if events.model.key in self.comparison.versions]
        if topic == "labels":
            # Labels are handed to every version alike.
            own = [events for events in own if events.model.key == self.comparison.versions[1]]
        if topic == "features" or not own:
            return False
        newest = self.state.newest_ms.get(topic)
        if topic == "labels":
            self._labels(own[0], offsets[own[0].rows], beats)
        else:
            self._predictions(answers_of(self.comparison, own), offsets, beats)
        if self.state.newest_ms.get(topic) != newest:
            self.state.moved_by_ms = record_ms
        return True

    def _labels(self, events: Events, offsets: Integers, beats: list[tuple[int, int]]) -> None:
        before = self._newest_before("labels", events, beats)
        clock = self.model.spec.label
        behind = before - clock.lateness_ms - events.ts_ms
        marks = self._join_watermarks_ms()
        kept = behind <= clock.amend_ms
        self._joining.take("labels", events, kept, behind <= 0, before, offsets, marks)

    def _predictions(
        self, answers: Answers, offsets: Integers, beats: list[tuple[int, int]]
    ) -> None:
        events = Events(self.model, answers.rows, answers.ts_ms, answers.ids)
        before = self._newest_before("predictions", events, beats)
        watermarks_ms = before - self.model.spec.time.lateness_ms
        admitted = watermarks_ms - answers.ts_ms <= self.comparison.admitted_ms
        admitted &= answers.ts_ms >= self.state.dropped_to_ms
        chosen = np.flatnonzero(admitted)
        kept, newest_ms, watermarks_ms = answers.at(chosen), before[chosen], watermarks_ms[chosen]
        keys = keys_of(kept.ids)
        assert self.state.pairing is not None, "a comparison pairs"
        paired = self.state.pairing.take(
            keys, kept.arms, kept.ts_ms, newest_ms, kept.decisions, kept.bins
        )
        self._count_arms(kept, paired, watermarks_ms)
        if self.comparison.rules.mode == "split":
            self._count_users(kept, kept.ts_ms >= watermarks_ms)
        at, made = self._made(kept, paired, watermarks_ms, offsets[kept.rows])
        reached: dict[Topic, int] = {"predictions": int(offsets[answers.rows[-1]]) + 1}
        self._joining.take_batch((keys[at], made), self._join_watermarks_ms(), reached)

    def _made(
        self, answers: Answers, paired: Paired, watermarks_ms: Integers, offsets: Integers
    ) -> tuple[Integers, PredictionColumns]:
        """What the join gets: pairs, or of a split the first answers; where they stand and as
        columns."""
        bins = self.comparison.matches.bins
        if self.comparison.rules.mode == "shadow":
            at = np.array(paired.rows, dtype=np.int64)
            columns = np.array(paired.answers, dtype=np.int64).reshape(-1, 2, ANSWER_FIELDS)
            ts_ms, decisions, places = columns[:, 0, 0], columns[:, :, 1], columns[:, :, 2].T
            codes = decisions[:, 0] * (NO_DECISION + 1) + decisions[:, 1]
            told = np.all(places < bins, axis=0) | np.all(decisions < NO_DECISION, axis=1)
        else:
            at = np.flatnonzero(paired.firsts)
            ts_ms = answers.ts_ms[at]
            places = np.stack([answers.arms[at], answers.bins[at]])
            codes = answers.arms[at] * (NO_DECISION + 1) + answers.decisions[at]
            told = (answers.bins[at] < bins) | (answers.decisions[at] < NO_DECISION)
        nothing = np.full(len(at), np.nan)
        on_time = ts_ms >= watermarks_ms[at]
        made = PredictionColumns(offsets[at], ts_ms, on_time, nothing, codes, nothing, places)
        chosen = np.flatnonzero(told)
        return at[chosen], made.at(chosen)

    def _count_users(self, answers: Answers, on_time: Mask) -> None:
        """Note the users of events on time in their panes, which there are by now."""
        starts = answers.ts_ms // self.model.spec.time.pane_ms * self.model.spec.time.pane_ms
        for start in np.unique(starts[on_time]).tolist():
            chosen = on_time & (starts == start)
            pane = self.state.panes[start]
            pane.users = pane.users or Users(MAX_LOOK_USERS)
            pane.users.add(answers.users[chosen], answers.arms[chosen])
            pane.dirty = True

    def _count_arms(self, answers: Answers, paired: Paired, watermarks_ms: Integers) -> None:
        """Add the events to their panes of the arms."""
        ts_ms, arms = answers.ts_ms, answers.arms
        behind = ts_ms < watermarks_ms
        fresh = ~paired.repeats
        first_cells = arm_cell(0, 0) + arms * (arm_cell(1, 0) - arm_cell(0, 0))
        adder = _PaneAdder(self)
        adder.add(ts_ms, behind, fresh, arms)
        adder.add(ts_ms, behind, paired.repeats, REPEATS)
        decided = fresh & (answers.decisions < NO_DECISION)
        adder.add(ts_ms, behind, decided, first_cells + DECIDED)
        adder.add(ts_ms, behind, decided & (answers.decisions == 1), first_cells + POSITIVE)
        adder.add(ts_ms, behind, fresh & answers.errors, first_cells + ERRORS)
        valued = fresh & np.isfinite(answers.values)
        amounts = np.where(valued, np.clip(answers.values, -VALUE_CLIP, VALUE_CLIP), 0.0)
        whole = np.rint(amounts / VALUE_STEP).astype(np.int64)
        adder.add(ts_ms, behind, valued, first_cells + VALUED)
        adder.add(ts_ms, behind, valued, first_cells + VALUE, whole)
        timed = fresh & np.isfinite(answers.latencies_ms) & (answers.latencies_ms >= 0.0)
        spent_ms = np.where(timed, np.minimum(answers.latencies_ms, LATENCY_CLIP_MS), 0.0)
        places = np.searchsorted(np.array(LATENCY_EDGES_MS), spent_ms, side="right")
        adder.add(ts_ms, behind, timed, first_cells + TIMED)
        adder.add(ts_ms, behind, timed, first_cells + LATENCIES + places)
        micros = np.rint(spent_ms * 1000.0).astype(np.int64)
        adder.add(ts_ms, behind, timed, first_cells + LATENCY_US, micros)
        at = np.array(paired.rows, dtype=np.int64)
        pair_ms = np.array([first[0] for first, _ in paired.answers], dtype=np.int64)
        there = pair_ms >= self.state.dropped_to_ms
        adder.add(pair_ms, pair_ms < watermarks_ms[at], there, PAIRS)
        adder.close()


def missing_comparisons(
    models: Sequence[MonitoredModel], known: Collection[str], keeping: Keeping
) -> list[ComparisonTally]:
    """Tallies of the comparisons that the models' specs ask for and that are not ``known``."""
    return [
        ComparisonTally(each, comparison_state(each, keeping))
        for each in comparisons_of(models)
        if each.key not in known
    ]


def take_pairs(
    tallies: Sequence[ComparisonTally],
    batch: RecordBatch,
    decoded: Decoded,
    offsets: Integers,
    beats: Mapping[str, list[tuple[int, int]]],
) -> set[str]:
    """Let comparisons take a batch in; the keys of those that had an event in it.

    ``offsets`` are the batch's, ``beats`` its heartbeats by key, as (row, ts).
    """
    return {
        tally.model.key
        for tally in tallies
        if tally.accept_versions(
            batch.topic,
            decoded.events,
            offsets,
            beats.get(tally.model.key, []),
            batch.timestamps_ms[-1],
        )
    }


def comparison_state(comparison: Comparison, keeping: Keeping | None = None) -> ModelState:
    """What is remembered of a comparison that nothing was heard of."""
    label = comparison.spec.label
    store = (keeping or InMemory()).store(comparison.key, comparison.layout.hash, label.ttl_ms)
    return ModelState(
        joining=PairJoining(comparison, store),
        pairing=Pairing(
            comparison.rules.within_ms,
            comparison.admitted_ms + comparison.spec.time.lateness_ms,
            label.pending,
        ),
    )


class _PaneAdder:
    """Adds to the cells of the panes of the arms, a batch at a time."""

    def __init__(self, tally: ComparisonTally) -> None:
        self._tally = tally
        self._pane_ms = tally.model.spec.time.pane_ms
        self._panes: dict[int, npt.NDArray[np.int64]] = {}

    def add(
        self,
        ts_ms: Integers,
        behind: Mask,
        chosen: Mask,
        cells: int | Integers,
        amounts: Integers | None = None,
    ) -> None:
        """Add ``amounts`` (1 each without) to ``cells`` of the chosen rows' panes."""
        if not chosen.any():
            return
        numbers = (ts_ms // self._pane_ms * 2 + behind)[chosen]
        places = np.broadcast_to(np.asarray(cells, dtype=np.int64), chosen.shape)[chosen]
        more = np.ones(len(numbers), np.int64) if amounts is None else amounts[chosen]
        for number in np.unique(numbers).tolist():
            pane = self._panes.get(number)
            if pane is None:
                pane = self._panes[number] = np.zeros(ARMS_SIZE, np.int64)
            inside = numbers == number
            np.add.at(pane, places[inside], more[inside])

    def close(self) -> None:
        """Give all of it to the tally."""
        for number, counts in sorted(self._panes.items()):
            start_ms = number // 2 * self._pane_ms
            self._tally._merge(start_ms, counts, amended=bool(number % 2))  # noqa: SLF001 - its own
