"""The ``alerts`` section of a spec: when an episode ends, what to do, and when to be quiet.

Rule.  A mute and a maintenance window have an end and a reason, or they are faults: one that nobody
remembers hides what it was not meant for.  Their times are event time, so that a replay is as quiet
as the worker was.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from engine.alert_rules import OTHER_ALERTS, AlertRules, Maintenance, Mute
from engine.durations import UNITS_MS
from engine.spec_faults import did_you_mean
from engine.spec_fields import Fields
from engine.spec_yaml import Mapping
from engine.timestamps import TimestampError, rfc3339_to_ms

MAX_CALM: Final = 100
"""Windows that an episode may outlive its cause."""
MAX_MUTES: Final = 100
"""Mutes, and as many maintenance windows."""
MIN_NO_DATA_MS: Final = UNITS_MS["m"]
MAX_QUIET_MS: Final = 366 * UNITS_MS["d"]
"""How long one of them may last: what is never wanted is switched off in the spec."""
_TIME: Final = "a time with a zone such as 2026-11-27T00:00:00Z"
_LINK: Final = r"\S{1,500}"


def read_alerts(spec: Fields, rules: Collection[str] | None) -> AlertRules:
    """``alerts``; ``rules`` are the names of the rules that a mute may be of, None for any."""
    fields = spec.section("alerts")
    usual = AlertRules()
    calm = fields.whole("calm", usual.calm, 1, MAX_CALM)
    no_data_ms = fields.duration("no_data", usual.no_data_ms, MIN_NO_DATA_MS, MAX_QUIET_MS)
    runbook = fields.text("runbook", usual.runbook, _LINK, "a link has no spaces")
    mutes = tuple(_read_mute(each, rules) for each in _periods(fields, "mutes"))
    maintenance = tuple(_read_maintenance(each) for each in _periods(fields, "maintenance"))
    fields.close()
    return AlertRules(
        calm=calm,
        no_data_ms=no_data_ms,
        runbook=runbook,
        mutes=mutes,
        maintenance=maintenance,
    )


def _periods(fields: Fields, key: str) -> list[Fields]:
    found = []
    for item in fields.items(key, MAX_MUTES):
        if isinstance(item, Mapping):
            found.append(Fields(item, fields.faults))
        else:
            fields.fault_at(key, item, "must be a mapping with from, until and reason")
    return found


def _read_mute(fields: Fields, rules: Collection[str] | None) -> Mute:
    rule = fields.text("rule", "")
    if rule and rules is not None and rule not in {*rules, *OTHER_ALERTS}:
        fields.fault("rule", f"is no rule{did_you_mean(rule, rules)}")
    cause = fields.text("cause", "")
    from_ms, until_ms, reason = _read_period(fields)
    fields.close()
    return Mute(rule=rule, cause=cause, from_ms=from_ms, until_ms=until_ms, reason=reason)


def _read_maintenance(fields: Fields) -> Maintenance:
    from_ms, until_ms, reason = _read_period(fields)
    fields.close()
    return Maintenance(from_ms=from_ms, until_ms=until_ms, reason=reason)


def _read_period(fields: Fields) -> tuple[int, int, str]:
    from_ms, until_ms = _read_time(fields, "from"), _read_time(fields, "until")
    reason = fields.text("reason")
    if fields.sound("from", "until") and from_ms >= until_ms:
        fields.fault("until", "must be after from")
    elif fields.sound("from", "until") and until_ms - from_ms > MAX_QUIET_MS:
        fields.fault("until", f"must be at most {MAX_QUIET_MS // UNITS_MS['d']} days after from")
    return from_ms, until_ms, reason


def _read_time(fields: Fields, key: str) -> int:
    found = fields.scalar(key, _TIME, required=True)
    if found is None:
        return 0
    try:
        return rfc3339_to_ms(found.text)
    except TimestampError:
        fields.fault(key, f"must be {_TIME}, not {found.text[:40]!r}")
        return 0
