"""Replay: files through the same core as the worker, without Kafka.

Rule.  A file is one topic: record i of partition p is the i-th event of the file whose key Kafka
would put there, so the partitions' logs are those that publishing the file would have made, and the
judgements and triggers are equal to the last bit.  The end of a file is a heartbeat to every
partition (:func:`end_of_stream`); a record's Kafka time is unknown and not compared.
"""

from __future__ import annotations

import base64
import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import orjson

from detectors.kernels import murmur2_partitions
from engine.decide.decisions import Decide, decide
from engine.decide.requests import script
from engine.effects import OutputTopic, Publish
from engine.judge import Judge
from engine.model import MonitoredModel
from engine.outcomes import Outcomes
from engine.pipeline import Pipeline
from engine.records import Headers, RecordBatch
from engine.retraining_results import Result
from engine.spec import Spec, Topic
from engine.timestamps import NEWEST_MS, OLDEST_MS
from streams.replayed_versions import ReplayedVersions
from streams.results_file import results_for
from streams.table_events import read_events
from streams.whole_files import whole_files

BATCH_RECORDS: Final = 4_000
FILES: Final[tuple[OutputTopic, ...]] = (
    "judgements",
    "alerts",
    "retraining-triggers",
    "promotions",
    "audit",
    "dead-letters",
    "late",
)
UNKNOWN_TIME_MS: Final = -1
ENVELOPE_SIGN: Final = b'"specversion"'
"""What every structured CloudEvent holds; a file has no headers that could say so."""
ENVELOPE_HEADERS: Final[Headers] = [("content-type", b"application/cloudevents+json")]

Event = tuple[int, Topic, bytes, bytes]
"""(ts_ms for ordering topics, topic, key, value)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of events of one model."""

    topic: Topic
    path: Path
    spec: Spec


@dataclass(slots=True)
class ReplaySummary:
    """What a replay did."""

    records: int = 0
    written: dict[OutputTopic, int] = field(default_factory=dict)
    outcomes: list[Outcomes] = field(default_factory=list)
    """Per source partition."""
    pipeline: Pipeline | None = None
    """Its state at the end, of which /metrics would tell."""


def end_of_stream(spec: Spec, topic: Topic, newest_ms: int) -> bytes:
    """The heartbeat that closes a file: every window that its last event completes falls due."""
    ts_ms = newest_ms + spec.clock(topic).lateness_ms
    return orjson.dumps({"heartbeat": True, "model": spec.model, "ts": ts_ms})


def replay(
    models: Sequence[MonitoredModel] | ReplayedVersions,
    sources: Sequence[Source],
    partitions: int,
    out: Path,
    progress: Callable[[int], None] = lambda _: None,
    *,
    decides: Decide = decide,
    results: Sequence[Result] | None = None,
) -> ReplaySummary:
    """Run files through the core and write what the output topics would carry into ``out``.

    ``models`` are known from the beginning, or say themselves when which is learned.
    ``progress`` is told how many further records were read; ``decides`` stands in for the decisions
    of every judge.  ``results`` are what retraining jobs answered, and a trigger that none of them
    answers is late, as it is where nobody answers a worker; None when nobody could, so that nothing
    is late.  Raises OSError when a file cannot be
    read or written.  The files appear together, when the replay is done.
    """
    out.mkdir(parents=True, exist_ok=True)

    def seat(judge: Judge) -> None:
        judge.decide = decides
        judge.expects_answers = results is not None
        version = judge.model.spec.version
        script(judge.decisions.requests, results_for(version, results or ()))

    known = models if isinstance(models, ReplayedVersions) else ReplayedVersions(list(models))
    run = _Run(known, partitions, seat)
    with whole_files([out / f"{name}.ndjson" for name in FILES]) as opened:
        files: dict[OutputTopic, BinaryIO] = dict(zip(FILES, opened, strict=True))
        newest: dict[int, int] = {}
        for event in merged_events(sources, newest):
            if run.learns(event[0]):
                run.write(run.learn(event[0]), files)
            run.add(event)
            if len(run.waiting) >= BATCH_RECORDS:
                progress(len(run.waiting))
                run.write(run.work(), files)
        progress(len(run.waiting))
        run.write(run.work(), files)
        run.write(run.learn(NEWEST_MS), files)
        for number, source in enumerate(sources):
            if number in newest:
                run.write(run.end(source, newest[number]), files)
    run.summary.pipeline = run.pipeline
    run.summary.outcomes = [tally.outcomes for tally in run.pipeline.tallies]
    return run.summary


def merged_events(sources: Sequence[Source], newest: dict[int, int]) -> Iterator[Event]:
    """The events of all files by event time, each file in its own order; one without a time stays
    behind the one before it.  ``newest[i]`` becomes the highest event time of file i."""
    return heapq.merge(
        *(_events(number, source, newest) for number, source in enumerate(sources)),
        key=lambda event: event[0],
    )


