"""The sections of a spec that stand on their own: each reads one mapping and bounds its numbers."""

from __future__ import annotations

import re
from datetime import date
from typing import Final, Literal, get_args

from engine.durations import UNITS_MS, format_duration
from engine.quality_faults import FAULTS
from engine.spec import FeatureSpec, Inventory, LabelRules, PredictionSpec, TimeRules, Topic
from engine.spec_fields import Fields, finite_number
from engine.spec_yaml import Listing, Scalar, Value
from engine.unit_conversions import UNITS
from engine.upstream import MAX_UPSTREAM, refuse_circles

MAX_FEATURES: Final = 2_000
MAX_FEATURE_NAME: Final = 200
"""Characters of a feature's name; any but control characters and those of UNDECODED."""
UNDECODED: Final = frozenset('"\\')
"""JSON escapes them in a key, and the decoder takes no field of such a name."""
MAX_BINS: Final = 100
MAX_FINE_BINS: Final = 1_000
MAX_CATEGORIES: Final = 1_000
MAX_MATURITIES: Final = 10
MAX_IMPORTANCE: Final = 1e6
MAX_ODDS_RATIO: Final = 1e6

_DEFAULT_FINE_BINS: Final = 60
_TIERS: Final[tuple[Literal["low", "medium", "high"], ...]] = ("low", "medium", "high")
_STATUSES: Final[tuple[Literal["development", "shadow", "production", "retired"], ...]] = (
    "development",
    "shadow",
    "production",
    "retired",
)
_FEATURE_TYPES: Final[tuple[Literal["numeric", "categorical"], ...]] = ("numeric", "categorical")
_PREDICTIONS: Final[tuple[Literal["binary", "multiclass", "regression"], ...]] = (
    "binary",
    "multiclass",
    "regression",
)
_MINUTE: Final = UNITS_MS["m"]
_DAY: Final = UNITS_MS["d"]
MIN_PANE_MS: Final = 100
MAX_PANE_MS: Final = _DAY
MAX_LABEL_PANE_MS: Final = 30 * _DAY
MAX_LATENESS_MS: Final = 30 * _DAY
MAX_PENDING: Final = 20_000_000
MAX_OPEN_PANES: Final = 10_000
"""Base panes between the watermark and the end of the amend horizon, which are all kept open."""


def read_inventory(spec: Fields) -> Inventory:
    """``inventory``: the owner is required, the rest has defaults."""
    fields = spec.section("inventory", required=True)
    if fields.absent:
        return Inventory(owner="")
    owner = fields.text("owner")
    purpose = fields.text("purpose", "")
    tier = fields.choice("risk_tier", _TIERS[1], _TIERS)
    status = fields.choice("status", _STATUSES[2], _STATUSES)
    review = _read_date(fields, "next_review")
    fields.close()
    return Inventory(
        owner=owner, purpose=purpose, risk_tier=tier, status=status, next_review=review
    )


def _read_date(fields: Fields, key: str) -> str | None:
    if fields.nothing(key):
        return None
    found = fields.scalar(key, "a date such as 2027-06-30")
    if found is None:
        return None
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", found.text, re.ASCII):
            raise ValueError(found.text)
        return date.fromisoformat(found.text).isoformat()
    except ValueError:
        fields.fault(key, f"must be a date such as 2027-06-30, not {found.text[:40]!r}")
        return None


def read_time(spec: Fields) -> tuple[TimeRules, bool]:
    """``time``, and whether its base pane can be reckoned with."""
    fields = spec.section("time")
    pane_ms = fields.duration("pane", 10_000, MIN_PANE_MS, MAX_PANE_MS)
    lateness_ms = fields.duration("lateness", 30_000, 0, MAX_LATENESS_MS)
    amend_ms = fields.duration("amend", 600_000, 0, MAX_LATENESS_MS)
    idle_ms = fields.duration("idle", 30_000, 1_000, _DAY)
    fields.close()
    open_panes = (lateness_ms + amend_ms) // pane_ms
    if fields.sound("pane", "lateness", "amend") and open_panes > MAX_OPEN_PANES:
        fields.fault(
            "pane",
            f"{format_duration(pane_ms)} leaves {open_panes} panes open within lateness + amend, "
            f"at most {MAX_OPEN_PANES}: use a longer pane",
        )
    sound = spec.sound("time") and fields.sound("pane")
    rules = TimeRules(pane_ms=pane_ms, lateness_ms=lateness_ms, amend_ms=amend_ms, idle_ms=idle_ms)
    return rules, sound


