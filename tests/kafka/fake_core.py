"""A core whose state proves exactness: a count and a chained checksum per input topic.

Rule.  The chain over the records of one partition depends on every record and on their order, so
equal chains mean that none was lost, none taken twice and none out of turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from zlib import crc32

import msgspec

from engine.effects import Publish
from engine.records import RecordBatch
from engine.snapshot import Snapshot
from engine.spec import Topic

KEY = "fake@1"
NAME = "fake"


class Told(msgspec.Struct, array_like=True):
    """A record of the fake's panes topic."""

    mark: bool
    partition: int
    stamp: tuple[int, int, int]
    counts: dict[str, int]
    chains: dict[str, int]
    idle: list[str]


TOPICS: Final[tuple[Topic, ...]] = ("features", "predictions", "labels")


class TallyState(msgspec.Struct, array_like=True):
    """The state of a fake tally."""

    epoch: int
    covered: dict[Topic, int]
    counts: dict[str, int]
    chains: dict[str, int]
    idle: list[str]


def chained(chain: int, value: bytes | None) -> int:
    """The chain continued by one record."""
    return crc32(value or b"", chain)


class BrokenFakeError(RuntimeError):
    """What a broken invariant raises."""


class FakeTally:
    """Counts and chains."""

    open_cells = 0

    fresh: Final = ()

    def labels_ahead(self, *, held: bool) -> bool:
        """Never: nothing is joined."""
        del held
        return False

    def __init__(
        self,
        partition: int,
        resume: Snapshot | None,
        generation: int,
        padding: int,
        breaks_at: bytes | None = None,
    ) -> None:
        self.breaks_at = breaks_at
        self.partition = partition
        self.generation = generation
        self.seq = 0
        self.padding = padding
        if resume is None:
            self.state = TallyState(1, {}, {}, {}, [])
        else:
            self.state = msgspec.msgpack.decode(resume.state[padding:], type=TallyState)
            self.state.epoch += 1

    @property
    def reread_records(self) -> int:
        """No filters."""
        return 0

    @property
    def covered(self) -> dict[Topic, int]:
        """Next offset per topic."""
        return self.state.covered

    def watermarks_ms(self) -> dict[str, dict[Topic, int | None]]:
        """No event time here."""
        return {KEY: dict.fromkeys(TOPICS, 0)}

    @property
    def heard(self) -> set[str]:
        """Every record is of the one model."""
        return {KEY}

    def accept(self, batch: RecordBatch) -> list[Publish]:
        """Count and chain; values that begin with ``bad`` become dead letters."""
        state, topic = self.state, batch.topic
        start = state.covered.get(topic, -1)
        chain, count = state.chains.get(topic, 0), state.counts.get(topic, 0)
        letters = []
        for offset, value in zip(batch.offsets, batch.values, strict=True):
            if offset < start:
                continue
            assert start < 0 or offset == start, (
                f"{topic}/{batch.partition}: {offset} after {start}"
            )
            start = offset + 1
            if value is not None and value == self.breaks_at:
                raise BrokenFakeError(f"this record breaks it, at {offset}")
            chain = chained(chain, value)
            count += 1
            if value is not None and value.startswith(b"bad"):
                headers = (("longshore.reason", b"bad"),)
                letters.append(Publish("dead-letters", None, value, headers))
        state.covered[topic] = start
        state.chains[topic], state.counts[topic] = chain, count
        if topic in state.idle:
            state.idle.remove(topic)
        return letters

    def declare_idle(self, topic: Topic, key: str) -> None:
        """Remember it."""
        assert key == KEY
        if topic not in self.state.idle:
            self.state.idle.append(topic)

    def flush(self) -> list[Publish]:
        """One pane, one mark."""
        return [self._told(mark=False), self._told(mark=True)]

    def _told(self, *, mark: bool) -> Publish:
        self.seq += 1
        state = self.state
        told = Told(
            mark,
            self.partition,
            (state.epoch, self.generation, self.seq),
            dict(state.counts),
            dict(state.chains),
            list(state.idle),
        )
        return Publish("panes", NAME.encode(), msgspec.msgpack.encode(told))

    def snapshot(self) -> Snapshot:
        """The state, and a piece that never changes."""
        piece = b"piece" * (self.padding // 10)
        pieces = {hashlib.sha256(piece).digest(): piece} if piece else {}
        return Snapshot(b"." * self.padding + msgspec.msgpack.encode(self.state), pieces)

    def read_on_from(self, topic: Topic, offset: int) -> None:
        """Go on there."""
        self.state.covered[topic] = offset


class FakeJudge:
    """Says what each mark says, once per stamp."""

    moved_by_ms = -1
    fresh = False

    def __init__(self, resume: Snapshot | None) -> None:
        self.held: dict[int, tuple[int, int, int]] = {}
        if resume is not None:
            self.held = msgspec.msgpack.decode(resume.state, type=dict[int, tuple[int, int, int]])

    behind = False

    def go_on(self) -> list[Publish]:
        """Never anything left."""
        return []

    def begin(self, value: bytes) -> list[Publish]:
        """Repeat what a mark says, once."""
        told = msgspec.msgpack.decode(value, type=Told)
        if not told.mark or told.stamp <= self.held.get(told.partition, (0, 0, 0)):
            return []
        self.held[told.partition] = told.stamp
        return [Publish("judgements", NAME.encode(), msgspec.json.encode(told))]

    open_pane_bytes = 0
    policy_changed = False

    def snapshot(self) -> Snapshot:
        """The state."""
        return Snapshot(msgspec.msgpack.encode(self.held))


class FakeCore:
    """One model over fakes; ``padding`` makes snapshots larger than one record."""

    def __init__(
        self, idle_ms: int = 2_000, padding: int = 0, breaks_at: bytes | None = None
    ) -> None:
        self._breaks_at = breaks_at
        self._idle_ms = idle_ms
        self._padding = padding

    def models(self) -> Mapping[str, str]:
        """The one model."""
        return {KEY: NAME}

    def idle_ms(self, key: str, topic: Topic) -> int:  # noqa: ARG002 - one for all
        """As given."""
        assert key == KEY
        return self._idle_ms

    def tally(
        self, partition: int, resume: Snapshot | None, generation: int, keeping: object = None
    ) -> FakeTally:
        """A tally of this partition, which has no labels to keep."""
        assert keeping is None
        return FakeTally(partition, resume, generation, self._padding, self._breaks_at)

    def judge(self, key: str, resume: Snapshot | None) -> FakeJudge:
        """The one judge."""
        assert key == KEY
        return FakeJudge(resume)

    def read(self, value: bytes) -> tuple[str, bool]:
        """The one model; a mark if the record says so."""
        return KEY, msgspec.msgpack.decode(value, type=Told).mark