def _events(number: int, source: Source, newest: dict[int, int]) -> Iterator[Event]:
    """A file's events; ``newest[number]`` becomes its highest event time.

    A time that the core rejects is no event time: it must not end the stream in its place.
    """
    order_ms = highest_ms = 0
    for event_id, ts_ms, value in read_events(source.path, source.spec, source.topic):
        if OLDEST_MS <= ts_ms <= NEWEST_MS:
            order_ms = ts_ms
            if ts_ms > highest_ms:
                newest[number] = highest_ms = ts_ms
        yield (order_ms, source.topic, event_id.encode(), value)


class _Run:
    """The partitions' logs as they grow, and the pipeline behind them."""

    def __init__(
        self,
        versions: ReplayedVersions,
        partitions: int,
        seat: Callable[[Judge], None],
    ) -> None:
        """``seat`` is told of every judge before its first window."""
        self.pipeline = Pipeline(versions.files, partitions)
        self.partitions = partitions
        self._steps = deque(versions.steps)
        self._seat = seat
        for judge in self.pipeline.judges.values():
            seat(judge)
        self.waiting: list[Event] = []
        self.summary = ReplaySummary()
        self._ends: dict[tuple[Topic, int], int] = {}

    def add(self, event: Event) -> None:
        self.waiting.append(event)

    def learns(self, ts_ms: int) -> bool:
        """Whether something is learned before an event of this time."""
        return bool(self._steps) and (self._steps[0].at_ms or 0) <= ts_ms

    def learn(self, ts_ms: int) -> list[Publish]:
        """Everything waiting, and then what is learned before an event of this time."""
        effects = self.work() if self.learns(ts_ms) else []
        while self.learns(ts_ms):
            step = self._steps.popleft()
            seated = set(self.pipeline.judges)
            effects += self.pipeline.learn(step.models, step.terms)
            for key in self.pipeline.judges.keys() - seated:
                self._seat(self.pipeline.judges[key])
        return effects

    def work(self) -> list[Publish]:
        """Everything waiting, through the pipeline."""
        events, self.waiting = self.waiting, []
        self.summary.records += len(events)
        if not events:
            return []
        keys = [key for _, _, key, _ in events]
        ends = np.cumsum([len(key) for key in keys], dtype=np.int64)
        data = np.frombuffer(b"".join(keys), dtype=np.uint8)
        homes = murmur2_partitions(data, ends, self.partitions).tolist()
        logs: dict[tuple[Topic, int], list[Event]] = {}
        for home, event in zip(homes, events, strict=True):
            logs.setdefault((event[1], home), []).append(event)
        effects: list[Publish] = []
        for (topic, partition), log in sorted(logs.items()):
            effects += self.pipeline.accept(self._batch(topic, partition, log))
        return effects + self.pipeline.flush()

    def end(self, source: Source, newest_ms: int) -> list[Publish]:
        """A heartbeat to every partition of the source's topic."""
        beat = end_of_stream(source.spec, source.topic, newest_ms)
        effects: list[Publish] = []
        for partition in range(self.partitions):
            log: list[Event] = [(newest_ms, source.topic, b"", beat)]
            effects += self.pipeline.accept(self._batch(source.topic, partition, log))
        return effects + self.pipeline.flush()

    def _batch(self, topic: Topic, partition: int, log: Sequence[Event]) -> RecordBatch:
        first = self._ends.get((topic, partition), 0)
        self._ends[topic, partition] = first + len(log)
        headers: list[Headers | None] = [
            ENVELOPE_HEADERS if ENVELOPE_SIGN in value else None for _, _, _, value in log
        ]
        return RecordBatch(
            topic,
            partition,
            list(range(first, first + len(log))),
            [UNKNOWN_TIME_MS] * len(log),
            [key for _, _, key, _ in log],
            [value for _, _, _, value in log],
            headers if any(headers) else None,
        )

    def write(self, effects: Sequence[Publish], files: dict[OutputTopic, BinaryIO]) -> None:
        for effect in effects:
            files[effect.topic].write(_line(effect) + b"\n")
            self.summary.written[effect.topic] = self.summary.written.get(effect.topic, 0) + 1


def _line(effect: Publish) -> bytes:
    """Our own records as they are; a carried record with its headers, its bytes in base64."""
    if not effect.headers and effect.value is not None:
        return effect.value
    return orjson.dumps(
        {
            "key": (effect.key or b"").decode("utf-8", "replace"),
            "headers": {
                name: None if text is None else text.decode("utf-8", "replace")
                for name, text in effect.headers
            },
            "value_base64": None
            if effect.value is None
            else base64.b64encode(effect.value).decode(),
        }
    )
