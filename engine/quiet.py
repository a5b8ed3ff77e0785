"""When a model is not to wake anybody: mutes of its alerts, and maintenance of its data.

Rule.  A mute covers a window that overlaps with it, as maintenance does: the window's data are of
that time.  A window that overlaps with maintenance is judged, and its judgement says why no rule
examined it: histories, charts, episodes and cool-downs are as if it had not been.
"""

from __future__ import annotations

from typing import Any

from engine.alert_rules import Maintenance, Mute
from engine.spec import Spec
from engine.timestamps import ms_to_rfc3339


def maintenance_in(spec: Spec, start_ms: int, end_ms: int) -> Maintenance | None:
    """The first maintenance of the spec that overlaps with [start, end)."""
    for each in spec.alerts.maintenance:
        if each.from_ms < end_ms and start_ms < each.until_ms:
            return each
    return None


def maintenance_tree(spec: Spec, start_ms: int, end_ms: int) -> dict[str, Any]:
    """What a judgement says where no rule examined it, and why; empty of any other window."""
    found = maintenance_in(spec, start_ms, end_ms)
    if found is None:
        return {}
    return {"maintenance": {"until": ms_to_rfc3339(found.until_ms), "reason": found.reason}}


def mute_of(spec: Spec, key: str, start_ms: int, end_ms: int) -> Mute | None:
    """The first mute of an alert (``rule/cause``) that overlaps with [start, end)."""
    rule, cause = key.split("/", 1)
    for mute in spec.alerts.mutes:
        about = mute.rule in {"", rule} and mute.cause in {"", cause}
        if about and mute.from_ms < end_ms and start_ms < mute.until_ms:
            return mute
    return None


def is_quiet(spec: Spec, key: str, clock_ms: int) -> bool:
    """Whether an open alert is to wake nobody at this event time."""
    at = clock_ms, clock_ms + 1
    return mute_of(spec, key, *at) is not None or maintenance_in(spec, *at) is not None
