"""Output topics that answer when a test says so, and the shell of a worker over them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from engine.effects import Publish
from engine.panes import PaneError
from engine.snapshot import Snapshot
from streams.benches import PANES
from streams.checkpoint import Outbox
from streams.core import Core
from streams.judging import Judging
from streams.live import LiveState
from streams.recovery import Recovery
from streams.snapshot_table import Home, SnapshotTable
from streams.snapshots import Owner
from streams.tallying import Tallying
from streams.topics import INPUT_ROLES

SNAPSHOTS = "drift.snapshots"


class Sink:
    """What was sent, in order; each send is confirmed at once, or kept until ``come_back``."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = answers
        self.sent: list[tuple[str, bytes | None, bytes | None]] = []
        self.most_open = 0
        self.open_at_snapshot = 0
        """Effects not confirmed yet when a record of a snapshot was sent; the most of all times."""
        self._open: deque[asyncio.Future[None]] = deque()
        self._effects_open = 0

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, *_: object
    ) -> asyncio.Future[None]:
        """As Faust's producer."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append((topic, key, value))
        self._open.append(settled)
        if topic == SNAPSHOTS:
            self.open_at_snapshot = max(self.open_at_snapshot, self._effects_open)
        else:
            self._effects_open += 1
            settled.add_done_callback(self._no_longer_open)
        self.most_open = max(self.most_open, len(self._open))
        if self.answers:
            self.confirm(1)
        return settled

    def confirm(self, count: int) -> None:
        """Confirm the oldest sends that wait."""
        for _ in range(min(count, len(self._open))):
            self._open.popleft().set_result(None)

    def refuse(self, error: Exception) -> None:
        """Fail every send that waits."""
        while self._open:
            self._open.popleft().set_exception(error)

    def come_back(self) -> None:
        """Confirm what waits, and from now on everything at once."""
        self.answers = True
        self.confirm(len(self._open))

    def _no_longer_open(self, _: object) -> None:
        self._effects_open -= 1

    def topics(self) -> list[str]:
        """The topic of each send."""
        return [topic for topic, _, _ in self.sent]


@dataclass
class Shell:
    """The tallies and judges of one worker over a sink."""

    core: Core
    sink: Sink
    partitions: int = 1
    live: LiveState = field(default_factory=LiveState)
    feed: Any = None
    """Only who is to be declared idle needs one."""

    def __post_init__(self) -> None:
        data = SimpleNamespace(data={}, _key_partition={})
        send, live = cast("Any", self.sink.send), self.live
        table = SimpleNamespace(data=data)
        self.snapshots = SnapshotTable(table, SNAPSHOTS, send, live, Home(self.partitions))
        self.outbox = outbox = Outbox(send, lambda role: f"drift.{role}", self.core.read, live)
        self.tallying = Tallying(self.core, outbox, self.snapshots, self.feed, live)
        self.judging = Judging(self.core, self.partitions, outbox, self.snapshots, live)

    async def take_up(self) -> None:
        """Take every partition up, as generation 1."""
        self.snapshots.look()
        recovery = Recovery("refuse", self.snapshots, self.live, Owner("g", 1))
        committed = dict.fromkeys(
            ((role, p) for role in (*INPUT_ROLES, PANES) for p in range(self.partitions)), None
        )
        await self.tallying.take_up(committed, recovery)
        await self.judging.take_up(committed, recovery)
        recovery.conclude()
        self.tallying.go(1)
        self.judging.go(1)


async def stands_still(task: asyncio.Task[Any]) -> bool:
    """Whether a task waits for something that does not come."""
    for _ in range(50):
        await asyncio.sleep(0)
    return not task.done()


class TalkativeJudge:
    """Says ``says`` things to every record."""

    moved_by_ms = -1
    fresh = policy_changed = behind = False
    open_pane_bytes = 0

    def __init__(self, says: int) -> None:
        self._says = says
        self._records = 0

    def begin(self, value: bytes) -> list[Publish]:
        """The next things."""
        self._records += 1
        numbers = range((self._records - 1) * self._says, self._records * self._says)
        return [Publish("judgements", value, b"%d" % number) for number in numbers]

    def snapshot(self) -> Snapshot:
        """How many records it took."""
        return Snapshot(b"%d" % self._records)


class JudgesOnly:
    """A core of one talkative judge."""

    def __init__(self, says: int) -> None:
        self._says = says

    def models(self) -> dict[str, str]:
        """One."""
        return {"m@v1": "m"}

    def idle_ms(self, *_: str) -> int:
        """Long."""
        return 10**9

    def tally(self, *_: object) -> Any:  # noqa: ANN401 - of no interest here
        """A tally that takes nothing."""
        return SimpleNamespace(
            covered={},
            fresh=(),
            open_cells=0,
            watermarks_ms=dict,
            snapshot=Snapshot,
            labels_ahead=lambda **_: False,
        )

    def judge(self, *_: object) -> TalkativeJudge:
        """The judge."""
        return TalkativeJudge(self._says)

    def read(self, value: bytes) -> tuple[str, bool]:
        """Everything is its own."""
        if not value:
            raise PaneError("empty")
        return "m@v1", False
