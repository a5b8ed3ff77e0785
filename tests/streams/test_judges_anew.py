"""A judge that begins anew reads its partition from the beginning, also when a crash comes in the
middle of its first saving, and beside judges that go on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from engine.snapshot import Snapshot, SnapshotError
from streams.benches import PANES, judge_name
from streams.checkpoint import Outbox
from streams.feed import PanesBatch
from streams.judging import Judging
from streams.live import LiveState
from streams.recovery import Recovery, RestoreError
from streams.settings import RecoveryPolicy
from streams.snapshot_table import Home, Name, SnapshotTable
from streams.snapshots import Owner
from streams.starting_offsets import starting_offsets
from tests.streams.sinks import Sink

MODELS = ("m@1", "m@2")
LOG = tuple(f"{MODELS[number % 2]} {number}".encode() for number in range(8))
"""Records of the panes topic, in turns for one judge and the other."""


class Listener:
    """A judge that remembers what it was told."""

    moved_by_ms, open_pane_bytes = -1, 0
    policy_changed = behind = False

    def __init__(self, resume: Snapshot | None) -> None:
        if resume is not None and resume.state == b"damaged":
            raise SnapshotError("damaged")
        changed = resume is not None and resume.state == b"another layout"
        self.fresh = changed
        self.told: list[bytes] = []
        if resume is not None and not changed:
            self.told = msgspec.msgpack.decode(resume.state, type=list[bytes])

    def begin(self, value: bytes) -> list[Any]:
        """Remember it."""
        self.told.append(value)
        return []

    def snapshot(self) -> Snapshot:
        """All of it."""
        return Snapshot(msgspec.msgpack.encode(self.told))


class Listeners:
    """A core of listeners, for some of the models."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self.names = models

    def models(self) -> dict[str, str]:
        """Both versions are of one model."""
        return dict.fromkeys(self.names, "m")

    def teach(self, _: object) -> None:
        """Nobody counts."""

    def untold_term(self, *_: object) -> None:
        """Nothing is registered."""

    def is_outdated(self, *_: object) -> bool:
        """Nor was anything."""
        return False

    def judge(self, _: str, resume: Snapshot | None) -> Listener:
        """One more."""
        return Listener(resume)

    def read(self, value: bytes) -> tuple[str, bool]:
        """A record begins with its judge."""
        return value.decode().split()[0], False


class Life:
    """One life of a worker over a snapshots topic that outlives it."""

    def __init__(
        self,
        records: dict[bytes, bytes],
        number: int,
        models: tuple[str, ...],
        policy: RecoveryPolicy = "rebuild",
    ) -> None:
        self.sink = Sink()
        send, live = cast("Any", self.sink.send), LiveState()
        self.live = live
        store: Any = SimpleNamespace(data=SimpleNamespace(data=records, _key_partition={}))
        self.table = SnapshotTable(store, "snapshots", send, live, Home(1))
        self.core = Listeners(models)
        core, outbox = cast("Any", self.core), Outbox(send, str, self.core.read, live)
        self.judging = Judging(core, 1, outbox, self.table, live)
        self.recovery = Recovery(policy, self.table, live, Owner("g", number))

    async def take_up(self) -> None:
        """Restore and go."""
        self.table.look()
        await self.judging.take_up({(PANES, 0): None}, self.recovery)
        await self.table.claim(self.judging.names())
        self.judging.go(1)

    async def read_to(self, end: int) -> None:
        """Read the log from where it is needed."""
        at = self.judging.needed()[PANES, 0]
        await self.judging.take_in(PanesBatch(0, list(range(at, end)), list(LOG[at:end])), 1)

    def told(self, key: str) -> list[bytes]:
        """What a judge was told."""
        seats = self.judging.benches[0].seats
        return cast("Listener", seats[key].judge).told


def own(key: str) -> list[bytes]:
    """What a judge must have been told of the whole log, once each."""
    return [value for value in LOG if value.startswith(key.encode())]


async def saved(records: dict[bytes, bytes], models: tuple[str, ...] = MODELS) -> None:
    """A first life reads the whole log and saves."""
    life = Life(records, 1, models)
    await life.take_up()
    await life.read_to(len(LOG))
    await life.judging.checkpoint()


