"""The rows of one model in a batch, as tuples per field, and their way into columns.

Theory.  Decoded structs are taken apart once, into one tuple per field; everything after that is a
question to a tuple (is there a None in it?) or an array, and costs nothing per row in Python.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from engine.columns import CategoryCodes, numeric_column
from engine.decode_types import ROW, NamedModel
from engine.model import MonitoredModel
from engine.profile import CategoricalProfile
from engine.spec import PredictionSpec
from engine.timestamps import (
    AHEAD_OF_RECORD_MS,
    NEWEST_MS,
    OLDEST_MS,
    TimestampError,
    texts_to_ms,
)

_FAR_MS: Final = 1 << 62

Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]


class Envelopes:
    """Some rows of one model: where they stand in the batch, when, and their fields."""

    def __init__(
        self,
        at: npt.NDArray[np.int64],
        ts_ms: npt.NDArray[np.int64],
        fields: Mapping[str, Sequence[Any]],
        *,
        checked: bool,
    ) -> None:
        self.at = at
        self.ts_ms = ts_ms
        self.fields = fields
        self.checked = checked
        """Whether the features have their types already."""

    def where(self, chosen: Mask) -> Envelopes:
        """The chosen rows only."""
        if chosen.all():
            return self
        kept = np.flatnonzero(chosen)
        rows = kept.tolist()
        fields = {name: [column[i] for i in rows] for name, column in self.fields.items()}
        return Envelopes(self.at[kept], self.ts_ms[kept], fields, checked=self.checked)

    def without_prediction(self) -> Mask:
        """Rows with neither score nor decision nor an error, shape (rows,)."""
        absent = np.ones(len(self.at), dtype=np.bool_)
        for name in ("score", "decision", "error", "scores"):
            column = self.fields.get(name)
            if column is None:
                continue
            if None not in column:
                return np.zeros(len(self.at), dtype=np.bool_)
            absent &= np.array([value is None for value in column], dtype=np.bool_)
        return absent


class FeatureColumns:
    """Which attributes of the nested struct are this model's columns, and how they are coded."""

    def __init__(self, named: NamedModel, model: MonitoredModel) -> None:
        position = {name: index for index, name in enumerate(named.features)}
        self._empty = (None,) * len(named.features)
        self._mixed = any(kind == "mixed" for kind in named.features.values())
        self._numeric = [position[c.name] for c in model.layout.numeric]
        self._categorical: list[tuple[int, CategoryCodes]] = []
        for column in model.layout.categorical:
            profile = model.profile.features[column.name]
            assert isinstance(profile, CategoricalProfile)
            self._categorical.append((position[column.name], CategoryCodes(profile)))

    def read(
        self, features: Sequence[Any], *, checked: bool
    ) -> tuple[Matrix, npt.NDArray[np.int32]]:
        """Numbers, shape (numeric, rows), and cells, shape (categorical, rows), of the rows'
        feature structs; None stands for one of which everything is missing."""
        if None in features:
            rows = [self._empty if f is None else ROW(f) for f in features]
        else:
            rows = list(map(ROW, features))
        columns = list(zip(*rows, strict=True))
        checked = checked and not self._mixed
        numeric = np.empty((len(self._numeric), len(rows)), dtype=np.float64)
        for index, position in enumerate(self._numeric):
            numeric[index] = numeric_column(columns[position], checked=checked)
        codes = np.empty((len(self._categorical), len(rows)), dtype=np.int32)
        for index, (position, lookup) in enumerate(self._categorical):
            codes[index] = lookup.column(columns[position])
        return numeric, codes


