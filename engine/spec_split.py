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
    from engine.comparison_rules import ComparisonRules, Mode

LEAST_SHARE: Final = 0.001
MAX_STAGES: Final = 10
MAX_STAGE_EVENTS: Final = 1_000_000_000
MAX_RUN: Final = 1_000_000
USUAL_SHARE: Final = 0.5
DAY_MS: Final = UNITS_MS["d"]
OF_SPLITS: Final = ("share", "share_significance", "stages", "settle")


def read_split(fields: Fields, mode: Mode, looks_ms: int, told_ms: int) -> dict[str, Any]:
    """Fields of :class:`engine.comparison_rules.ComparisonRules`; ``told_ms`` is how long after the
    end of a look its decision on a stage comes at the earliest."""
    run = {"run": fields.whole("run", 1, 1, MAX_RUN)}
    if mode == "shadow":
        for key in OF_SPLITS:
            if fields.has(key) and fields.sound("mode"):
                fields.fault(key, "is of mode: split; in the shadow every user gets the champion")
        fields.know(*OF_SPLITS)
        return run
    usual_ms = (told_ms // looks_ms + 1) * looks_ms
    settle_ms = fields.duration("settle", usual_ms, 0, max(usual_ms, 30 * DAY_MS))
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
        elif fields.has("settle") and fields.sound("settle") and settle_ms <= told_ms:
            fields.fault(
                "settle",
                f"is over before anybody knows: that a stage is passed is told "
                f"{format_duration(told_ms)} after its look at the earliest",
            )
        return found
    if fields.has("settle"):
        fields.fault("settle", "is of stages: from one to the next users have to be moved")
    return {**found, "share": fields.number("share", USUAL_SHARE, LEAST_SHARE, 1.0 - LEAST_SHARE)}


def refuse_endless_stages(fields: Fields, rules: ComparisonRules) -> None:
    """Faults for stages in which the comparison is over before they can be passed."""
    if not fields.sound("stages", "settle", "length", "looks"):
        return
    looks_ms = rules.looks_ms
    for number, stage in enumerate(rules.stages):
        is_last = number + 1 == len(rules.stages)
        # The first look of all counts for no stage.
        needed_ms = max(1, -(-stage.least_ms // looks_ms)) * looks_ms + (0 if number else looks_ms)
        needed_ms += 0 if is_last else rules.settle_ms + looks_ms
        if needed_ms > rules.length_ms:
            fields.fault(
                "stages",
                f"stage {number + 1} takes {format_duration(needed_ms)} at least, and the "
                f"comparison is over after {format_duration(rules.length_ms)}: say a longer length",
            )


def _read_stages(fields: Fields, looks_ms: int) -> tuple[Stage, ...]:
    found: list[Stage] = []
    known_share = 0.0
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
        elif one.sound("share"):
            if share <= known_share:
                one.fault("share", "must be above that of the stage before")
            elif share > 1.0 - LEAST_SHARE and (
                share < 1.0 or number + 1 < len(items) or not number
            ):
                one.fault("share", "leaves the champion next to nobody; only a last stage may be 1")
            known_share = share
        for key in ("least", "events"):
            if share == 1.0 and one.has(key):
                one.fault(key, "says nothing here: a share of 1 is the promotion itself")
        if not one.sound("share", "least", "events"):
            fields.broken.add("stages")
        found.append(stage)
    if fields.has("stages") and fields.sound("stages") and not found:
        fields.fault("stages", "has no stage")
    return tuple(stage for stage in found if stage.share < 1.0)
