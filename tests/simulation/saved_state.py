"""States without what may differ between runs: who wrote them, and in how many tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.pieces import PieceReader
from engine.snapshot import Snapshot
from engine.tally_snapshot import read
from streams.snapshots import Restored, Shelf, restore


def durable(latest: Mapping[bytes, bytes], name: str) -> Restored | None:
    """What a worker that started now would restore."""
    generation = Shelf(latest).newest(name)
    return None if generation is None else restore(latest, name, generation)


def tally_state(tally: Any) -> Any:  # noqa: ANN401
    """All that a tally keeps, but its epoch."""
    return _without_epoch(tally.snapshot())


def saved_tally_state(latest: Mapping[bytes, bytes], partition: int) -> Any:  # noqa: ANN401
    """The same of the snapshot on the topic."""
    restored = durable(latest, f"tally/{partition}")
    return None if restored is None else _without_epoch(restored.snapshot)


def _without_epoch(snapshot: Snapshot) -> Any:  # noqa: ANN401
    """The epoch says how often it was resumed, and which blocks are pieces is a matter of size."""
    saved = msgspec.structs.replace(read(snapshot), epoch=0)
    tree = msgspec.to_builtins(saved, builtin_types=(bytes,))
    pieces = PieceReader(snapshot.pieces)
    panes = {
        key: {
            start: [None if block is None else pieces.get(block).content for block in blocks]
            for start, blocks in model.panes.items()
        }
        for key, model in saved.models.items()
    }
    return [tree[:-1], {key: [model[:3], model[4:]] for key, model in tree[-1].items()}, panes]


def judge_state(judge: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a judge has come to."""
    return {
        "clock": judge.clock_ms,
        "late counts": judge.late_counts,
        "judged windows": judge.judged_windows,
        "totals": judge.totals.tolist(),
        "decisions": msgspec.to_builtins(judge.decisions),
        "latest": {name: judged.as_tree() for name, judged in judge.latest.items()},
    }
