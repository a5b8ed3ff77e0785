"""A batch of records in, columns per model out; one bad record or field never costs the batch.

Theory.  The way is fast first: a typed decoder runs over the batch without a Python step per
record.  A record that it refuses is read once more with untyped features (a wrong type in one
feature spoils that feature only), and one refused again is diagnosed slowly.  When many records
of a batch need the second reading, the rest of the batch goes there at once.

Every record of the batch ends in exactly one place: a row of some model's :class:`Events`, a
heartbeat, a shadow, an offline row, or a rejection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from engine.cloudevents import event_bytes
from engine.columns import CategoryCodes, numeric_column
from engine.decode_types import NamedModel, by_name, event_struct, union_decoder
from engine.diagnose import MAX_RECORD_BYTES, Heartbeat, Rejected, Shadow, diagnose
from engine.model import MonitoredModel
from engine.profile import CategoricalProfile
from engine.records import RecordBatch
from engine.spec import Topic
from engine.timestamps import AHEAD_OF_RECORD_MS, OLDEST_MS, TimestampError, rfc3339_to_ms

MAX_EVENT_ID_CHARS: Final = 256
LENIENT_AFTER: Final = 16
"""This many second readings in a batch, and its rest is read that way at once."""
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
_FAR_MS: Final = 1 << 62


@dataclass(slots=True)
class Events:
    """The usable events of one model in a batch, in offset order; n rows."""

    model: MonitoredModel
    rows: npt.NDArray[np.int64]
    """Position in the batch, shape (n,)."""
    ts_ms: npt.NDArray[np.int64]
    ids: list[str]
    numeric: npt.NDArray[np.float64] | None = None
    """Shape (numeric features, n); None where this topic carries no features of this model."""
    codes: npt.NDArray[np.int32] | None = None
    """Shape (categorical features, n)."""
    outcome: npt.NDArray[np.float64] | None = None
    """Score and latency in ms, shape (2, n); None where the topic is not predictions."""
    positive: npt.NDArray[np.int8] | None = None
    """1 positive, 0 negative, -1 no decision."""
    errors: npt.NDArray[np.bool_] | None = None


@dataclass(slots=True)
class Decoded:
    """Where each record of a batch ended; rows are positions in the batch."""

    events: list[Events] = field(default_factory=list)
    heartbeats: list[tuple[int, str, int]] = field(default_factory=list)
    """(row, model name, ts in ms)."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    """(row, reason)."""
    shadows: list[tuple[int, str]] = field(default_factory=list)
    """(row, unknown model, or ``model@version`` of an unknown version)."""
    offline: list[int] = field(default_factory=list)


class Decoder:
    """Decodes the batches of one topic for a fixed set of models."""

    def __init__(self, models: Sequence[MonitoredModel], topic: Topic) -> None:
        self._topic = topic
        self._models = by_name([m for m in models if topic in m.spec.inputs])
        self._known = frozenset(self._models)
        self._needed = ("event_id", "ts") if topic == "labels" else ("event_id", "version", "ts")
        strict = {n: event_struct(m, topic, strict=True) for n, m in self._models.items()}
        lenient = {n: event_struct(m, topic, strict=False) for n, m in self._models.items()}
        self._strict = union_decoder(list(strict.values())).decode
        self._lenient = union_decoder(list(lenient.values())).decode
        self._structs = {n: (strict[n], lenient[n]) for n in self._models}
        self._columns = {
            m.key: _FeatureColumns(named, m)
            for named in self._models.values()
            if named.reads_features(topic)
            for m in named.versions.values()
        }

    def decode(self, batch: RecordBatch) -> Decoded:
        """Sort every record of the batch into its place."""
        out = Decoded()
        events = self._read(batch, out)
        types = list(map(type, events))
        for name, (strict, lenient) in self._structs.items():
            rows = [i for i, kind in enumerate(types) if kind is strict or kind is lenient]
            if rows:
                chosen = events if len(rows) == len(events) else [events[i] for i in rows]
                checked = lenient not in types
                self._collect(self._models[name], batch, rows, chosen, out, checked=checked)
        return out

    def _read(self, batch: RecordBatch, out: Decoded) -> list[Any]:
        """One decoded struct per record, None where it is none."""
        values = batch.values
        if batch.headers is not None:
            values = [event_bytes(v, h) for v, h in zip(values, batch.headers, strict=True)]
        if any(v is None or len(v) > MAX_RECORD_BYTES for v in values):
            values = [v if v is not None and len(v) <= MAX_RECORD_BYTES else None for v in values]
        events: list[Any] = []
        remaining: Any = iter(values)  # None among them is refused by the decoder like any other
        decode, refused = self._strict, 0
        while True:
            try:
                events.extend(map(decode, remaining))
            except _REFUSED:
                row = len(events)
                refused += 1
                if refused == LENIENT_AFTER:
                    decode = self._lenient
                events.append(self._second_reading(values[row], batch, row, out))
            else:
                return events

    def _second_reading(
        self, value: bytes | None, batch: RecordBatch, row: int, out: Decoded
    ) -> Any:
        if value is not None:
            try:
                return self._lenient(value)
            except _REFUSED:
                pass
        found = diagnose(value if value is not None else batch.values[row], self._known, self._needed)
        if isinstance(found, Rejected):
            out.rejected.append((row, found.reason))
        elif isinstance(found, Shadow):
            out.shadows.append((row, found.name))
        else:
            self._heartbeat(found, batch, row, out)
        return None

    def _heartbeat(self, beat: Heartbeat, batch: RecordBatch, row: int, out: Decoded) -> None:
        try:
            ts = beat.ts if isinstance(beat.ts, int) else rfc3339_to_ms(beat.ts)
            _refuse_absurd(ts, batch.timestamps_ms[row])
        except TimestampError as error:
            out.rejected.append((row, str(error)))
        else:
            out.heartbeats.append((row, beat.model, ts))

    def _collect(
        self,
        named: NamedModel,
        batch: RecordBatch,
        rows: list[int],
        events: list[Any],
        out: Decoded,
        *,
        checked: bool,
    ) -> None:
        """Validate the envelopes of one model's events and turn the good ones into columns."""
        at = np.array(rows, dtype=np.int64)
        ts = _timestamps([e.ts for e in events], at, batch, out)
        good = ts > 0
        for position, event in enumerate(events):
            if event.heartbeat and good[position]:
                good[position] = False
                out.heartbeats.append((rows[position], named.name, int(ts[position])))
        ids = [e.event_id for e in events]
        lengths = np.fromiter(map(len, ids), dtype=np.int64, count=len(ids))
        bad = good & ((lengths == 0) | (lengths > MAX_EVENT_ID_CHARS))
        for position in np.flatnonzero(bad).tolist():
            good[position] = False
            out.rejected.append((rows[position], "bad_event_id"))
        if self._topic == "labels":
            self._keep(next(iter(named.versions.values())), at, ts, ids, events, good, out, checked)
            return
        if self._topic == "features":
            for position in [i for i, e in enumerate(events) if e.source == "offline" and good[i]]:
                good[position] = False
                out.offline.append(rows[position])
        versions = [e.version for e in events]
        for version in dict.fromkeys(versions):
            of_version = good.copy()
            if len(set(versions)) > 1:
                of_version &= np.array([v == version for v in versions])
            model = named.versions.get(version)
            if model is None:
                name = f"{named.name}@{version}"
                out.shadows += [(rows[i], name) for i in np.flatnonzero(of_version).tolist()]
            else:
                self._keep(model, at, ts, ids, events, of_version, out, checked)

    def _keep(
        self,
        model: MonitoredModel,
        at: npt.NDArray[np.int64],
        ts: npt.NDArray[np.int64],
        ids: list[str],
        events: list[Any],
        good: npt.NDArray[np.bool_],
        out: Decoded,
        checked: bool,  # noqa: FBT001  (private, one caller a line above)
    ) -> None:
        if self._topic == "predictions":
            for i in np.flatnonzero(good):
                event = events[i]
                if event.score is None and event.decision is None and event.error is None:
                    if getattr(event, "scores", None) is None:
                        good[i] = False
                        out.rejected.append((int(at[i]), "no_prediction"))
        if not good.all():
            kept = np.flatnonzero(good)
            at, ts = at[kept], ts[kept]
            ids, events = [ids[i] for i in kept], [events[i] for i in kept]
        if not events:
            return
        found = Events(model, at, ts, ids)
        columns = self._columns.get(model.key)
        if columns is not None:
            columns.fill(found, [e.features for e in events], checked=checked)
        if self._topic == "predictions":
            _fill_outcome(found, events)
        out.events.append(found)


