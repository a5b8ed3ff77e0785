"""What the peers count: events per model, minute of event time and merchant type.

Rule.  Standard library only, because one peer lives in another virtual environment.
"""

from __future__ import annotations

from typing import Any

MINUTE_MS = 60_000


def cell_of(event: dict[str, Any]) -> str:
    """The key under which an event is counted."""
    minute = int(event["ts"]) // MINUTE_MS
    return f"{event['model']}/{minute}/{event['features']['merchant_type']}"
