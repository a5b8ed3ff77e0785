"""A tally's snapshot, damaged or made up: SnapshotError, or a sound state; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from engine import tally_snapshot
from engine.snapshot import Snapshot
from engine.tally import Tally
from tests.engine.models import START, batch, beat, raw
from tests.fuzz.models_under_fuzz import inline, lighten, watched
from tests.fuzz.resealing import check
from tests.fuzz.targets.tally import FreshTally

RUNS: Final = 200_000
MAX_BYTES: Final = 200
INSTRUMENTED: Final = ("engine",)
WORDS: Final = (b"tally", b"judge", b"predictions", b"LSHR")


def sound_snapshot() -> Snapshot:
    """Of a tally with an estimator, events on time and amended, and records of every other end."""
    tally = Tally(0, 2, [inline(), watched()])
    values = [raw(n, START + n * 7_000) for n in range(8)]
    values += [raw(n, START + n, version="v9") for n in range(40)]
    values += [raw(9, START), raw(10, START, model="x"), b"{", beat(START + 60_000)]
    tally.accept(batch(values))
    told = {"model": "m", "ts": START + 30_000, "label": 1}
    labels = [orjson.dumps({**told, "event_id": f"e{n}"}) for n in (0, 3, 7)]
    tally.accept(batch(labels, topic="labels"))
    tally.flush()
    return tally.snapshot()


def prepare() -> Callable[[bytes], None]:
    """The sound snapshot, and a tally that is made as new for every restore."""
    lighten()
    fresh = FreshTally([inline(), watched()])

    def resume(snapshot: Snapshot) -> Tally:
        tally = fresh.again()
        tally._resume(tally_snapshot.read(snapshot), snapshot.pieces)
        return tally

    good = batch([raw(50 + n, START + n * 9_000) for n in range(3)], first=1_000)

    def work_on(tally: Tally) -> None:
        tally.covered["predictions"] = 1_000
        tally.accept(good)
        tally.flush()
        tally.snapshot()

    return check(resume, sound_snapshot(), inline().layout.size, work_on)


def seeds() -> Mapping[str, bytes]:
    """One change of every kind in several places."""
    found = {"outside": b"\xe0\x05\x00\x01\x00", "raw": b"\xd0\x92\xa5tally\x90"}
    for how in range(8):
        for at in range(6):
            found[f"edit {how} at {at}"] = bytes([how, 0, 1, at, at, 0, 0xFF, how, how, how])
    return found
