"""What a worker says when restored counts do not fit a changed spec."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

import msgspec
import pytest

from engine.snapshot import Snapshot
from streams.benches import PANES
from streams.core import EngineCore
from streams.judging import Judging
from streams.live import LiveState
from streams.recovery import Recovery
from streams.snapshots import Owner, Restored
from streams.tallying import Tallying
from tests.engine.models import START, batch, model_of, raw, run, spec_text

PARTITIONS = 2


class Saved:
    """Snapshots as an earlier run left them."""

    def __init__(self, states: dict[str, Restored]) -> None:
        self._states = states

    def newest(self, name: str) -> int | None:
        """Its generation."""
        saved = self._states.get(name)
        return None if saved is None else saved.generation

    highest = newest

    def owner(self, _: str) -> Owner | None:
        """Nobody in particular."""
        return None

    def restore(self, name: str, partition: int | None = None) -> Restored | None:
        """The one of this name."""
        del partition
        return self._states.get(name)


def restored(covered: dict[str, int], snapshot: Snapshot) -> Restored:
    """A snapshot of the first generation."""
    return Restored(
        generation=1,
        covered=covered,
        snapshot=snapshot,
        slot=0,
        partitions=PARTITIONS,
        topic_ids={},
    )


def saved_by(text: str) -> Saved:
    """The snapshots of a run of this spec over both partitions."""
    logs = [batch([raw(i, START + i) for i in range(50)], partition=p) for p in range(PARTITIONS)]
    pipeline = run([model_of(text)], PARTITIONS, logs)[1]
    states = {
        f"tally/{p}": restored(dict(tally.covered.items()), tally.snapshot())
        for p, tally in enumerate(pipeline.tallies)
    }
    states["judge/m@v1"] = restored({PANES: 4}, pipeline.judges["m@v1"].snapshot())
    states["panes/0"] = restored({PANES: 4}, Snapshot(msgspec.msgpack.encode({"m@v1": 4})))
    return Saved(states)


@pytest.mark.parametrize("changed", [False, True])
def test_a_changed_layout_is_told_once_per_model(
    *, changed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Tallies and judge say it in one line each that names the model; the same spec says none."""
    snapshots = cast("Any", saved_by(spec_text()))
    features = "{x: {type: numeric, bins: 4}, c: {type: categorical}}"
    rules = "{cooldown: 3m}"
    now = model_of(spec_text(features=features, retraining=rules) if changed else spec_text())
    core, live, outside = EngineCore([now], PARTITIONS), LiveState(), cast("Any", None)
    tallying = Tallying(core, outside, snapshots, outside, live)
    judging = Judging(core, 1, outside, snapshots, live)

    async def take_up() -> None:
        recovery = Recovery("refuse", snapshots, live, Owner("g", 2))
        committed = {("predictions", p): 50 for p in range(PARTITIONS)}
        await tallying.take_up(committed, recovery)
        await judging.take_up({(PANES, 0): 4}, recovery)
        recovery.conclude()
        tallying.go(2)
        judging.go(2)

    with caplog.at_level(logging.WARNING, "longshore.worker"):
        asyncio.run(take_up())
    said = [record.getMessage() for record in caplog.records]
    if changed:
        assert len(said) == 2
        assert said[0].startswith("counts of m@v1 start afresh in partitions [0, 1], and what")
        assert said[1].startswith("windows of m@v1 start afresh")
    else:
        assert said == []
