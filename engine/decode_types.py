"""The typed structs that one model's events are decoded into, derived from the published types.

Theory.  A typed struct per model name, tagged by the field ``model``, lets one decoder read mixed
models in one pass.  Features become the fields of a nested struct, so that a row is one
``astuple`` and a column one ``zip``.  There are two forms: *strict*, whose features have their
types, and *lenient*, whose features take anything; the lenient one is asked only for records that
the strict one refused, and its columns are then checked value by value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from engine.comparison_rules import is_split
from engine.events import FeatureEvent, LabelEvent, PredictionEvent
from engine.model import MonitoredModel
from engine.spec import Topic

CategoryValue = str | int | float | bool | None
_PREDICTION_FIELDS = ("score", "decision", "latency_ms", "error")
ROW: Final = msgspec.structs.astuple
"""A struct's fields as a tuple, a nested struct being one value of it."""


@dataclass(frozen=True, slots=True)
class NamedModel:
    """All monitored versions of one model name, and the features that any of them reads."""

    name: str
    versions: dict[str, MonitoredModel]
    features: dict[str, str]
    """Feature -> numeric, categorical, or mixed where versions disagree on the type."""

    def reads_features(self, topic: Topic) -> bool:
        """Whether features of any version's events come in this topic."""
        return any(reads_features(model, topic) for model in self.versions.values())


def reads_features(model: MonitoredModel, topic: Topic) -> bool:
    """Whether the features of this model's events come in this topic, by its own spec."""
    return topic == ("features" if "features" in model.spec.inputs else "predictions")


def by_name(models: Sequence[MonitoredModel]) -> dict[str, NamedModel]:
    """The models by name, in the order given."""
    named: dict[str, NamedModel] = {}
    for model in models:
        entry = named.setdefault(model.spec.model, NamedModel(model.spec.model, {}, {}))
        entry.versions[model.spec.version] = model
        for feature in model.spec.features:
            known = entry.features.setdefault(feature.name, feature.type)
            if known != feature.type:
                entry.features[feature.name] = "mixed"
    return named


def event_struct(model: NamedModel, topic: Topic, *, strict: bool) -> type[msgspec.Struct]:
    """The struct that this model's events of this topic decode into.

    Features are the attributes ``f0``, ``f1``, ... in the order of ``model.features``.
    """
    published: dict[Topic, type[msgspec.Struct]] = {
        "predictions": PredictionEvent,
        "features": FeatureEvent,
        "labels": LabelEvent,
    }
    types = {f.encode_name: f.type for f in msgspec.structs.fields(published[topic])}
    fields: list[Any] = [("event_id", types["event_id"]), ("ts", types["ts"])]
    if topic == "labels":
        fields.append(("label", types["label"]))
    else:
        fields.append(("version", types["version"]))
        if model.reads_features(topic):
            fields.append(("features", features_struct(model, strict=strict) | None, None))
        if topic == "features":
            fields.append(("source", types["source"], "serving"))
        else:
            fields += [(name, types[name], None) for name in _PREDICTION_FIELDS]
            if any(m.spec.prediction.type == "multiclass" for m in model.versions.values()):
                fields.append(("scores", types["scores"], None))
            # these are looked at one by one: a bad one costs nothing but itself
            joined = any(m.performance is not None for m in model.versions.values())
            if joined:
                fields.append(("segment", Any, None))
            if joined or any(m.spec.business is not None for m in model.versions.values()):
                fields.append(("value", Any, None))
            if any(is_split(m.spec.comparison) for m in model.versions.values()):
                fields.append(("unit", Any, None))
    fields.append(("heartbeat", bool, False))
    return msgspec.defstruct(
        "Event", fields, tag_field="model", tag=model.name, gc=False, frozen=True
    )


def union_decoder(structs: Sequence[type[msgspec.Struct]]) -> msgspec.json.Decoder[Any]:
    """One decoder for all structs, telling them apart by ``model``.

    A struct that no record can be stands beside them: with a single type the tag would be
    optional, and a record without ``model`` would pass for one of it.
    """
    impossible = Annotated[int, msgspec.Meta(gt=0, lt=0)]
    nobody = msgspec.defstruct("Nobody", [("nothing", impossible)], tag_field="model", tag="\x00")
    union: Any = nobody
    for struct in structs:
        union = union | struct
    return msgspec.json.Decoder(union)


def features_struct(model: NamedModel, *, strict: bool) -> type[msgspec.Struct]:
    """The nested struct of a model's features; every one may be absent, which is missing."""
    types: dict[str, Any] = {
        "numeric": float | None,
        "categorical": CategoryValue,
        "mixed": Any,
    }
    fields = [
        (f"f{index}", types[kind] if strict else Any, None)
        for index, kind in enumerate(model.features.values())
    ]
    names = {f"f{index}": name for index, name in enumerate(model.features)}
    return msgspec.defstruct("Features", fields, rename=names, gc=False, frozen=True)
