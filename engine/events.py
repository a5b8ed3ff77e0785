"""The events that services publish: the types, and the JSON Schemas made from the same types.

Rule.  These types are the contract with producers.  What the decoder accepts is derived from them
(:mod:`engine.decode`), so the published schema and the decoder cannot come apart.  Unknown fields
are ignored; ``null`` is missing; a wrong type in one feature spoils that feature only.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Timestamp = int | str
"""Epoch milliseconds, or RFC 3339 text with a zone; anything else is rejected, never guessed."""
FeatureValue = float | int | str | bool | None


class PredictionEvent(msgspec.Struct, kw_only=True):
    """One decision of a model, published by the serving service.  score or decision is needed."""

    event_id: str
    model: str
    version: str
    ts: Timestamp
    features: dict[str, FeatureValue] | None = None
    score: float | None = None
    scores: dict[str, float] | None = None
    decision: int | float | bool | str | None = None
    latency_ms: float | None = None
    role: Literal["champion", "challenger", "shadow"] | None = None
    segment: dict[str, str] | None = None
    unit: str | None = None
    value: float | None = None
    error: Any = None


class FeatureEvent(msgspec.Struct, kw_only=True):
    """The features of one decision, where they come apart from the prediction."""

    event_id: str
    model: str
    version: str
    ts: Timestamp
    features: dict[str, FeatureValue]
    source: Literal["serving", "offline"] = "serving"


class LabelEvent(msgspec.Struct, kw_only=True):
    """What turned out to be true of one decision; applies to every version of the model."""

    event_id: str
    model: str
    ts: Timestamp
    label: int | float | str | bool
    value: float | None = None


class HeartbeatEvent(msgspec.Struct, kw_only=True):
    """Moves the event time of one partition and counts nowhere else."""

    heartbeat: Literal[True]
    model: str
    ts: Timestamp


EVENT_TYPES: dict[str, type[msgspec.Struct]] = {
    "prediction": PredictionEvent,
    "feature": FeatureEvent,
    "label": LabelEvent,
    "heartbeat": HeartbeatEvent,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """JSON Schema (2020-12) per kind of event, from the types above."""
    schemas = {}
    for name, event in EVENT_TYPES.items():
        schema = msgspec.json.schema(event)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["$id"] = f"urn:longshore:event:{name}:1"
        schemas[name] = schema
    return schemas
