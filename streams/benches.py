"""Where the judges of a worker sit: one bench per partition of the panes topic, a seat per judge.

Rule.  A bench is saved after its seats, as the list of its judges and the offset that each covers
at least: a judge that is restored to less has lost a snapshot on the way, and what lies between
would never reach it.  That holds for judges saved by the list's own generation or an earlier one.
A later one may have saved a judge and no list yet, and a zombie's late list then speaks of more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiokafka.partitioner import murmur2

from engine.panes import every_version
from engine.snapshot import Snapshot, SnapshotError
from streams.core import JudgeLike
from streams.snapshot_table import Name
from streams.snapshots import Restored

PANES: Final = "panes"


def panes_partition(model: str, partitions: int) -> int:
    """The partition of the panes topic that holds a model: Java's murmur2 of its name."""
    return int((murmur2(model.encode()) & 0x7FFFFFFF) % partitions)


def judge_name(key: str) -> str:
    """The snapshot name of a judge; a slash inside a version must not look like a generation."""
    return f"judge/{quote(key, safe='@')}"


@dataclass
class Seat:
    """One judge and what the shell knows about it."""

    judge: JudgeLike
    name: Name
    covered: int
    """Records of the partition below this are in the judge already."""
    unsaved: bool = False


@dataclass
class Bench:
    """One partition of the panes topic."""

    name: Name
    position: int
    listed: dict[str, int] = field(default_factory=dict)
    """Judges that the snapshot says were saved, and the offset that each covered at least."""
    listed_by: int = 0
    """The generation that wrote that snapshot."""
    seats: dict[str, Seat] = field(default_factory=dict)
    sent: list[Awaitable[Any]] = field(default_factory=list)
    unsaved: bool = False
    durable: int | None = None
    control: dict[str, int] = field(default_factory=dict)
    """Next record of each partition of a control topic (:func:`streams.forwarding.place_of`):
    those before were handed on to these judges, or are none of theirs."""
    forgotten: set[str] = field(default_factory=set)
    """Judges that were let go since, and of which snapshots may be left."""
    swept: bool = False
    """Whether snapshots that are nobody's were looked for."""

    def covered(self, position: int) -> dict[str, int]:
        """All that a snapshot of it covers, the panes up to ``position``."""
        return {PANES: position, **self.control}

    def about(self, target: str, value: bytes, offset: int) -> Seat | None:
        """Who takes a record that is about a model, whatever its version: the judge that said what
        it is about, or else one that is past it already and drops it, or else the last."""
        if not target.endswith(every_version("")):
            return None
        versions = [seat for key, seat in sorted(self.seats.items()) if key.startswith(target)]
        seats = [seat for seat in versions if seat.judge.takes_answers]
        known = [seat for seat in seats if len(seats) > 1 and seat.judge.knows(value)]
        past = [seat for seat in seats if offset < seat.covered]
        return next(iter([*known, *past, *seats[-1:]]), None)


def bench_of(name: Name, listed: dict[str, int], restored: Restored | None) -> Bench:
    """A bench without seats yet, as its snapshot says; as new without one."""
    if restored is None:
        return Bench(name, position=0)
    covered = dict(restored.covered)
    position = covered.pop(PANES, 0)
    return Bench(
        name,
        position=position,
        listed=listed,
        listed_by=restored.generation,
        durable=position or None,
        control=covered,
    )


def list_of(bench: Bench) -> dict[str, int]:
    """Judge -> the offset that it covers, as its seats are saved now."""
    return {key: seat.covered for key, seat in sorted(bench.seats.items())}


def known_of(bench: Bench) -> dict[str, int]:
    """The same of the judges that were saved before, which nothing new was saved of yet."""
    known = {key: at for key, at in bench.listed.items() if key in bench.seats}
    return {key: min(at, bench.seats[key].covered) for key, at in known.items()}


def list_snapshot(listed: Mapping[str, int]) -> Snapshot:
    """What is saved of a bench."""
    return Snapshot(msgspec.msgpack.encode(dict(listed)))


def read_list(snapshot: Snapshot) -> dict[str, int]:
    """Judge -> the offset that it covered at least; SnapshotError when it is no such list."""
    try:
        return msgspec.msgpack.decode(snapshot.state, type=dict[str, int])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SnapshotError(f"not a list of judges: {error}") from error