def read_outcome(
    prediction: PredictionSpec, fields: Mapping[str, Sequence[Any]]
) -> tuple[Matrix, npt.NDArray[np.int8] | None, Mask]:
    """Score and latency, shape (2, rows); 1 positive, 0 negative, -1 undecided (None unless
    binary); and which rows carry an error."""
    scores, errors = fields["score"], fields["error"]
    rows = len(scores)
    if prediction.type == "multiclass":
        scores = [
            s if s is not None or not by_class else max(by_class.values())
            for s, by_class in zip(scores, fields["scores"], strict=True)
        ]
    outcome = np.empty((2, rows))
    outcome[0] = numeric_column(scores, checked=True)
    outcome[1] = numeric_column(fields["latency_ms"], checked=True)
    if errors.count(None) == rows:
        failed = np.zeros(rows, dtype=np.bool_)
    else:
        failed = np.array([error is not None for error in errors], dtype=np.bool_)
    if prediction.type != "binary":
        return outcome, None, failed
    decisions = fields["decision"]
    if bool in set(map(type, decisions)):
        decisions = [int(d) if type(d) is bool else d for d in decisions]
    decided = numeric_column(decisions, checked=False)
    score = outcome[0]
    derived = np.where(np.isnan(score), -1.0, score >= prediction.threshold)
    given = np.where(np.isfinite(decided), decided > 0, -1.0)
    positive = np.where(np.isnan(decided), derived, given).astype(np.int8)
    return outcome, positive, failed


def timestamps(
    stamps: Sequence[int | str],
    at: npt.NDArray[np.int64],
    record_ms: npt.NDArray[np.int64],
    ahead_ms: int | npt.NDArray[np.int64],
    rejected: list[tuple[int, str]],
) -> npt.NDArray[np.int64]:
    """Epoch ms per event, shape (n,); 0 where it was rejected, its reason added to ``rejected``.

    ``at`` are the events' positions in the batch, ``record_ms`` their records' own times and
    ``ahead_ms`` how far an event may be ahead of that.
    """
    ts, reasons = _read_stamps(stamps)
    # a producer may set any record time: cut first, so that the sum stays in an int64
    limit = np.where(record_ms >= 0, np.minimum(record_ms, NEWEST_MS) + ahead_ms, NEWEST_MS)
    limit = np.minimum(limit, NEWEST_MS)
    for i in np.flatnonzero((ts < OLDEST_MS) | (ts > limit)).tolist():
        usual = "timestamp_too_old" if ts[i] < OLDEST_MS else "timestamp_in_future"
        rejected.append((int(at[i]), reasons.get(i, usual)))
        ts[i] = 0
    return ts


def ages_ms(
    record_ms: npt.NDArray[np.int64], ts_ms: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Record time less event time, shape (n,); NaN for a record without a time."""
    # a producer may set any record time: cut first, so that the difference stays in an int64
    age = (np.minimum(record_ms, NEWEST_MS) - ts_ms).astype(np.float64)
    return np.where(record_ms >= 0, age, np.nan)


def _read_stamps(stamps: Sequence[int | str]) -> tuple[npt.NDArray[np.int64], dict[int, str]]:
    """Epoch ms, shape (n,), integers cut to what int64 holds; and why a row's text is no time."""
    kinds = set(map(type, stamps))
    if kinds == {str}:
        return texts_to_ms(cast("Sequence[str]", stamps))
    if kinds == {int}:
        return _whole_numbers(cast("Sequence[int]", stamps)), {}
    texts = [stamp for stamp in stamps if isinstance(stamp, str)]
    read, why = texts_to_ms(texts)
    is_text = np.array([isinstance(stamp, str) for stamp in stamps], dtype=np.bool_)
    rows = np.flatnonzero(is_text)
    ts = np.empty(len(stamps), dtype=np.int64)
    ts[rows] = read
    ts[~is_text] = _whole_numbers([stamp for stamp in stamps if isinstance(stamp, int)])
    return ts, {int(rows[i]): reason for i, reason in why.items()}


def _whole_numbers(numbers: Sequence[int]) -> npt.NDArray[np.int64]:
    try:
        return np.array(numbers, dtype=np.int64)
    except OverflowError:
        return np.array([max(min(n, _FAR_MS), -_FAR_MS) for n in numbers], dtype=np.int64)


def refuse_absurd(ts_ms: int, record_ms: int, lateness_ms: int) -> None:
    """Raise TimestampError for a heartbeat's time that no event could have.

    The heartbeat that ends a stream is ahead of its last event by the lateness of its model.
    """
    if ts_ms < OLDEST_MS:
        raise TimestampError("timestamp_too_old")
    limit = record_ms + AHEAD_OF_RECORD_MS + lateness_ms if record_ms >= 0 else NEWEST_MS
    if ts_ms > min(limit, NEWEST_MS):
        raise TimestampError("timestamp_in_future")
