"""The real core, watched: what must hold at every step is checked at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.effects import Publish
from engine.model import MonitoredModel
from engine.planes import DATA
from engine.records import RecordBatch
from engine.terms import Term
from streams.core import EngineCore

Fail = Callable[[str], None]
Watermarks = Mapping[str, Mapping[Any, int | None]]


class ObservedTally:
    """A tally whose watermarks must never go back and whose records must all end somewhere."""

    def __init__(self, tally: Any, fail: Fail) -> None:  # noqa: ANN401 - as little as possible is known of it
        self._tally = tally
        self._fail = fail
        self._seen: Watermarks = tally.watermarks_ms()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._tally, name)

    @property
    def terms(self) -> Mapping[str, Term]:
        """What it knows of its versions' terms."""
        known: Mapping[str, Term] = self._tally._versions.terms
        return known

    def flush(self) -> list[Publish]:
        """The tally's; a version that it lets go may come back with a clock of its own."""
        effects: list[Publish] = self._tally.flush()
        held = self._tally.watermarks_ms()
        self._seen = {key: seen for key, seen in self._seen.items() if key in held}
        return effects

    def accept(self, batch: RecordBatch) -> list[Publish]:
        """The tally's, then the checks."""
        effects: list[Publish] = self._tally.accept(batch)
        now = self._tally.watermarks_ms()
        for key, topics in self._seen.items():
            for topic, before in topics.items():
                if before is None:
                    continue
                if now[key][topic] is None or now[key][topic] < before:
                    self._fail(f"the watermark of {key} in {topic} went back")
        self._seen = now
        outcomes = self._tally.outcomes
        if outcomes.ended(batch.topic) != outcomes.records.get(batch.topic, 0):
            self._fail(f"records of {batch.topic}/{batch.partition} did not end as one outcome")
        return effects


class ObservedJudge:
    """A judge whose clock must never go back."""

    def __init__(self, judge: Any, fail: Fail) -> None:  # noqa: ANN401
        self._judge = judge
        self._fail = fail
        self._clock_ms = _clock_of(judge)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._judge, name)

    def begin(self, value: bytes) -> list[Publish]:
        """The judge's, then the check."""
        return self._looked(self._judge.begin(value))

    def go_on(self) -> list[Publish]:
        """The judge's, then the check."""
        return self._looked(self._judge.go_on())

    def _looked(self, effects: list[Publish]) -> list[Publish]:
        now_ms = _clock_of(self._judge)
        over = self._judge.is_over
        if not over and self._clock_ms is not None and (now_ms is None or now_ms < self._clock_ms):
            self._fail("the clock of a judge went back")
        self._clock_ms = now_ms
        return effects


def _clock_of(judge: Any) -> int | None:  # noqa: ANN401
    clock_ms: int | None = judge.flows[DATA].clock_ms
    return clock_ms


class ObservedCore(EngineCore):
    """The real core with observers around what it builds."""

    def __init__(self, models: Sequence[MonitoredModel], partitions: int, fail: Fail) -> None:
        super().__init__(models, partitions)
        self.given = models
        """Those of files."""
        self._fail = fail

    @property
    def terms(self) -> Mapping[str, Term]:
        """What is known of them now."""
        return self._terms

    def tally(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """The real one, watched."""
        return ObservedTally(super().tally(*arguments, **named), self._fail)

    def judge(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """The real one, watched."""
        return ObservedJudge(super().judge(*arguments, **named), self._fail)
