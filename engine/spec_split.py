"""The part of a spec's ``comparison`` that says how users are split, and the stages of a canary.

Rule.  A split has one share, or stages of rising shares; a last stage of 1 is the promotion itself
and may be left out.  In the shadow there is nobody to split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.comparison_rules import Stage
from engine.durations import UNITS_MS, format_duration
from engine.spec_fields import Fields
from engine.spec_yaml import Mapping

if TYPE_CHECKING:
    from engine.comparison_rules import Mode

LEAST_SHARE: Final = 0.001
MAX_STAGES: Final = 10
MAX_STAGE_EVENTS: Final = 1_000_000_000
MAX_RUN: Final = 1_000_000
USUAL_SHARE: Final = 0.5
DAY_MS: Final = UNITS_MS["d"]
OF_SPLITS: Final = ("share", "share_significance", "stages", "settle")


def read_split(fields: Fields, mode: Mode, looks_ms: int) -> dict[str, Any]:
    """Fields of :class:`engine.comparison_rules.ComparisonRules`."""
    run = {"run": fields.whole("run", 1, 1, MAX_RUN)}
    if mode == "shadow":
        for key in OF_SPLITS:
            if fields.has(key):
                fields.fault(key, "is of mode: split; in the shadow every user gets the champion")
        fields.know(*OF_SPLITS)
        return run
    settle_ms = fields.duration("settle", looks_ms, 0, 30 * DAY_MS)
    found = {
        **run,
        "share_significance": fields.number("share_significance", 0.001, 1e-9, 0.05),
        "stages": _read_stages(fields, looks_ms),
        "settle_ms": settle_ms,
    }
    if fields.has("stages"):
        if fields.has("share"):
            fields.fault("share", "stands in each of the stages")
        fields.know("share")
        if fields.sound("settle") and settle_ms % looks_ms:
            fields.fault("settle", f"is no whole number of looks of {format_duration(looks_ms)}")
        return found
    return {**found, "share": fields.number("share", USUAL_SHARE, LEAST_SHARE, 1.0 - LEAST_SHARE)}


def _read_stages(fields: Fields, looks_ms: int) -> tuple[Stage, ...]:
    found: list[Stage] = []
    items = fields.items("stages", MAX_STAGES)
    for number, item in enumerate(items):
        if not isinstance(item, Mapping):
            fields.fault_at("stages", item, "must be a mapping with share, least and events")
            continue
        one = Fields(item, fields.faults)
        share = one.number("share", USUAL_SHARE, LEAST_SHARE, 1.0)
        stage = Stage(
            share=share,
            least_ms=one.duration("least", max(DAY_MS, looks_ms), 0, 366 * DAY_MS),
            events=one.whole("events", 0, 0, MAX_STAGE_EVENTS),
        )
        one.close()
        if not one.has("share"):
            one.fault("share", "is required")
        elif found and share <= found[-1].share:
            one.fault("share", "must be above that of the stage before")
        elif share > 1.0 - LEAST_SHARE and (share < 1.0 or number + 1 < len(items) or not number):
            one.fault("share", "leaves the champion next to nobody; only a last stage may be 1")
        found.append(stage)
    if fields.has("stages") and fields.sound("stages") and not found:
        fields.fault("stages", "has no stage")
    return tuple(stage for stage in found if stage.share < 1.0)
