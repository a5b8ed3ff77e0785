"""A batch of records in, columns per model out; one bad record or field never costs the batch.

Theory.  The way is fast first: a typed decoder runs over the batch without a Python step per
record.  A record that it refuses is diagnosed slowly; one that is neither a shadow nor a heartbeat
is read once more with untyped features (a wrong type in one feature spoils that feature only), and
the diagnosis stands where that is refused too.  When many events of a batch need the second
reading, the rest of the batch goes there at once.

Every record of the batch ends in exactly one place: a row of some model's :class:`Events`, a
heartbeat, a shadow, an offline row, or a rejection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from engine.cloudevents import event_bytes
from engine.columns import CategoryCodes, decided_classes, numeric_column
from engine.decode_rows import (
    Envelopes,
    FeatureColumns,
    ages_ms,
    read_outcome,
    refuse_absurd,
    timestamps,
)
from engine.decode_types import (
    ROW,
    NamedModel,
    by_name,
    event_struct,
    reads_features,
    union_decoder,
)
from engine.decoded import Decoded, Events
from engine.diagnose import MAX_RECORD_BYTES, Diagnosis, Heartbeat, Rejected, Shadow, diagnose
from engine.join_columns import JoinColumns
from engine.model import MonitoredModel
from engine.records import RecordBatch
from engine.spec import Topic
from engine.timestamps import AHEAD_OF_RECORD_MS, TimestampError, rfc3339_to_ms

MAX_EVENT_ID_CHARS: Final = 256
LENIENT_AFTER: Final = 16
"""This many second readings of a batch's events, and its rest is read that way at once."""
_REFUSED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)