def read_features(spec: Fields) -> tuple[FeatureSpec, ...]:
    """``features``: a mapping of name -> what it is."""
    section = spec.section("features", required=True)
    names = list(section.mapping.entries)
    if not names and spec.sound("features") and not section.absent:
        spec.fault("features", "must name at least one feature")
    if len(names) > MAX_FEATURES:
        spec.fault("features", f"has {len(names)} features, at most {MAX_FEATURES} are allowed")
        return ()
    features = tuple(_read_feature(section, name) for name in names)
    refuse_circles(section, features)
    return features


def _read_feature(section: Fields, name: str) -> FeatureSpec:
    reason = feature_name_fault(name)
    if reason:
        section.fault(name, reason)
    fields = section.section(name)
    if fields.absent:
        return FeatureSpec(name=name, type="numeric")
    kind = fields.choice("type", None, _FEATURE_TYPES)
    for key, owner in (
        ("bins", "numeric"),
        ("fine_bins", "numeric"),
        ("range", "numeric"),
        ("unit", "numeric"),
        ("categories", "categorical"),
    ):
        if fields.sound("type") and fields.has(key) and kind != owner:
            fields.fault(key, f"is only for a {owner} feature")
    bins, fine_bins = read_bins(fields)
    low, high = _read_range(fields)
    categories = 50
    if fields.sound("categories"):
        categories = fields.whole("categories", categories, 1, MAX_CATEGORIES)
    importance = None
    if fields.has("importance") and not fields.nothing("importance"):
        importance = fields.number("importance", 0.0, 0.0, MAX_IMPORTANCE)
    required = fields.flag("required", default=False)
    sensitive = fields.flag("sensitive", default=False)
    unchecked = fields.texts(
        "unchecked", len(FAULTS), "|".join(FAULTS), f"a fault is {', '.join(FAULTS)}"
    )
    unit = fields.text("unit", "", "|".join(map(re.escape, UNITS)), f"a unit is {', '.join(UNITS)}")
    upstream = fields.texts("upstream", MAX_UPSTREAM, r".{1,200}", "the name is too long")
    fields.know("bins", "fine_bins", "range", "categories", "importance")
    fields.close()
    return FeatureSpec(
        name=name,
        type=kind,
        bins=bins,
        fine_bins=fine_bins,
        categories=categories,
        required=required,
        low=low,
        high=high,
        importance=importance,
        upstream=upstream,
        sensitive=sensitive,
        unit=unit,
        unchecked=unchecked,
    )


def feature_name_fault(name: str) -> str:
    """Why a text cannot name a feature; empty when it can."""
    if not name.strip():
        return "a feature's name must not be empty"
    if len(name) > MAX_FEATURE_NAME:
        return f"a feature's name has at most {MAX_FEATURE_NAME} characters, not {len(name)}"
    if not name.isprintable() or UNDECODED & set(name):
        return "a feature's name must not contain control characters, \" or \\"
    return ""


