"""A monitor spec from YAML: a complete :class:`engine.spec.Spec`, or every fault with its place.

Rule.  The file is read to its end whatever is wrong with it, so that one look mends it.  A fault
names its key and line, says what is allowed, and where a name is unknown, which one was likely
meant.  Everything that is optional has a default that works; what is written but not understood is
a fault, never ignored.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.canonical import content_hash
from engine.durations import UNITS_MS, format_duration
from engine.label_windows import refuse_open_label_panes
from engine.spec import Season, Spec
from engine.spec_alerts import read_alerts
from engine.spec_comparison import read_comparison
from engine.spec_concept import read_concept, with_window_of_concept
from engine.spec_estimators import read_estimators
from engine.spec_faults import Fault, SpecError, did_you_mean
from engine.spec_fields import Fields
from engine.spec_limits import (
    read_budget,
    read_business,
    read_operations,
    read_quality,
    refuse_kpi_without_limits,
    refuse_outcomes_without_labels,
)
from engine.spec_performance import (
    read_performance,
    refuse_outcomes_nobody_reads,
    with_windows_of_labels,
)
from engine.spec_retraining import read_retraining
from engine.spec_sections import (
    MAX_FEATURE_NAME,
    read_features,
    read_inputs,
    read_inventory,
    read_label,
    read_prediction,
    read_time,
)
from engine.spec_windows import read_windows
from engine.spec_yaml import read_tree

__all__ = ["COLUMN_FIELDS", "Fault", "SpecError", "read_spec", "spec_hash"]

NAME_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"
NAME_MEANING: Final = (
    "1 to 100 letters, digits, dots, underscores, plus or minus signs, the first a letter or digit"
)
MAX_SEGMENTS: Final = 20
MAX_COLUMNS: Final = 200
MAX_DUPLICATES: Final = 10_000_000
DEFAULT_ESTIMATORS: Final = frozenset({"adwin", "stale"})
COLUMN_FIELDS: Final = (
    "event_id",
    "ts",
    "score",
    "decision",
    "label",
    "label_ts",
    "latency_ms",
    "role",
    "value",
    "label_value",
    "unit",
    "error",
    "ts_zone",
)
"""Fields of events that ``columns`` may place; ``ts_zone: UTC`` says what naive times mean, and
``segment.NAME`` and ``scores.CLASS`` place a segment and a class."""
_COLUMN_PREFIXES: Final = ("segment.", "scores.")
_SEASON_MS: Final[dict[Season, int]] = {"hour": UNITS_MS["h"], "weekday": UNITS_MS["d"]}


def read_spec(
    text: str,
    known_estimators: Collection[str] = DEFAULT_ESTIMATORS,
    loss_estimators: Collection[str] = (),
    known_rules: Collection[str] | None = None,
) -> Spec:
    """The spec that ``text`` (YAML, at most MAX_SPEC_BYTES) says.

    Raises SpecError with every fault of the file.  ``known_estimators`` are the names that
    ``estimators`` may have, which watch features; ``loss_estimators`` those that watch losses only,
    and are refused as such.  ``known_rules`` are the decision rules that a mute may name, None for
    any.
    """
    faults: list[Fault] = []
    fields = Fields(read_tree(text, faults), faults)
    model = fields.text("model", None, NAME_PATTERN, NAME_MEANING)
    version = fields.text("version", None, NAME_PATTERN, NAME_MEANING)
    inventory = read_inventory(fields)
    time, pane_sound = read_time(fields)
    windows = read_windows(fields, time.pane_ms if pane_sound else None)
    features = read_features(fields)
    watch, drift, pseudo_count = _read_psi(fields)
    known_windows = windows if pane_sound and fields.sound("windows") else None
    prediction, inputs, label = read_prediction(fields), read_inputs(fields), read_label(fields)
    performance = read_performance(fields, known_windows, prediction, inputs, label)
    spec = Spec(
        model=model,
        version=version,
        inventory=inventory,
        time=time,
        windows=windows,
        features=features,
        prediction=prediction,
        inputs=inputs,
        label=label,
        segments=_read_segments(fields),
        season=_read_season(fields, time.pane_ms if pane_sound else None),
        duplicates_last=_read_duplicates(fields),
        retraining=read_retraining(
            fields, known_windows, len(features), drift, inputs, judged=performance is not None
        ),
        quality=read_quality(fields, known_windows),
        business=read_business(fields, known_windows),
        operations=read_operations(fields, known_windows),
        performance=performance,
        concept=read_concept(fields, known_windows, prediction, inputs, performance),
        comparison=read_comparison(fields, version, prediction, inputs, time, label),
        alerts=read_alerts(fields, known_rules),
        budget=read_budget(fields),
        psi_watch=watch,
        psi_drift=drift,
        pseudo_count=pseudo_count,
        estimators=read_estimators(fields, known_estimators, loss_estimators),
        columns=_read_columns(fields),
    )
    spec = _with_windows(spec, fields, sound=pane_sound)
    fields.close()
    if faults:
        raise SpecError(faults)
    return spec


def _with_windows(spec: Spec, fields: Fields, *, sound: bool) -> Spec:
    """The spec with the windows that labels and losses are judged over, where those of the data
    are ``sound``."""
    refuse_outcomes_without_labels(spec, fields)
    refuse_kpi_without_limits(spec, fields)
    if not sound or not fields.sound("label", "windows"):
        return spec
    refuse_open_label_panes(spec, fields)
    refuse_outcomes_nobody_reads(spec, fields)
    return with_window_of_concept(with_windows_of_labels(spec, fields), fields)


def spec_hash(spec: Spec) -> str:
    """``sha256:<hex>`` of the canonical form: what the spec says, not how it is written."""
    return content_hash(spec)


def _read_segments(spec: Fields) -> tuple[str, ...]:
    pattern = rf".{{1,{MAX_FEATURE_NAME}}}"
    return spec.texts("segments", MAX_SEGMENTS, pattern, "the name is too long")


def _read_psi(spec: Fields) -> tuple[float, float, float]:
    fields = spec.section("psi")
    watch = fields.number("watch", 0.10, 1e-6, 100.0)
    drift = fields.number("drift", 0.20, 1e-6, 100.0)
    pseudo_count = fields.number("pseudo_count", 0.5, 1e-9, 100.0)
    fields.close()
    if fields.sound("watch", "drift") and watch >= drift:
        where = "watch" if fields.has("watch") else "drift"
        fields.fault(where, f"watch ({watch:g}) must be below drift ({drift:g})")
    return watch, drift, pseudo_count


def _read_season(spec: Fields, base_ms: int | None) -> Season | None:
    if spec.nothing("season") or not spec.has("season"):
        spec.know("season")
        return None
    seasons: tuple[Season, ...] = ("hour", "weekday")
    season = spec.choice("season", "hour", seasons)
    if spec.sound("season") and base_ms is not None and _SEASON_MS[season] % base_ms:
        spec.fault(
            "season",
            f"{season} needs a base pane that divides {format_duration(_SEASON_MS[season])}, "
            f"and time.pane is {format_duration(base_ms)}",
        )
    return season


def _read_duplicates(spec: Fields) -> int:
    fields = spec.section("duplicates")
    last = fields.whole("last", 0, 0, MAX_DUPLICATES)
    fields.close()
    return last


def _read_columns(spec: Fields) -> dict[str, str]:
    section = spec.section("columns")
    if len(section.mapping.entries) > MAX_COLUMNS:
        spec.fault("columns", f"at most {MAX_COLUMNS} are allowed")
        return {}
    columns: dict[str, str] = {}
    for key in section.mapping.entries:
        if key not in COLUMN_FIELDS and not key.startswith(_COLUMN_PREFIXES):
            section.fault(key, f"is no field of an event{did_you_mean(key, COLUMN_FIELDS)}")
            continue
        columns[key] = section.text(key, "")
        if key == "ts_zone" and section.sound(key) and columns[key] != "UTC":
            section.fault(key, "can only be UTC: convert the times of another zone first")
    return columns
