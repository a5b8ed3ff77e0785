"""Compiling the kernels before a worker joins its group.

Rule.  The first batch compiles them, which takes seconds on a new machine, and a member of a group
that is silent for seconds is taken for dead.  So one event of each model goes through a pipeline of
its own first, to one judged window, and is forgotten.  No more than one, and of a few features:
kernels are compiled for types, not for lengths, and a thousand features take a third of a second.
What one event cannot reach, a test of rates that needs many, and estimators over losses, which wait
for the labels' clock, is called by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import orjson

from detectors.rate_shift import p_value
from engine.model import MonitoredModel, build_model
from engine.pipeline import Pipeline
from engine.records import RecordBatch
from engine.spec import Topic

EVENT_MS: Final = 1_767_225_600_000
"""2026-01-01T00:00Z; any time would do."""
WARMED_FEATURES: Final = 4
"""Of each type."""


def warm_up(models: Sequence[MonitoredModel]) -> None:
    """Run one event of each model through everything that a worker runs."""
    narrow = [_narrowed(model) for model in models]
    pipeline = Pipeline(narrow, 1)
    taken: dict[Topic, int] = {}
    for model in narrow:
        spec = model.spec
        step_ms = min(window.judge_every_ms for window in spec.windows)
        closing_ms = (EVENT_MS // step_ms + 1) * step_ms + spec.time.lateness_ms
        head = {"event_id": "0", "model": spec.model, "version": spec.version, "ts": EVENT_MS}
        # A value of each feature, for the estimators have nothing to do with a missing one.
        features = {f.name: 0.0 if f.type == "numeric" else "" for f in spec.features}
        ahead = {"heartbeat": True, "model": spec.model, "ts": closing_ms}
        event = {**head, "features": features, "score": 0.5, "label": 1}
        for topic in spec.inputs:
            for value in (event, ahead):
                pipeline.accept(_batch(topic, taken, value))
    pipeline.flush()
    for joining in pipeline.tallies[0].joinings.values():
        if joining.losses is not None:
            joining.losses.rehearse()
    p_value(1, 2, 1, 2, "either")


def _narrowed(model: MonitoredModel) -> MonitoredModel:
    """The model with its first few features."""
    features = model.spec.features
    kept = [
        feature
        for kind in ("numeric", "categorical")
        for feature in [f for f in features if f.type == kind][:WARMED_FEATURES]
    ]
    if len(kept) == len(features):
        return model
    spec = msgspec.structs.replace(model.spec, features=tuple(kept))
    own = {feature.name: model.profile.features[feature.name] for feature in kept}
    return build_model(spec, msgspec.structs.replace(model.profile, features=own))


def _batch(topic: Topic, taken: dict[Topic, int], value: dict[str, Any]) -> RecordBatch:
    offset = taken.get(topic, 0)
    taken[topic] = offset + 1
    record_ms = int(value["ts"])
    return RecordBatch(topic, 0, [offset], [record_ms], [b"0"], [orjson.dumps(value)])
