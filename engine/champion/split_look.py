"""A look at how a comparison splits its users, as episodes of alerts take a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.durations import format_duration

if TYPE_CHECKING:
    from engine.model import MonitoredModel
    from engine.spec import WindowRule


@dataclass(frozen=True, slots=True)
class SplitLook:
    """One look of a comparison."""

    model: MonitoredModel
    """The comparison."""
    end_ms: int
    events: int

    @property
    def window(self) -> WindowRule:
        """How long it is, by that name."""
        (rule,) = self.model.spec.windows
        return msgspec.structs.replace(rule, name=format_duration(rule.length_ms))

    @property
    def start_ms(self) -> int:
        """Start of the look."""
        return self.end_ms - self.window.length_ms