class _FeatureColumns:
    """Which attributes of the nested struct are this model's columns, and how they are coded."""

    def __init__(self, named: NamedModel, model: MonitoredModel) -> None:
        position = {name: index for index, name in enumerate(named.features)}
        layout = model.layout
        self._empty = (None,) * len(named.features)
        self._mixed = any(kind == "mixed" for kind in named.features.values())
        self._numeric = [position[c.name] for c in layout.numeric]
        self._categorical: list[tuple[int, CategoryCodes]] = []
        for column in layout.categorical:
            profile = model.profile.features[column.name]
            assert isinstance(profile, CategoricalProfile)
            self._categorical.append((position[column.name], CategoryCodes(profile)))

    def fill(self, found: Events, features: list[Any], *, checked: bool) -> None:
        """Set the columns of ``found`` from its rows' feature structs (None: all missing)."""
        row_of = msgspec.structs.astuple
        if None in features:
            rows = [self._empty if f is None else row_of(f) for f in features]
        else:
            rows = list(map(row_of, features))
        columns = list(zip(*rows, strict=True))
        numbers_checked = checked and not self._mixed
        found.numeric = np.empty((len(self._numeric), len(rows)), dtype=np.float64)
        for index, position in enumerate(self._numeric):
            found.numeric[index] = numeric_column(columns[position], checked=numbers_checked)
        found.codes = np.empty((len(self._categorical), len(rows)), dtype=np.int32)
        for index, (position, codes) in enumerate(self._categorical):
            found.codes[index] = codes.column(columns[position])


