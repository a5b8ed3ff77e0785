"""What a worker says when restored counts do not fit a changed spec."""

from __future__ import annotations

import logging
from typing import Any, cast

import msgspec
import pytest

from streams.core import EngineCore
from streams.judging import PANES, Judging
from streams.live import LiveState
from streams.snapshots import Restored
from streams.tallying import Tallying
from tests.engine.models import START, batch, model_of, raw, run, spec_text

PARTITIONS = 2


class Saved:
    """Snapshots as an earlier run left them."""

    def __init__(self, states: dict[str, Restored]) -> None:
        self._states = states

    def restore(self, name: str) -> Restored | None:
        """The one of this name."""
        return self._states.get(name)


def restored(covered: dict[str, int], state: bytes) -> Restored:
    """A snapshot of the first generation."""
    return Restored(generation=1, covered=covered, state=state, slot=0)


def saved_by(text: str) -> Saved:
    """The snapshots of a run of this spec over both partitions."""
    logs = [batch([raw(i, START + i) for i in range(50)], partition=p) for p in range(PARTITIONS)]
    pipeline = run([model_of(text)], PARTITIONS, logs)[1]
    states = {
        f"tally/{p}": restored(dict(tally.covered.items()), tally.snapshot())
        for p, tally in enumerate(pipeline.tallies)
    }
    states["judge/m@v1"] = restored({PANES: 4}, pipeline.judges["m@v1"].snapshot())
    states["panes/0"] = restored({PANES: 4}, msgspec.msgpack.encode(["m@v1"]))
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
    with caplog.at_level(logging.WARNING, "longshore.worker"):
        Tallying(core, outside, snapshots, outside, live).take_up(
            {("predictions", p): 50 for p in range(PARTITIONS)}, 2
        )
        Judging(core, 1, outside, snapshots, live).take_up({(PANES, 0): 4}, 2)
    said = [record.getMessage() for record in caplog.records]
    if changed:
        assert len(said) == 2
        assert said[0].startswith("counts of m@v1 start afresh in partitions [0, 1]: the layout")
        assert said[1].startswith("windows of m@v1 start afresh")
    else:
        assert said == []
