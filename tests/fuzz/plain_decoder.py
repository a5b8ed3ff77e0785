"""The decoder once more, slow and plain: one record at a time, the standard library's JSON.

Rule.  Every record ends as one verdict, a tuple whose first item is its kind.  Nothing here is
taken from the decoder but the names of its bounds; only predictions, features and labels of binary
models are read.

What stands in fields that nobody reads need not be sound: a text there that is no UTF-8, say, costs
a record nothing as long as JSON's structure holds.  So a record that is malformed has two verdicts:
that, and the one that it would have without those fields.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from engine.decode import MAX_EVENT_ID_CHARS
from engine.diagnose import MAX_NAME_CHARS, MAX_RECORD_BYTES
from engine.model import MonitoredModel
from engine.profile import CategoricalProfile
from engine.records import Headers
from engine.spec import Topic
from engine.timestamps import AHEAD_OF_RECORD_MS, NEWEST_MS, OLDEST_MS
from tests.fuzz.plain_json import BeyondError, RefusedError, opened, parsed, read_fields_only

Verdict = tuple[Any, ...]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_NEEDED: Final[dict[Topic, tuple[str, ...]]] = {
    "predictions": ("event_id", "version", "ts"),
    "features": ("event_id", "version", "ts"),
    "labels": ("event_id", "ts", "label"),
}
UNSOUND: Final = (("rejected", "malformed_json"), ("rejected", "number_out_of_range"))


def allowed_verdicts(
    value: bytes | None,
    headers: Headers | None,
    record_ms: int,
    topic: Topic,
    models: Mapping[str, MonitoredModel],
) -> list[Verdict]:
    """Where one record of ``topic`` may end; ``models`` are by ``model@version``."""
    event = opened(value, headers, loosely=False)
    found = [_named(event, record_ms, topic, models)]
    event = opened(value, headers, loosely=True)
    if event is not None and found[0] in UNSOUND:
        reading = [m for m in models.values() if topic in m.spec.inputs]
        features = {f.name for m in reading for f in m.spec.features}
        known = read_fields_only(event, topic, features)
        if known is not None:
            found.append(_named(known, record_ms, topic, models))
    return found


def _named(
    event: bytes | None, record_ms: int, topic: Topic, models: Mapping[str, MonitoredModel]
) -> Verdict:
    try:
        return _verdict(event, record_ms, topic, models)
    except RefusedError as error:
        return ("rejected", str(error))


def _verdict(
    value: bytes | None, record_ms: int, topic: Topic, models: Mapping[str, MonitoredModel]
) -> Verdict:
    if value is None:
        raise RefusedError("null_value")
    if len(value) > MAX_RECORD_BYTES:
        raise RefusedError("too_large")
    if value[:1] in {b"\x00", b"\x01"}:
        raise RefusedError("registry_framed")
    try:
        tree = parsed(value)
    except BeyondError as error:
        raise RefusedError("number_out_of_range") from error
    if not isinstance(tree, dict):
        raise RefusedError("not_an_object")
    name = tree.get("model")
    if name is None:
        raise RefusedError("missing_model")
    if not isinstance(name, str) or len(name) > MAX_NAME_CHARS:
        raise RefusedError("bad_model")
    models = {key: m for key, m in models.items() if topic in m.spec.inputs}
    named = [m for m in models.values() if m.spec.model == name]
    if not named:
        return ("shadow", name)
    if tree.get("heartbeat") is True:
        return _heartbeat(tree, name, record_ms, _beat_ahead_ms(named, topic))
    return _event(tree, record_ms, topic, models)


def _beat_ahead_ms(named: list[MonitoredModel], topic: Topic) -> int:
    return max((m.spec.label if topic == "labels" else m.spec.time).lateness_ms for m in named)


def _heartbeat(tree: dict[str, Any], name: str, record_ms: int, lateness_ms: int) -> Verdict:
    if "ts" not in tree:
        raise RefusedError("missing_ts")
    ts_ms = _time(tree["ts"], record_ms, AHEAD_OF_RECORD_MS + lateness_ms)
    return ("heartbeat", name, ts_ms)


def _event(
    tree: dict[str, Any], record_ms: int, topic: Topic, models: Mapping[str, MonitoredModel]
) -> Verdict:
    """The way of a record of a known model that is no heartbeat."""
    for field in _NEEDED[topic]:
        if tree.get(field) is None:
            raise RefusedError(f"missing_{field}")
    if type(tree["ts"]) not in {int, str}:
        raise RefusedError("bad_timestamp")
    for field in ("event_id", "version"):
        if field in _NEEDED[topic] and not isinstance(tree[field], str):
            raise RefusedError(f"bad_{field}")
    _refuse_wrong_types(tree, topic)
    ts_ms = _time(tree["ts"], record_ms, AHEAD_OF_RECORD_MS)
    if not 0 < len(tree["event_id"]) <= MAX_EVENT_ID_CHARS:
        raise RefusedError("bad_event_id")
    if topic == "features" and tree.get("source") == "offline":
        return ("offline",)
    if topic == "labels":
        return ("event", _label_key(tree, models), ts_ms, tree["event_id"])
    key = f"{tree['model']}@{tree['version']}"
    if key not in models:
        return ("shadow", key)
    found: Verdict = ("event", key, ts_ms, tree["event_id"])
    if topic == "predictions":
        if all(tree.get(field) is None for field in ("score", "decision", "error")):
            raise RefusedError("no_prediction")
        found += _outcome(models[key], tree)
    return found + _features(models[key], topic, tree.get("features"))


def _label_key(tree: dict[str, Any], models: Mapping[str, MonitoredModel]) -> str:
    """The first version of the label's model; a label of a binary model is a number or a bool."""
    if isinstance(tree["label"], str) or not math.isfinite(_double(tree["label"])):
        raise RefusedError("bad_label")
    return next(key for key, model in models.items() if model.spec.model == tree["model"])


