"""States without what may differ between runs: who wrote them, and in how many tries."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from engine.join_store import JoinStore, MemoryStore
from engine.pending_store import PendingStore
from engine.pieces import PieceReader
from engine.snapshot import Snapshot
from engine.tally_snapshot import read
from streams.pending_disk import ModelDisk, PartitionDisk, model_of
from streams.pending_records import Refill
from streams.snapshots import Restored, Shelf, restore
from tests.simulation.broker import Broker
from tests.simulation.scenarios import TTL_MS
from tests.simulation.waiting import Disk, Medium


def durable(latest: Mapping[bytes, bytes], name: str) -> Restored | None:
    """What a worker that started now would restore."""
    generation = Shelf(latest).newest(name)
    return None if generation is None else restore(latest, name, generation)


def tally_state(tally: Any, learned: Collection[str] = ()) -> Any:  # noqa: ANN401
    """All that a tally keeps, but its epoch, and of versions that were ``learned`` what became of
    labels: those of others were theirs as well from when they were known."""
    waiting = {key: dict(joining.store.items()) for key, joining in tally.joinings.items()}
    return _without_epoch(tally.snapshot(), waiting, learned)


def saved_tally_state(broker: Broker, partition: int, learned: Collection[str] = ()) -> Any:  # noqa: ANN401
    """The same of the snapshot on the topic, and of what waits for labels on its own."""
    restored = durable(broker.snapshots[partition].latest, f"tally/{partition}")
    if restored is None:
        return None
    disk = PartitionDisk(Disk(Medium()), "")
    refill = Refill(disk)
    for _, key, value in broker.pending[partition].records:
        for _spent in refill.take([(key, value)]):
            pass
    saved, pieces = read(restored.snapshot), PieceReader(restored.snapshot.pieces)
    waiting = {}
    for key, model in saved.models.items():
        if model.joining is None:
            continue
        store: JoinStore = MemoryStore(TTL_MS)
        if model.joining.kind == "disk":
            entries = ModelDisk(model_of(key, model.layout))
            entries.disk = disk
            store = PendingStore(entries, 1 << 62)
            store.is_filled = True
        store.restore(model.joining.entries, pieces)
        waiting[key] = dict(store.items())
    return _without_epoch(restored.snapshot, waiting, learned)


def _without_epoch(snapshot: Snapshot, waiting: Any, learned: Collection[str]) -> Any:  # noqa: ANN401
    """The epoch says how often it was resumed, and which blocks are pieces is a matter of size."""
    saved = msgspec.structs.replace(read(snapshot), epoch=0)
    tree = msgspec.to_builtins(saved, builtin_types=(bytes,))
    pieces = PieceReader(snapshot.pieces)
    panes = {key: _contents(model.panes, pieces) for key, model in saved.models.items()}
    joins = {
        key: [
            waiting[key],
            {plane: _contents(held, pieces) for plane, held in model.joining.panes.items()},
            tree[4][key][5][1],
            *([] if key in learned else [tree[4][key][5][2]]),
        ]
        for key, model in saved.models.items()
        if model.joining is not None
    }
    models = {key: [model[:3], model[4], model[6:]] for key, model in tree[4].items()}
    return [tree[:4], models, panes, joins, tree[6]]


def _contents(panes: Mapping[int, Any], pieces: PieceReader) -> dict[int, list[bytes | None]]:
    """Counts of panes, wherever they stand."""
    return {
        start: [None if block is None else pieces.get(block).content for block in blocks]
        for start, blocks in panes.items()
    }


def judge_state(judge: Any) -> dict[str, Any]:  # noqa: ANN401
    """What a judge has come to, of a model or of a comparison."""
    if not hasattr(judge, "decisions"):
        return {
            "state": msgspec.to_builtins(judge.state, builtin_types=(bytes,)),
            "late counts": judge.late_counts,
            "judged windows": judge.judged_windows,
            "planes": {number: flow.clock_ms for number, flow in judge.flows.items()},
        }
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


def without_requests(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a judge that nobody answered, and of one that somebody did, are equal in all
    else."""
    decisions = dict(state["decisions"])
    del decisions["requests"]
    episodes = decisions["episodes"].items()
    kept = {key: one for key, one in episodes if not key.startswith("retraining/")}
    return state | {"decisions": decisions | {"episodes": kept}}
