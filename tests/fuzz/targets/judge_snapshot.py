"""A judge's snapshot, damaged or made up: SnapshotError, or a sound state; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.judge import Judge
from engine.panes import encode
from engine.snapshot import Snapshot
from tests.fuzz.models_under_fuzz import judged, lighten
from tests.fuzz.resealing import check
from tests.fuzz.targets import tally_snapshot
from tests.fuzz.targets.panes import PARTITIONS, sound_records, take

RUNS: Final = 100_000
MAX_BYTES: Final = 200
INSTRUMENTED: Final = ("engine",)
WORDS: Final = tally_snapshot.WORDS


def sound_snapshot() -> Snapshot:
    """Of a judge with open panes, rolled-up ones, judged windows and marks."""
    judge = Judge(judged(), PARTITIONS)
    for record in sound_records():
        judge.accept(encode(record))
    return judge.snapshot()


def prepare() -> Callable[[bytes], None]:
    """The sound snapshot; the judge is new for every restore."""
    lighten()

    def resume(snapshot: Snapshot) -> Judge:
        return Judge(judged(), PARTITIONS, resume=snapshot)

    values = [encode(record) for record in sound_records()]

    def work_on(judge: Judge) -> None:
        for value in values:
            take(judge, value)

    return check(resume, sound_snapshot(), judged().layout.size, work_on)


def seeds() -> Mapping[str, bytes]:
    """One change of every kind in several places."""
    return tally_snapshot.seeds()
