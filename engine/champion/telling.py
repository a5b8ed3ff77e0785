"""What every record of a comparison says of itself, be it of a look at labels or at users."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.canonical import content_hash
from engine.champion.comparison import Comparison
from engine.durations import format_duration
from engine.timestamps import ms_to_rfc3339

SCHEMA: Final = 1
Tree = dict[str, Any]


def judgement_of(
    comparison: Comparison, section: str, began_ms: int, end_ms: int, body: Tree
) -> Tree:
    """The judgement of a look, over what was counted from ``began_ms`` on."""
    return {
        "schema": SCHEMA,
        "model": comparison.spec.model,
        "version": comparison.spec.version,
        "section": section,
        "champion": comparison.rules.champion,
        "window": format_duration(comparison.rules.looks_ms),
        "start": ms_to_rfc3339(began_ms),
        "end": ms_to_rfc3339(end_ms),
        "revision": 0,
        **body,
    }


def promotion_of(
    comparison: Comparison, kind: str, about: list[Any], began_ms: int, end_ms: int, body: Tree
) -> Tree:
    """The record of a decision; its id is that of what it is about, whenever it was made."""
    rules = msgspec.to_builtins(comparison.rules)
    until, layout = ms_to_rfc3339(end_ms), comparison.layout.hash
    names = [comparison.spec.model, comparison.rules.champion, comparison.spec.version]
    return {
        "promotion_id": content_hash([*names, kind, *about, until, layout, rules]),
        "schema": SCHEMA,
        "kind": kind,
        "model": names[0],
        "champion": names[1],
        "challenger": names[2],
        "from": ms_to_rfc3339(began_ms),
        "until": until,
        **body,
        "rules": rules,
        "spec": comparison.policy_hash,
        "layout": layout,
    }