class Decoder:
    """Decodes the batches of one topic for a fixed set of models."""

    def __init__(self, models: Sequence[MonitoredModel], topic: Topic) -> None:
        self._topic = topic
        self._models = by_name([m for m in models if topic in m.spec.inputs])
        self._known = frozenset(self._models)
        self._needed = ("event_id", "version", "ts")
        if topic == "labels":
            self._needed = ("event_id", "ts", "label")
        strict = {n: event_struct(m, topic, strict=True) for n, m in self._models.items()}
        lenient = {n: event_struct(m, topic, strict=False) for n, m in self._models.items()}
        self._strict = union_decoder(list(strict.values())).decode
        self._lenient = union_decoder(list(lenient.values())).decode
        self._names = list(self._models)
        self._place: dict[type, tuple[int, bool]] = {}
        """Struct -> its model's position in ``_names``, and whether its features have types."""
        for position, name in enumerate(self._names):
            self._place[strict[name]] = position, True
            self._place[lenient[name]] = position, False
        self._joins = {
            m.key: JoinColumns(m.performance)
            for named in self._models.values()
            for m in named.versions.values()
            if m.performance is not None
        }
        self._classes = {
            m.key: CategoryCodes(m.profile.classes.shares)
            for named in self._models.values()
            for m in named.versions.values()
            if m.layout.classes is not None and m.profile.classes is not None
        }
        self._columns = {
            m.key: FeatureColumns(named, m)
            for named in self._models.values()
            for m in named.versions.values()
            if reads_features(m, topic)
        }

    def decode(self, batch: RecordBatch) -> Decoded:
        """Sort every record of the batch into its place."""
        out = Decoded()
        events = self._read(batch, out)
        record_ms = np.array(batch.timestamps_ms, dtype=np.int64)
        for name, rows, checked in self._by_model(events):
            chosen = events if len(rows) == len(events) else [events[i] for i in rows]
            self._collect(self._models[name], record_ms, rows, chosen, out, checked=checked)
        if self._topic == "predictions" and (record_ms >= 0).any():
            for found in out.events:
                found.age_ms = ages_ms(record_ms[found.rows], found.ts_ms)
        return out

    def _by_model(self, events: list[Any]) -> Iterator[tuple[str, list[int], bool]]:
        """Name, rows in order, and whether all their features have types; in the models' order."""
        kinds = list(map(type, events))
        rows: dict[type, list[int]]
        if len(present := set(kinds)) == 1:
            rows = {present.pop(): list(range(len(events)))}
        else:
            rows = defaultdict(list)
            for i, kind in enumerate(kinds):
                rows[kind].append(i)
        rows.pop(type(None), None)
        found: dict[int, tuple[list[int], bool]] = {}
        for kind, own in rows.items():
            position, checked = self._place[kind]
            others, also = found.get(position, ([], True))
            found[position] = sorted(others + own) if others else own, checked and also
        for position in sorted(found):
            own, checked = found[position]
            yield self._names[position], own, checked

    def _read(self, batch: RecordBatch, out: Decoded) -> list[Any]:
        """One decoded struct per record, None where it is none."""
        values = batch.values
        if batch.headers is not None:
            values = [event_bytes(v, h) for v, h in zip(values, batch.headers, strict=True)]
        sizes = map(len, filter(None, values))
        if None in values or max(sizes, default=0) > MAX_RECORD_BYTES:
            values = [v if v is not None and len(v) <= MAX_RECORD_BYTES else None for v in values]
        events: list[Any] = []
        remaining: Any = iter(values)  # None among them is refused by the decoder like any other
        decode, again = self._strict, 0
        while True:
            try:
                events.extend(map(decode, remaining))
            except _REFUSED:
                row = len(events)
                value = values[row]
                record = value if value is not None else batch.values[row]
                found = diagnose(record, self._known, self._needed)
                event = None
                if decode is self._strict and isinstance(found, Rejected):
                    event = self._second_reading(value)
                events.append(event)
                if event is None:
                    self._set_aside(found, batch, row, out)
                else:
                    again += 1
                    decode = self._lenient if again == LENIENT_AFTER else decode
            else:
                return events

    def _second_reading(self, value: bytes | None) -> Any:  # noqa: ANN401 - a type from the specs
        """The event with untyped features, None where it is refused again."""
        if value is None:
            return None
        try:
            return self._lenient(value)
        except _REFUSED:
            return None

    def _set_aside(self, found: Diagnosis, batch: RecordBatch, row: int, out: Decoded) -> None:
        """Put a record that is no event where it belongs."""
        if isinstance(found, Rejected):
            out.rejected.append((row, found.reason))
        elif isinstance(found, Shadow):
            out.shadows.append((row, found.name))
        else:
            self._heartbeat(found, batch, row, out)

    def _heartbeat(self, beat: Heartbeat, batch: RecordBatch, row: int, out: Decoded) -> None:
        try:
            ts = beat.ts if isinstance(beat.ts, int) else rfc3339_to_ms(beat.ts)
            ahead_ms = self._beat_ahead_ms(self._models[beat.model])
            refuse_absurd(ts, batch.timestamps_ms[row], ahead_ms)
        except TimestampError as error:
            out.rejected.append((row, str(error)))
        else:
            out.heartbeats.append((row, beat.model, ts))

    def _beat_ahead_ms(self, named: NamedModel) -> int:
        """How much further than an event a heartbeat may be ahead of its record: the one that ends
        a stream is ahead of the last event by the lateness of its model."""
        return max(m.spec.clock(self._topic).lateness_ms for m in named.versions.values())

    def _collect(
        self,
        named: NamedModel,
        record_ms: npt.NDArray[np.int64],
        rows: list[int],
        events: list[Any],
        out: Decoded,
        *,
        checked: bool,
    ) -> None:
        """Validate the envelopes of one model's events and turn the good ones into columns."""
        names = type(events[0]).__struct_fields__
        fields = dict(zip(names, zip(*map(ROW, events), strict=True), strict=True))
        at = np.array(rows, dtype=np.int64)
        ahead_ms: int | npt.NDArray[np.int64] = AHEAD_OF_RECORD_MS
        beats = np.array(fields["heartbeat"]) if True in fields["heartbeat"] else None
        if beats is not None:
            ahead_ms = AHEAD_OF_RECORD_MS + beats * self._beat_ahead_ms(named)
        ts = timestamps(fields["ts"], at, record_ms[at], ahead_ms, out.rejected)
        good = ts > 0
        if beats is not None:
            for i in np.flatnonzero(good & beats).tolist():
                good[i] = False
                out.heartbeats.append((rows[i], named.name, int(ts[i])))
        lengths = np.fromiter(map(len, fields["event_id"]), dtype=np.int64, count=len(rows))
        bad = good & ((lengths == 0) | (lengths > MAX_EVENT_ID_CHARS))
        for i in np.flatnonzero(bad).tolist():
            good[i] = False
            out.rejected.append((rows[i], "bad_event_id"))
        if "offline" in fields.get("source", ()):
            for i in np.flatnonzero(good & (np.array(fields["source"]) == "offline")).tolist():
                good[i] = False
                out.offline.append(rows[i])
        taken = Envelopes(at, ts, fields, checked=checked)
        if self._topic == "labels":
            self._keep_labels(named, taken.where(good), out)
            return
        versions = fields["version"]
        met = dict.fromkeys(versions)
        for version in [v for v in met if v in named.versions]:
            of_version = good
            if len(met) > 1:
                of_version = good & np.array([v == version for v in versions])
            self._keep(named.versions[version], taken.where(of_version), out)
        if not named.versions.keys() >= met.keys():
            out.shadows += [
                (rows[i], f"{named.name}@{versions[i]}")
                for i in np.flatnonzero(good).tolist()
                if versions[i] not in named.versions
            ]

    def _keep(self, model: MonitoredModel, taken: Envelopes, out: Decoded) -> None:
        """Turn validated rows into a model's columns."""
        if self._topic == "predictions":
            empty = taken.without_prediction()
            if empty.any():
                out.rejected += [(row, "no_prediction") for row in taken.at[empty].tolist()]
                taken = taken.where(~empty)
        if not len(taken.at):
            return
        found = Events(model, taken.at, taken.ts_ms, taken.fields["event_id"])
        columns = self._columns.get(model.key)
        if columns is not None:
            found.numeric, found.codes = columns.read(
                taken.fields["features"], checked=taken.checked
            )
        if self._topic == "predictions":
            outcome = read_outcome(model.spec.prediction, taken.fields)
            found.outcome, found.positive, found.errors = outcome
            codes = self._classes.get(model.key)
            if codes is not None:
                fields = taken.fields
                found.class_cells = codes.column(
                    decided_classes(fields["decision"], fields["scores"])
                )
            joins = self._joins.get(model.key)
            if joins is not None:
                joins.read_predictions(found, taken.fields)
            found.units = taken.fields.get("unit")
            if joins is not None or model.spec.business is not None:
                found.value = numeric_column(taken.fields["value"], checked=False)
        out.events.append(found)

    def _keep_labels(self, named: NamedModel, taken: Envelopes, out: Decoded) -> None:
        """Hand the labels to every version; the first says which of them are labels at all."""
        for position, model in enumerate(named.versions.values()):
            joins = self._joins.get(model.key)
            found = Events(model, taken.at, taken.ts_ms, taken.fields["event_id"])
            found.ends_records = position == 0
            if joins is not None:
                joins.read_labels(found, taken.fields)
                assert found.labels is not None
                bad = np.isnan(found.labels)
                if bad.any() and position == 0:
                    out.rejected += [(row, "bad_label") for row in taken.at[bad].tolist()]
                    self._keep_labels(named, taken.where(~bad), out)
                    return
            if len(taken.at):
                out.events.append(found)
