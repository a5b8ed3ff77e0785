"""Any record on the panes topic: PaneError or normal, and the judge works on as before.

Records are a tally's own with something changed inside, so that they have the right layout; raw
bytes are tried too.  Afterwards the judge's snapshot must come back as the same state, and a
sound mark must still be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from engine.judge import Judge
from engine.panes import Forwarded, Mark, PaneError, PaneRecord, encode, every_version, pack
from engine.retraining_results import ROLE
from engine.timestamps import NEWEST_MS
from tests.engine.models import MINUTE, START
from tests.fuzz.draw import Draw
from tests.fuzz.models_under_fuzz import judged, lighten
from tests.fuzz.target import holds
from tests.fuzz.tree_edits import edited

RUNS: Final = 50_000
MAX_BYTES: Final = 400
INSTRUMENTED: Final = ("engine",)
WORDS: Final = (b"predictions", b"m@v1", b"\x93", b"\xcf\xff\xff")
PARTITIONS: Final = 2
MOST_STEPS: Final = 2_000
"""More parts of a list of due windows than any record here calls for."""
_RAW: Final = 0xF0


def sound_records() -> list[PaneRecord | Mark | Forwarded]:
    """Two panes and the marks of both partitions, and answers to triggers."""
    model = judged()
    counts = np.zeros(model.layout.size, dtype=np.int64)
    counts[:2] = 5
    key, layout, packed = model.key, model.layout.hash, pack(counts)

    def mark(partition: int, seq: int, ms: int) -> Mark:
        return Mark(key, layout, partition, (1, 2, seq), {"predictions": ms}, (), {}, -1)

    def answer(offset: int, value: bytes) -> Forwarded:
        return Forwarded(every_version("m"), ROLE, "id", 0, offset, -1, value)

    return [
        PaneRecord(key, layout, 0, (1, 2, 1), START, packed, None),
        PaneRecord(key, layout, 1, (1, 2, 1), START + 10_000, packed, packed),
        mark(0, 2, START + MINUTE),
        mark(1, 2, START + MINUTE),
        PaneRecord(key, layout, 0, (1, 2, 3), START + 70_000, packed, packed),
        mark(0, 4, START + 3 * MINUTE),
        mark(1, 4, START + 3 * MINUTE),
        answer(0, b'{"trigger_id":"t","status":"accepted"}'),
        answer(1, b'{"trigger_id":"t","status":"ready","version":"v2"}'),
    ]


def prepare() -> Callable[[bytes], None]:
    """The records, as trees to be changed; the judge is new every time."""
    lighten()
    model = judged()
    trees: list[Any] = [
        msgspec.to_builtins(record, builtin_types=(bytes,)) for record in sound_records()
    ]
    values = [encode(record) for record in sound_records()]
    last = Mark(model.key, model.layout.hash, 0, (1 << 62, 0, 0), {"predictions": 0}, (), {}, -1)

    def execute(data: bytes) -> None:
        draw = Draw(data)
        judge = Judge(model, PARTITIONS)
        for value in values[: draw.below(len(values) + 1)]:
            take(judge, value)
        for _ in range(1 + draw.below(3)):
            taken = draw.byte()
            if taken >= _RAW:
                take(judge, draw.chunk())
            else:
                tree = edited(trees[taken % len(trees)], draw, model.layout.size)
                take(judge, msgspec.msgpack.encode(tree))
        held = judge.snapshot()
        again = Judge(model, PARTITIONS, resume=held)
        holds(again.snapshot() == held, "the snapshot does not come back")
        refused = take(judge, encode(last))
        holds(not refused, "a sound mark is refused")

    return execute


def take(judge: Judge, value: bytes) -> bool:
    """Hand over one record and do all that follows; whether it was refused."""
    try:
        judge.begin(value)
    except PaneError:
        holds(not judge.behind, "refused and yet behind")
        return True
    for _ in range(MOST_STEPS):
        if not judge.behind:
            break
        judge.go_on()
    holds(not judge.behind, "no end of windows")
    holds(judge.clock_ms is None or 0 <= judge.clock_ms <= NEWEST_MS, "event time is no time")
    return False


def seeds() -> Mapping[str, bytes]:
    """Sound records as they stand, and one edit of every kind in several places."""
    found = {
        f"record {n}": bytes([n, 0, 0xFF, len(data)]) + data
        for n, data in enumerate(map(encode, sound_records()))
        if len(data) < 255
    }
    for how in range(8):
        for record in range(9):
            found[f"edit {how} of {record}"] = bytes([record, 0, record, 0, how + 1, 0, how, how])
    return found
