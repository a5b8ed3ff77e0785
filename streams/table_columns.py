"""Which column of a table is which field of an event, and the faults where one is missing.

Rule.  A field's column is what the spec's ``columns`` says, or else the field's own name; a
feature's and a segment's column is its own name.  A column that the spec places must be there, one
that merely could be is taken when it is.  All missing columns are named at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.spec import Spec
from engine.spec_faults import did_you_mean

_OPTIONAL = ("latency_ms", "role", "value", "unit", "error")


class TableError(ValueError):
    """A file cannot be read as the table that a spec speaks of; ``faults`` has every reason."""

    def __init__(self, path: object, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__(f"{path}: " + "; ".join(self.faults))


@dataclass(frozen=True, slots=True)
class EventColumns:
    """The columns of one kind of event."""

    fields: dict[str, str]
    """Field of the event -> column."""
    features: tuple[str, ...] = ()
    segments: dict[str, str] = field(default_factory=dict)
    scores: dict[str, str] = field(default_factory=dict)

    @property
    def all(self) -> list[str]:
        """Every column needed, each once, in a fixed order."""
        named = (*self.fields.values(), *self.features, *self.segments.values())
        return list(dict.fromkeys((*named, *self.scores.values())))


class _Finder:
    def __init__(self, spec: Spec, available: Iterable[str]) -> None:
        self.spec = spec
        self.available = list(available)
        self.faults: list[str] = []

    def need(self, column: str, why: str) -> str:
        if column not in self.available:
            hint = did_you_mean(column, self.available)
            self.faults.append(f"has no column {column!r}, {why}{hint}")
        return column

    def required(self, name: str) -> str:
        placed = self.spec.columns.get(name)
        if placed is None:
            return self.need(name, f"which holds {name} unless the spec's columns say otherwise")
        return self.need(placed, f"where the spec's columns place {name}")

    def optional(self, names: Iterable[str]) -> dict[str, str]:
        found = {}
        for name in names:
            if name in self.spec.columns:
                found[name] = self.required(name)
            elif name in self.available:
                found[name] = name
        return found

    def there(self, names: Iterable[str]) -> dict[str, str]:
        """Fields whose columns the table has; one that it lacks is no fault."""
        placed = {name: self.spec.columns.get(name, name) for name in names}
        return {name: column for name, column in placed.items() if column in self.available}

    def features(self) -> tuple[str, ...]:
        return tuple(self.need(f.name, "a feature of the spec") for f in self.spec.features)

    def prefixed(self, prefix: str) -> dict[str, str]:
        return {
            name.removeprefix(prefix): self.need(column, f"where the spec's columns place {name}")
            for name, column in self.spec.columns.items()
            if name.startswith(prefix)
        }

    def segments(self) -> dict[str, str]:
        placed = self.prefixed("segment.")
        own = {s: s for s in self.spec.segments if s not in placed and s in self.available}
        return {**own, **placed}


def reference_columns(path: object, spec: Spec, available: Iterable[str]) -> EventColumns:
    """What a profile is built from: the features, and score, decision and ts where they are; of a
    spec with labels also label, value and segments where the table has them."""
    find = _Finder(spec, available)
    fields = find.optional(("ts", "score", "decision"))
    segments = {}
    if "labels" in spec.inputs:
        fields.update(find.there(("label", "value")))
        segments = {
            name: column
            for name in spec.segments
            if (column := spec.columns.get(f"segment.{name}", name)) in find.available
        }
    scores = find.prefixed("scores.") if spec.prediction.type == "multiclass" else {}
    columns = EventColumns(fields, find.features(), segments, scores)
    return _checked(path, find, columns)


def prediction_columns(path: object, spec: Spec, available: Iterable[str]) -> EventColumns:
    """The columns of prediction events; the features among them unless they come apart."""
    find = _Finder(spec, available)
    fields = {name: find.required(name) for name in ("event_id", "ts")}
    outcome = find.optional(("score", "decision"))
    if not outcome:
        find.faults.append("has neither a column 'score' nor 'decision', and columns place none")
    inline = () if "features" in spec.inputs else find.features()
    columns = EventColumns(
        {**fields, **outcome, **find.optional(_OPTIONAL)},
        inline,
        find.segments(),
        find.prefixed("scores."),
    )
    return _checked(path, find, columns)


def feature_columns(path: object, spec: Spec, available: Iterable[str]) -> EventColumns:
    """The columns of feature events, where they come apart from the predictions."""
    find = _Finder(spec, available)
    fields = {name: find.required(name) for name in ("event_id", "ts")}
    columns = EventColumns({**fields, **find.optional(("source",))}, find.features())
    return _checked(path, find, columns)


def label_columns(path: object, spec: Spec, available: Iterable[str]) -> EventColumns:
    """The columns of label events: ``label_ts`` where the spec or the table has it, or ``ts``."""
    find = _Finder(spec, available)
    apart = "label_ts" in spec.columns or "label_ts" in find.available
    fields = {
        "event_id": find.required("event_id"),
        "ts": find.required("label_ts" if apart else "ts"),
        "label": find.required("label"),
    }
    if not apart and fields["ts"] not in find.available:
        find.faults.append("may have a time of its own, of when the truth was known: `label_ts`")
    value = find.optional(("label_value",)).get("label_value")
    if value is not None:
        fields["value"] = value
    return _checked(path, find, EventColumns(fields))


def _checked(path: object, find: _Finder, columns: EventColumns) -> EventColumns:
    if find.faults:
        raise TableError(path, find.faults)
    return columns
