"""Maintenance: times in which the data say nothing of the model.

Rule.  A window that overlaps with one is judged, and its judgement says why no rule examined it:
histories, charts, episodes and cool-downs are as if it had not been.
"""

from __future__ import annotations

from typing import Any

from engine.alert_rules import Maintenance
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
