"""Everything the core wants done to the world.

Rule.  The core never calls out: it returns effects, in order, and the shell carries them out.  Each
effect names its output topic by role, its key and its bytes; nothing in it depends on a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OutputTopic = Literal[
    "judgements", "alerts", "retraining-triggers", "audit", "dead-letters", "late", "panes"
]


@dataclass(frozen=True, slots=True)
class Publish:
    """Write one record.  ``headers`` are Connect-style for dead letters."""

    topic: OutputTopic
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
