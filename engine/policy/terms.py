"""When versions began and ceased to serve, as ``audit`` tells it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.policy.reasons import Tree
from engine.tenure import AUDIT_KIND
from engine.timestamps import rfc3339_to_ms


@dataclass(frozen=True, slots=True)
class ToldTerm:
    """A version that took over, or that was taken over."""

    at_ms: int
    version: str
    what: str
    """``serves from here on``, or why it ended."""


def terms_told(records: Iterable[Tree]) -> list[ToldTerm]:
    """The beginnings and ends of terms, by time; at one time what ends comes first."""
    found = []
    for record in records:
        if record.get("kind") != AUDIT_KIND or record["change"] not in {"begins", "ends"}:
            continue
        ends = record["change"] == "ends"
        what = f"ends, {record['reason']}" if ends else "serves from here on"
        found.append(ToldTerm(rfc3339_to_ms(record["at"]), record["version"], what))
    return sorted(found, key=lambda one: (one.at_ms, one.what, one.version))