_OUTCOME: Final = attrgetter("score", "latency_ms", "decision", "error")


def _fill_outcome(found: Events, events: list[Any]) -> None:
    """Score, latency, decision and error of predictions."""
    prediction = found.model.spec.prediction
    scores, latencies, decisions, errors = zip(*map(_OUTCOME, events), strict=True)
    if prediction.type == "multiclass":
        scores = tuple(
            s if s is not None or not e.scores else max(e.scores.values())
            for s, e in zip(scores, events, strict=True)
        )
    score = numeric_column(scores, checked=True)
    found.outcome = np.stack([score, numeric_column(latencies, checked=True)])
    found.errors = np.array([e is not None for e in errors])
    decided = numeric_column(decisions, checked=False)
    if prediction.type == "binary":
        absent = np.isnan(decided)
        derived = np.where(np.isnan(score), -1.0, score >= prediction.threshold)
        given = np.where(np.isfinite(decided), decided == 1, -1.0)
        found.positive = np.where(absent, derived, given).astype(np.int8)


def _timestamps(
    stamps: list[int | str], at: npt.NDArray[np.int64], batch: RecordBatch, out: Decoded
) -> npt.NDArray[np.int64]:
    """Epoch ms per event, shape (n,); 0 where it was rejected, with its reason noted in ``out``."""
    try:
        ts = np.array(stamps, dtype=np.int64) if set(map(type, stamps)) == {int} else None
    except OverflowError:
        ts = None
    reasons: dict[int, str] = {}
    if ts is None:
        ts = np.zeros(len(stamps), dtype=np.int64)
        for i, stamp in enumerate(stamps):
            try:
                ms = stamp if isinstance(stamp, int) else rfc3339_to_ms(stamp)
                ts[i] = max(min(ms, _FAR_MS), -_FAR_MS)
            except TimestampError as error:
                reasons[i] = str(error)
    record_ms = np.array(batch.timestamps_ms, dtype=np.int64)[at]
    limit = np.where(record_ms >= 0, record_ms + AHEAD_OF_RECORD_MS, _FAR_MS - 1)
    for i in np.flatnonzero((ts < OLDEST_MS) | (ts > limit)).tolist():
        early = ts[i] < OLDEST_MS
        reason = "timestamp_too_old" if early else "timestamp_in_future"
        out.rejected.append((int(at[i]), reasons.get(i, reason)))
        ts[i] = 0
    return ts


def _refuse_absurd(ts_ms: int, record_ms: int) -> None:
    if ts_ms < OLDEST_MS:
        raise TimestampError("timestamp_too_old")
    if ts_ms > (record_ms + AHEAD_OF_RECORD_MS if record_ms >= 0 else _FAR_MS - 1):
        raise TimestampError("timestamp_in_future")