async def spoil(records: dict[bytes, bytes], state: bytes) -> None:
    """The newest snapshot of the second judge is something else."""
    table = Life(records, 1, MODELS).table
    table.look()
    name = judge_name(MODELS[1])
    number = table.highest(name)
    assert number is not None
    await table.write(Name(name, 0, number, Owner("g", 1)), {PANES: len(LOG)}, Snapshot(state))


@pytest.mark.parametrize("state", [b"damaged", b"another layout"])
@pytest.mark.parametrize("read", range(1, len(LOG) + 1))
def test_a_crash_in_the_first_saving_loses_nothing(state: bytes, read: int) -> None:
    """Judges are saved before their partition's head; a judge made anew that was saved and whose
    partition's head was not must still be told the rest."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        await saved(records)
        await spoil(records, state)
        doomed = Life(records, 2, MODELS)
        await doomed.take_up()
        assert doomed.judging.needed() == {(PANES, 0): 0}
        await doomed.read_to(read)
        write, written = doomed.table.write, []

        async def crashing(to: Name, *arguments: Any) -> None:  # noqa: ANN401
            written.append(to.name)
            if written[-1].startswith(PANES) and any(n.startswith("judge") for n in written):
                raise RuntimeError("killed")
            await write(to, *arguments)

        doomed.table.write = crashing  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="killed"):
            await doomed.judging.checkpoint()
        heir = Life(records, 3, MODELS)
        await heir.take_up()
        await heir.read_to(len(LOG))
        assert {key: heir.told(key) for key in MODELS} == {key: own(key) for key in MODELS}

    asyncio.run(main())


def test_a_judge_that_was_not_told_of_is_told_all() -> None:
    """One that is new, and one that was away for a life, read what was said meanwhile."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        await saved(records, MODELS[:1])
        both = Life(records, 2, MODELS)
        await both.take_up()
        await both.read_to(4)
        await both.judging.checkpoint()
        alone = Life(records, 3, MODELS[:1])
        await alone.take_up()
        await alone.read_to(len(LOG))
        await alone.judging.checkpoint()
        again = Life(records, 4, MODELS)
        await again.take_up()
        await again.read_to(len(LOG))
        assert {key: again.told(key) for key in MODELS} == {key: own(key) for key in MODELS}

    asyncio.run(main())


def test_a_judge_that_lost_its_newest_snapshot_is_not_taken_for_whole() -> None:
    """Its partition was saved after it and says how far it was: what lies between is not skipped in
    silence, but refused, or read again by choice."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        first = Life(records, 1, MODELS)
        await first.take_up()
        await first.read_to(4)
        await first.judging.checkpoint()
        second = Life(records, 2, MODELS)
        await second.take_up()
        kept = dict(records)
        await second.read_to(len(LOG))
        await second.judging.checkpoint()
        lost = judge_name(MODELS[1])
        for key in [key for key in records if key.startswith(lost.encode())]:
            del records[key]
        records.update({k: v for k, v in kept.items() if k.startswith(lost.encode())})
        wary = Life(records, 3, MODELS, "refuse")
        await wary.take_up()
        with pytest.raises(RestoreError, match=f"{lost}: it covers 4 of panes/0; a newer one"):
            wary.recovery.conclude()
        heir = Life(records, 4, MODELS)
        await heir.take_up()
        await heir.read_to(len(LOG))
        assert {key: heir.told(key) for key in MODELS} == {key: own(key) for key in MODELS}

    asyncio.run(main())


def test_a_log_that_ends_above_a_judge_is_a_gap_also_when_another_begins_anew() -> None:
    """The one that begins anew reads from the beginning; the other one still needs what comes
    after its own snapshot."""

    async def main() -> None:
        records: dict[bytes, bytes] = {}
        await saved(records, MODELS[:1])
        both = Life(records, 2, MODELS)
        await both.take_up()
        source = (PANES, 0)
        assert both.judging.needed() == {source: 0}
        assert both.judging.continued() == {source: len(LOG) - 1}
        for low, gaps in ((3, 0), (len(LOG) - 1, 0), (len(LOG), 1)):
            starts, found = starting_offsets(
                {source: (low, 20)}, both.judging.needed(), lambda _: 0, both.judging.continued()
            )
            assert starts == {source: low}
            assert len(found) == gaps

    asyncio.run(main())