def _refuse_wrong_types(tree: dict[str, Any], topic: Topic) -> None:
    """What no reading of the published types allows."""
    sound = type(tree.get("heartbeat", False)) is bool
    if topic == "predictions":
        sound &= all(_is_double(tree.get(field)) for field in ("score", "latency_ms"))
        sound &= not isinstance(tree.get("decision"), (list, dict))
    elif topic == "features":
        sound &= tree.get("source", "serving") in ("serving", "offline")
    else:
        sound &= not isinstance(tree["label"], (list, dict))
    if topic != "labels" and tree.get("features") is not None:
        sound &= isinstance(tree["features"], dict)
    if not sound:
        raise RefusedError("wrong_type")


def _is_double(value: object) -> bool:
    if value is None:
        return True
    return type(value) in {int, float} and math.isfinite(_double(value))


def _double(value: Any) -> float:  # noqa: ANN401 - a number from JSON
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _outcome(model: MonitoredModel, tree: dict[str, Any]) -> Verdict:
    """Score and latency (None where missing), positive, failed."""
    score, decision = tree.get("score"), tree.get("decision")
    if decision is None:
        threshold = model.spec.prediction.threshold
        positive = -1 if score is None else int(_double(score) >= threshold)
    elif isinstance(decision, str) or math.isinf(_double(decision)):
        positive = -1
    else:
        positive = int(decision > 0)
    numbers = [None if v is None else _double(v) for v in (score, tree.get("latency_ms"))]
    return (*numbers, positive, tree.get("error") is not None)


def _features(model: MonitoredModel, topic: Topic, features: dict[str, Any] | None) -> Verdict:
    """Number or cell of each feature; None missing, infinity invalid; none where others carry
    them."""
    if topic != ("features" if "features" in model.spec.inputs else "predictions"):
        return ()
    found: list[float | int | None] = []
    values = features or {}
    for column in model.layout.numeric:
        value = values.get(column.name)
        if value is not None:
            value = _double(value) if type(value) in {int, float} else math.inf
        found.append(value)
    for column in model.layout.categorical:
        profile = model.profile.features[column.name]
        assert isinstance(profile, CategoricalProfile)
        found.append(_cell(profile, values.get(column.name)))
    return tuple(found)


def _cell(profile: CategoricalProfile, value: object) -> int:
    """Listed categories, then: other, unseen, missing, invalid."""
    listed = len(profile.categories)
    if value is None:
        return listed + 2
    if isinstance(value, (list, dict)):
        return listed + 3
    text = _category(value)
    if text in profile.categories:
        return profile.categories.index(text)
    return listed + (text not in profile.others and not profile.open_vocabulary)


def _category(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == math.floor(value):
        return str(int(value))
    return str(value)


def _time(stamp: object, record_ms: int, ahead_ms: int) -> int:
    """Epoch milliseconds of a time that an event may have."""
    if type(stamp) is int:
        ts_ms = stamp
    elif type(stamp) is str:
        ts_ms = plain_time(stamp)
    else:
        raise RefusedError("bad_timestamp")
    if ts_ms < OLDEST_MS:
        raise RefusedError("timestamp_too_old")
    if ts_ms > min(NEWEST_MS, record_ms + ahead_ms if record_ms >= 0 else NEWEST_MS):
        raise RefusedError("timestamp_in_future")
    return ts_ms


LAST_MINUTE: Final = 59


def plain_time(text: str) -> int:
    """Epoch milliseconds of RFC 3339 text, by the standard library; the reason otherwise."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise RefusedError("bad_timestamp")
    day, time, fraction, zone = found.groups()
    if zone is None:
        raise RefusedError("naive_timestamp")
    shift = "+00:00" if zone in "Zz" else zone
    if int(shift[-2:]) > LAST_MINUTE:
        # The standard library takes +00:90 for an hour and a half.
        raise RefusedError("bad_timestamp")
    milliseconds = f"{fraction or ''}000"[:3]
    try:
        moment = datetime.fromisoformat(f"{day}T{time}.{milliseconds}{shift}")
    except ValueError as error:
        raise RefusedError("bad_timestamp") from error
    return (moment - _EPOCH) // timedelta(milliseconds=1)
