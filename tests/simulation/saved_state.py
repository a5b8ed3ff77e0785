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
    panes = {key: _contents(model.panes, pieces) for key, model in saved.models.items()}
    joins = {
        key: [
            {at: pieces.get(block).content for at, block in model.joining.entries.items()},
            {plane: _contents(held, pieces) for plane, held in model.joining.panes.items()},
            *tree[-1][key][5][1:3],
        ]
        for key, model in saved.models.items()
        if model.joining is not None
    }
    models = {key: [model[:3], model[4]] for key, model in tree[-1].items()}
    return [tree[:-1], models, panes, joins]


def _contents(panes: Mapping[int, Any], pieces: PieceReader) -> dict[int, list[bytes | None]]:
    """Counts of panes, wherever they stand."""
    return {
        start: [None if block is None else pieces.get(block).content for block in blocks]
        for start, blocks in panes.items()
    }


def judge_state(judge: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a judge has come to."""
    return {
        "clock": judge.clock_ms,
        "late counts": judge.late_counts,
        "judged windows": judge.judged_windows,
        "totals": judge.totals.tolist(),
        "decisions": msgspec.to_builtins(judge.decisions),
        "latest": {name: judged.as_tree() for name, judged in judge.latest.items()},
        "performance": {
            place: judged.as_tree() for place, judged in judge.latest_performance.items()
        },
        "planes": {number: flow.clock_ms for number, flow in judge.flows.items()},
    }