def read_bins(fields: Fields) -> tuple[int, int]:
    """``bins`` and ``fine_bins``; by default the fine ones merge into equal coarse ones."""
    if not fields.sound("bins", "fine_bins"):
        return 10, _DEFAULT_FINE_BINS
    bins = fields.whole("bins", 10, 2, MAX_BINS)
    merging = bins * -(-_DEFAULT_FINE_BINS // bins)
    fine_bins = fields.whole("fine_bins", merging, 2, MAX_FINE_BINS)
    if fields.sound("bins", "fine_bins") and fine_bins < bins:
        fields.fault("fine_bins", f"must be at least bins ({bins}), not {fine_bins}")
    return bins, fine_bins


def _read_range(fields: Fields) -> tuple[float | None, float | None]:
    if not fields.has("range") or not fields.sound("range"):
        return None, None
    value = fields.raw("range")
    if value is None:
        return None, None
    if not isinstance(value, Listing) or len(value.items) != 2:  # noqa: PLR2004
        fields.fault("range", "must be [lowest, highest], null for an open end")
        return None, None
    low, high = (_read_end(fields, item) for item in value.items)
    if fields.sound("range") and low is not None and high is not None and low >= high:
        fields.fault("range", f"must go from low to high, not [{low:g}, {high:g}]")
    return low, high


def _read_end(fields: Fields, item: Value) -> float | None:
    if isinstance(item, Scalar) and item.kind == "null":
        return None
    number = finite_number(item) if isinstance(item, Scalar) else None
    if number is None:
        fields.fault_at("range", item, "must be a finite number, or null for an open end")
    return number


def read_prediction(spec: Fields) -> PredictionSpec:
    """``prediction``."""
    fields = spec.section("prediction")
    kind = fields.choice("type", _PREDICTIONS[0], _PREDICTIONS)
    threshold = fields.number("threshold", 0.5)
    bins, fine_bins = read_bins(fields)
    watch = fields.number("rate_watch", 1.5, 1.0, MAX_ODDS_RATIO)
    drift = fields.number("rate_drift", max(2.0, watch), 1.0, MAX_ODDS_RATIO)
    fields.close()
    if fields.sound("rate_watch", "rate_drift") and watch > drift:
        fields.fault("rate_drift", f"must be at least rate_watch ({watch:g}), not {drift:g}")
    return PredictionSpec(
        type=kind,
        threshold=threshold,
        bins=bins,
        fine_bins=fine_bins,
        rate_watch=watch,
        rate_drift=drift,
    )


def read_inputs(spec: Fields) -> tuple[Topic, ...]:
    """``inputs`` in one order, however they are written."""
    topics: tuple[Topic, ...] = get_args(Topic)
    if not spec.has("inputs"):
        spec.know("inputs")
        return ("predictions",)
    named = spec.texts("inputs", len(topics), "|".join(topics), f"an input is {', '.join(topics)}")
    if spec.sound("inputs") and "predictions" not in named:
        spec.fault("inputs", "must have predictions among them")
    return tuple(topic for topic in topics if topic in named)


def read_label(spec: Fields) -> LabelRules:
    """``label``: the labels' own clock."""
    fields = spec.section("label")
    ttl_ms = fields.duration("ttl", 90 * _DAY, _MINUTE)
    lateness_ms = fields.duration("lateness", _DAY)
    amend_ms = fields.duration("amend", 7 * _DAY)
    maturities: list[int] = []
    for item in fields.items("maturities", MAX_MATURITIES):
        maturity_ms = fields.duration_at("maturities", item, low_ms=1)
        if maturity_ms is None:
            continue
        if maturity_ms in maturities:
            fields.fault_at("maturities", item, f"{format_duration(maturity_ms)} stands here twice")
        elif maturity_ms > ttl_ms and fields.sound("ttl"):
            fields.fault_at("maturities", item, _over_ttl(maturity_ms, ttl_ms))
        maturities.append(maturity_ms)
    negative_after_ms: int | None = None
    if fields.has("negative_after") and not fields.nothing("negative_after"):
        negative_after_ms = fields.duration("negative_after", ttl_ms, low_ms=1)
        if negative_after_ms > ttl_ms and fields.sound("ttl", "negative_after"):
            fields.fault("negative_after", _over_ttl(negative_after_ms, ttl_ms))
    fields.know("negative_after")
    pane_ms = (
        fields.duration("pane", 0, MIN_PANE_MS, MAX_LABEL_PANE_MS) if fields.has("pane") else None
    )
    fields.know("pane")
    pane_ms = pane_ms if fields.sound("pane") else None
    idle_ms = fields.duration("idle", _DAY, 1_000, MAX_LATENESS_MS)
    pending = fields.whole("pending", 500_000, 1, MAX_PENDING)
    fields.close()
    return LabelRules(
        ttl_ms=ttl_ms,
        lateness_ms=lateness_ms,
        amend_ms=amend_ms,
        maturities_ms=tuple(sorted(maturities)),
        negative_after_ms=negative_after_ms,
        pane_ms=pane_ms,
        idle_ms=idle_ms,
        pending=pending,
    )


def _over_ttl(duration_ms: int, ttl_ms: int) -> str:
    return (
        f"{format_duration(duration_ms)} is longer than ttl ({format_duration(ttl_ms)}), "
        "after which a prediction is forgotten"
    )
